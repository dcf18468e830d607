"""The convolution of labels equals the plain one, whatever lies where."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.models.networks.label_stem import convolve_labels

CHANNELS = 4


def one_hot(labels: Tensor) -> Tensor:
    return functional.one_hot(labels, CHANNELS).movedim(-1, 1).float()


def number(labels: Tensor) -> Tensor:
    return labels[:, None].float() / 9


def maps(case: str) -> Tensor:
    labels = torch.zeros((2, 17, 70, 9), dtype=torch.long)
    rng = torch.Generator().manual_seed(0)
    if case == "inside":
        labels[0, 6:9, 20:40, 4:6] = torch.randint(1, CHANNELS, (3, 20, 2), generator=rng)
    elif case == "corners":
        labels[0, 0, 0, 0] = labels[1, -1, -1, -1] = 2
        labels[1, 0, 33, -1] = 1
    elif case == "full":
        labels = torch.randint(0, CHANNELS, labels.shape, generator=rng)
    elif case == "thin":
        labels = torch.randint(0, CHANNELS, (1, 4, 8, 8), generator=rng)
        labels[:, :, :, 2:] = 0
    return labels


@pytest.mark.parametrize("case", ["empty", "inside", "corners", "full", "thin"])
@pytest.mark.parametrize("to_channels", [one_hot, number])
def test_as_the_plain_convolution(case: str, to_channels) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(1)
    labels = maps(case)
    conv = nn.Conv3d(CHANNELS if to_channels is one_hot else 1, 5, 7, padding=3)
    with torch.inference_mode():
        found, plain = convolve_labels(conv, labels, to_channels), conv(to_channels(labels))
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-5)
    assert found.is_contiguous()
