"""Normalisation layers that are fast on a CPU: the same result, computed in another order.

Convolutions are fastest on tensors whose channels lie last. For these the kernels of torch sum a
whole volume in one float32 number, which costs three digits; here sums are taken slice by slice.
OpenVINO turns every volume around for group normalisation, and back; it is shown means and
products instead, which it computes as the channels lie.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .left_out import mean_of_whole, weights_of_whole


class FastInstanceNorm(nn.InstanceNorm3d):
    """`InstanceNorm3d` with the same parameters, without running statistics."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, channels, z, y, x)."""
        if not torch.is_grad_enabled():
            return group_norm(x, x.shape[1], self.weight, self.bias, self.eps)
        if x.shape[0] == 1:
            return functional.batch_norm(
                x, None, None, self.weight, self.bias, training=True, momentum=0.0, eps=self.eps
            )
        return super().forward(x)


class PartGroupNorm(nn.GroupNorm):
    """`GroupNorm` that can count what was left out of a volume, see `left_out`."""

    def forward(self, x: Tensor, shares: Tensor | None = None) -> Tensor:
        """Normalise (batch, channels, z, y, x)."""
        return super().forward(x) if shares is None else self.spelled(x, shares)

    def spelled(self, x: Tensor, shares: Tensor | None) -> Tensor:
        """The same in operations that an engine computes in any order of axes, and fuses."""
        to_map = (-1, x.shape[1], 1, 1, 1)
        centred = x - self._mean(x, shares)
        scale = torch.rsqrt(self._mean(centred * centred, shares) + self.eps)
        return centred * (scale * self.weight.view(to_map)) + self.bias.view(to_map)

    def _mean(self, values: Tensor, shares: Tensor | None) -> Tensor:
        """Mean of each channel's group; sums are kept short, so that float32 keeps its digits."""
        members = self.num_channels // self.num_groups
        for axis in (2, 1, 0):
            values = _mean_along(values, axis, shares)
        means = values.view(-1, self.num_groups, members)
        spread = means.mean(2, keepdim=True).expand_as(means)
        return spread.reshape(-1, self.num_channels, 1, 1, 1)


class FastGroupNorm(PartGroupNorm):
    """`GroupNorm` with the same parameters."""

    def forward(self, x: Tensor, shares: Tensor | None = None) -> Tensor:
        """Normalise (batch, channels, z, y, x)."""
        if torch.is_grad_enabled():
            return super().forward(x, shares)
        if shares is not None and _is_plain(x):
            return self.spelled(x.float(), shares)
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps, shares)


class SpelledGroupNorm(PartGroupNorm):
    """`GroupNorm` in operations that an engine computes in any order of axes, and fuses."""

    def forward(self, x: Tensor, shares: Tensor | None = None) -> Tensor:
        """Normalise (batch, channels, z, y, x)."""
        return self.spelled(x, shares)


def group_norm(
    x: Tensor,
    groups: int,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    shares: Tensor | None = None,
) -> Tensor:
    """Group normalisation without gradients; one group a channel is instance normalisation.

    Parameters
    ----------
    x
        (batch, channels, z, y, x). In float32 with channels last it is overwritten with the
        result: new memory for a whole volume takes as long as the sums. Else torch computes.
    weight, bias
        One number a channel.
    shares
        What was left out of the volume, see `left_out.Part`; not where torch computes.
    """
    if _is_plain(x):
        return functional.group_norm(x, groups, weight, bias, eps)
    mean, variance = _moments(x, groups, shares)
    scale = torch.rsqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    to_map = (*scale.shape, 1, 1, 1)
    return torch.addcmul(shift.float().view(to_map), x, scale.float().view(to_map), out=x)


def _mean_along(values: Tensor, axis: int, shares: Tensor | None) -> Tensor:
    return values.mean(axis + 2) if shares is None else mean_of_whole(values, axis, shares)


def _is_plain(x: Tensor) -> bool:
    """Whether the kernels of torch are the right ones for a tensor."""
    last = x.is_contiguous(memory_format=torch.channels_last_3d)
    return x.dtype != torch.float32 or not last or x.is_contiguous()


def _moments(x: Tensor, groups: int, shares: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel's group, float64, shape (batch, channels)."""
    batch, channels, depth, *size = x.shape
    if shares is None:
        plane, total = x.new_ones(1, math.prod(size)), math.prod(size)
        slices = x.new_full((depth,), 1 / depth, dtype=torch.float64)
    else:
        rows, columns = (weights_of_whole(n, a, shares) for a, n in enumerate(size, start=1))
        plane, total = (rows[:, None] * columns).reshape(1, -1), 1
        slices = weights_of_whole(depth, 0, shares).double()
    slices = slices.view(-1, 1, 1)
    means = x.new_empty((batch, depth, channels))
    squares = torch.empty_like(means)
    for sample, mean, square in zip(x, means, squares, strict=True):
        for z in range(depth):
            flat = sample[:, z].movedim(0, -1).reshape(-1, channels)
            mean[z] = (plane @ flat)[0] / total
            away = flat - mean[z]
            if shares is not None:
                # A sum over mostly one number loses four digits; what it lost is small itself.
                lost = (plane @ away)[0]
                mean[z] += lost
                away -= lost
            square[z] = (plane @ away.square_())[0] / total
    # Variance of the whole: mean within the slices, and of the means of the slices.
    grouped = (batch, depth, groups, channels // groups)
    means, squares = means.double().view(grouped), squares.double().view(grouped)
    mean = (means * slices).sum(1, keepdim=True).mean(3, keepdim=True)
    spreads = squares + (means - mean).square()
    variance = (spreads * slices).sum(1, keepdim=True).mean(3, keepdim=True)
    spread = (batch, groups, channels // groups)
    return (
        mean[:, 0].expand(spread).reshape(batch, channels),
        variance[:, 0].expand(spread).reshape(batch, channels),
    )


def spell_out(network: nn.Module) -> nn.Module:
    """Replace group normalisation, in place, by operations that an engine can reorder."""
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.__class__ = SpelledGroupNorm
    return network


def speed_up(network: nn.Module) -> nn.Module:
    """Replace normalisation layers and memory format in place; the state dict keeps its names."""
    for module in network.modules():
        # layers are registered under several names, so they must stay the same objects
        if type(module) is nn.InstanceNorm3d and not module.track_running_stats:
            module.__class__ = FastInstanceNorm
        elif type(module) in (nn.GroupNorm, PartGroupNorm):
            module.__class__ = FastGroupNorm
    # the stubs of torch do not know this way to call it
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload, no-any-return]
