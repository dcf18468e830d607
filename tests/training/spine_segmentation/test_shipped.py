"""The body and disc net goes on from its ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from torch import Tensor, nn  # noqa: E402

from training.spine_segmentation.networks import SmallUNet  # noqa: E402
from training.spine_segmentation.recipe import FILES, write_package  # noqa: E402
from training.spine_segmentation.shipped import (  # noqa: E402
    load_weights,
    measure_normalisations,
)


def net_with_history() -> SmallUNet:
    """A net whose normalisations have seen something."""
    torch.manual_seed(0)
    net = SmallUNet((8, 16, 16), 3, 2)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return net.eval()


def images() -> Tensor:
    grey = np.random.default_rng(0).random((4, 3, 64, 64), dtype=np.float32)
    return torch.from_numpy(grey)


def scores(net: nn.Module) -> Tensor:
    with torch.no_grad():
        out: Tensor = net(images())
    return out


@pytest.fixture
def loaded(tmp_path: Path) -> SmallUNet:
    write_package(tmp_path, nn.ModuleDict({"semantic": net_with_history()}))
    net = SmallUNet((8, 16, 16), 3, 2).eval()
    load_weights(net, tmp_path / FILES["semantic"])
    return net


def test_it_computes_what_the_file_does(loaded: SmallUNet) -> None:
    """But for the rounding of weights to bytes."""
    expected = scores(net_with_history())
    assert float((scores(loaded) - expected).abs().max()) < 0.03 * float(expected.std())


def test_normalisations_are_those_of_the_samples(loaded: SmallUNet) -> None:
    before = scores(loaded)
    measure_normalisations(loaded, images())
    assert torch.allclose(scores(loaded), before, atol=1e-3)
    norms = [m for m in loaded.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(float(norm.running_var.sub(1).abs().max()) > 1e-3 for norm in norms)
    # with the statistics of the batch it computes the same, so that training begins where it was
    assert torch.allclose(scores(loaded.train()), before, atol=1e-2)
