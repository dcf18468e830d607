"""A widened network computes the same, and can learn with what is new."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.common import nnunet  # noqa: E402
from training.semantic.widening import widen  # noqa: E402

KERNELS = ((1, 3, 3), (3, 3, 3), (3, 3, 3))
STRIDES = ((1, 1, 1), (1, 2, 2), (2, 2, 2))


def network(*features: int) -> torch.nn.Module:
    torch.manual_seed(sum(features))
    return nnunet.build(nnunet.architecture(features, KERNELS, STRIDES), channels=1, outputs=3)


@pytest.mark.parametrize("features", [(4, 6, 8), (6, 6, 12), (7, 11, 13)])
def test_the_function_stays(features: tuple[int, ...]) -> None:
    narrow = network(4, 6, 8).eval()
    wide = widen(network(*features), narrow.state_dict()).eval()
    image = torch.randn(1, 1, 4, 16, 16)
    with torch.no_grad():
        assert torch.allclose(narrow(image), wide(image), atol=1e-4)


def test_new_channels_learn() -> None:
    wide = widen(network(6, 8, 12), network(4, 6, 8).state_dict())
    wide(torch.randn(1, 1, 4, 16, 16)).square().mean().backward()
    first = wide.encoder.stages[0][0].convs[1].conv.weight  # 4 old outputs, inputs 4 and 5 are new
    assert (first[:4, 4:] == 0).all()
    assert first.grad[:4, 4:].abs().max() > 0


def test_narrowing_is_refused() -> None:
    with pytest.raises(ValueError, match="narrower"):
        widen(network(4, 6, 8), network(6, 8, 12).state_dict())


def test_other_stages_are_refused() -> None:
    deeper = nnunet.architecture((4, 6, 8, 8), (*KERNELS, (3, 3, 3)), (*STRIDES, (2, 2, 2)))
    with pytest.raises(ValueError, match="same stages"):
        widen(network(4, 6, 8), nnunet.build(deeper, channels=1, outputs=3).state_dict())
