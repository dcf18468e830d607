"""The vertebra instance U-Net of SPINEPS; width and channels are read from the weights.

Source: the released checkpoint layout of SPINEPS 2.1.3 (legacy: width 16 and 10 channels;
new: width 8 and 11 channels; topology and key names are the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from spineps_nipype.errors import ModelError

from .fast_norm import PartGroupNorm
from .left_out import widened

NORM_GROUPS = 8
SLOPE = 0.01
DEPTH = 4
CLASSES = 4
"""Background, vertebra above, vertebra at the centre, vertebra below."""


class _Block(nn.Module):
    """Convolution, group normalisation, leaky rectifier."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(width_in, width_out, 3, padding=1)
        self.norm = PartGroupNorm(NORM_GROUPS, width_out)
        self.act = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, x: Tensor, shares: Tensor | None = None) -> Tensor:
        out: Tensor = self.act(self.norm(self.proj(x), shares))
        return out


class _Residual(nn.Module):
    """Two blocks with a shortcut that is added after the last activation."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.block1 = _Block(width_in, width_out)
        self.block2 = _Block(width_out, width_out)
        self.res_conv = (
            nn.Identity() if width_in == width_out else nn.Conv3d(width_in, width_out, 1)
        )

    def forward(self, x: Tensor, shares: Tensor | None = None) -> Tensor:
        out: Tensor = self.block2(self.block1(x, shares), shares) + self.res_conv(x)
        return out


class InstanceUNet(nn.Module):
    """Three vertebrae around the centre of a cut-out of semantic labels.

    Parameters
    ----------
    width
        Channels of the first level; the levels have width x (1, 2, 4, 8).
    channels
        Input channels: one a label, or 1 for the label number itself.

    Notes
    -----
    Input (batch, channels, P, I, R) with sizes that are multiples of 8; output four logits a
    voxel.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.width, self.channels = width, channels
        widths = [width, *(width * 2**level for level in range(DEPTH))]
        pairs = list(pairwise(widths))
        self.init_conv = nn.Conv3d(channels, width, 7, padding=3)
        self.downs = nn.ModuleList()
        for level, (near, far) in enumerate(pairs):
            last = level == DEPTH - 1
            step: nn.Module = (
                nn.Identity() if last else nn.Conv3d(far, far, 4, stride=2, padding=1)
            )
            self.downs.append(nn.ModuleList([_Residual(near, far), _Residual(far, far), step]))
        self.mid_block1 = _Residual(widths[-1], widths[-1])
        self.mid_block2 = _Residual(widths[-1], widths[-1])
        self.ups = nn.ModuleList()
        for level, (near, far) in enumerate(reversed(pairs)):
            last = level == DEPTH - 1
            step = (
                nn.Identity() if last else nn.ConvTranspose3d(near, near, 4, stride=2, padding=1)
            )
            self.ups.append(nn.ModuleList([_Residual(far, near), _Residual(near, near), step]))
        self.final_res_block = _Residual(2 * width, width)
        self.final_conv = nn.Conv3d(width, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape (batch, 4, P, I, R)."""
        return self.after_stem(self.init_conv(x))

    def after_stem(self, start: Tensor) -> Tensor:
        """Logits from the output of the first convolution, (batch, width, P, I, R)."""
        return self._after_levels(start, start, [])

    def around_labels(self, start: Tensor, shares: Tensor, *places: Tensor) -> Tensor:
        """The same from a part of that output, the first two levels in parts.

        Parameters
        ----------
        start
            (1, width, P, I, R) of the first part.
        shares, places
            See `left_out.inputs_of`.

        Returns
        -------
        Tensor
            Logits of the whole cut-out.
        """
        first_whole, first_second, second_whole, second_on = (
            places[i : i + 3] for i in range(0, len(places), 3)
        )
        first, x = self._down(0, start, shares[0])
        second, x = self._down(1, widened(x, first_second), shares[1])
        skips = [widened(first, first_whole), widened(second, second_whole)]
        return self._after_levels(widened(start, first_whole), widened(x, second_on), skips)

    def _down(self, number: int, x: Tensor, shares: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features of a level on the way down, and what goes into the next one."""
        first, second, step = self.downs[number].children()
        skip: Tensor = second(first(x, shares), shares)
        return skip, step(skip)

    def _after_levels(self, start: Tensor, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Logits from what goes into a level, and the features of the levels before it."""
        for number in range(len(skips), DEPTH):
            skip, x = self._down(number, x)
            skips.append(skip)
        x = self.mid_block2(self.mid_block1(x))
        for level in self.ups:
            first, second, up = level.children()
            x = up(second(first((x + skips.pop()).mul_(0.5))))
        out: Tensor = self.final_conv(self.final_res_block(torch.cat((x, start), dim=1)))
        return out


class AfterStem(nn.Module):
    """The network without its first convolution, which `label_stem` computes."""

    def __init__(self, network: InstanceUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, start: Tensor) -> Tensor:
        """See `InstanceUNet.after_stem`."""
        return self.network.after_stem(start)


class AroundLabels(nn.Module):
    """The same for a part of a cut-out."""

    def __init__(self, network: InstanceUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, start: Tensor, shares: Tensor, *places: Tensor) -> Tensor:
        """See `InstanceUNet.around_labels`."""
        return self.network.around_labels(start, shares, *places)


def build_instance_unet(state: Mapping[str, Tensor], source: str) -> InstanceUNet:
    """Network with the weights of a checkpoint, loaded strictly.

    Parameters
    ----------
    state
        `state_dict` of the checkpoint; keys begin with ``network.``.
    source
        Name of the file, for messages.

    Raises
    ------
    ModelError
        If the weights are not those of this network.
    """
    prefix = "network."
    weights = {k.removeprefix(prefix): v.float() for k, v in state.items()}
    first = weights.get("init_conv.weight")
    if first is None or first.ndim != 5:
        raise ModelError(
            "The checkpoint is not a SPINEPS instance network (no network.init_conv.weight).",
            file=source,
            remedy="Install the instance package again.",
        )
    net = InstanceUNet(int(first.shape[0]), int(first.shape[1]))
    load_strictly(net, weights, source)
    return net


def load_strictly(net: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Load weights that must match in names and shapes, and switch to evaluation.

    Raises
    ------
    ModelError
        If a tensor is missing, left over, or of another shape.
    """
    try:
        net.load_state_dict(dict(weights), strict=True)
    except RuntimeError as err:
        lines = str(err).splitlines()
        raise ModelError(
            f"The weights do not fit the network: {' '.join(lines[1:3]).strip()[:300]}",
            file=source,
            remedy="Install the package again; a package of another program cannot be used.",
        ) from err
    net.eval()
