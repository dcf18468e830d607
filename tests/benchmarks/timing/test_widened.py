"""Networks of released size that hold the trained ones compute the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks import EMBEDDED_PACKAGES
from benchmarks.timing.dataset import DatasetRow, dataset_table
from benchmarks.timing.sizes import INSTANCE_WIDTH
from benchmarks.timing.widened import FEATURES, read_config, widen_instance, widen_semantic
from spineps_nipype.models.networks.instance_unet import InstanceUNet
from spineps_nipype.models.networks.semantic_unet import build_semantic_unet


def unet(features: list[int]) -> Any:
    stages = len(features)
    architecture = {
        "network_class_name": "x.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": features,
            "conv_op": torch.nn.Conv3d,
            "kernel_sizes": [[1, 3, 3], *[[3, 3, 3]] * (stages - 1)],
            "strides": [[1, 1, 1], *[[2, 2, 2]] * (stages - 1)],
            "n_conv_per_stage": [2] * stages,
            "n_conv_per_stage_decoder": [2] * (stages - 1),
            "conv_bias": True,
            "norm_op": torch.nn.InstanceNorm3d,
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "nonlin": torch.nn.LeakyReLU,
        },
    }
    return build_semantic_unet({"architecture": architecture}, 1, 3, "test").eval()


def randomised(network: Any) -> Any:
    with torch.no_grad():
        for value in network.parameters():
            value.normal_(0, 0.2)
    return network


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_the_semantic_network_computes_what_the_small_one_does() -> None:
    small, large = randomised(unet([4, 6, 8])), randomised(unet([8, 16, 16]))
    image = torch.randn(1, 1, 8, 16, 16)
    with torch.inference_mode():
        wanted, before = small(image), large(image)
        widen_semantic(large, small.state_dict())
        found = large(image)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(before, wanted, atol=0.1)


def test_the_instance_network_computes_what_the_small_one_does() -> None:
    small, large = randomised(InstanceUNet(8, 3)).eval(), InstanceUNet(INSTANCE_WIDTH, 3).eval()
    cutout = torch.rand(1, 3, 16, 16, 8)
    with torch.inference_mode():
        wanted = small(cutout)
        widen_instance(large, small.state_dict())
        found = large(cutout)
    scale = float(wanted.abs().max())
    torch.testing.assert_close(found / scale, wanted / scale, atol=1e-4, rtol=0)


def test_the_embedded_networks_fit_into_the_released_sizes() -> None:
    assert len(FEATURES) == 5
    assert not {"shrink_tile", "border_mm", "spine_tile", "spine_step"} & set(
        read_config("semantic")
    )
    assert (EMBEDDED_PACKAGES / "semantic/plans.json").is_file()


def test_a_dataset_is_compared_with_its_scans_one_by_one() -> None:
    text = dataset_table([DatasetRow("single", 4, 40.0), DatasetRow("both", 4, 25.0)])
    assert "| both | 4 | 25.0 | 1.60 × |" in text
