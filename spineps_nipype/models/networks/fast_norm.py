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


class FastGroupNorm(nn.GroupNorm):
    """`GroupNorm` with the same parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, channels, z, y, x)."""
        if torch.is_grad_enabled():
            return super().forward(x)
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class SpelledGroupNorm(nn.GroupNorm):
    """`GroupNorm` in operations that an engine computes in any order of axes, and fuses."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, channels, z, y, x)."""
        to_map = (-1, x.shape[1], 1, 1, 1)
        centred = x - self._mean(x)
        scale = torch.rsqrt(self._mean(centred * centred) + self.eps)
        return centred * (scale * self.weight.view(to_map)) + self.bias.view(to_map)

    def _mean(self, values: Tensor) -> Tensor:
        """Mean of each channel's group; sums are kept short, so that float32 keeps its digits."""
        members = self.num_channels // self.num_groups
        means = values.mean(4).mean(3).mean(2).view(-1, self.num_groups, members)
        spread = means.mean(2, keepdim=True).expand_as(means)
        return spread.reshape(-1, self.num_channels, 1, 1, 1)


def group_norm(
    x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Group normalisation without gradients; one group a channel is instance normalisation.

    Parameters
    ----------
    x
        (batch, channels, z, y, x). In float32 with channels last it is overwritten with the
        result: new memory for a whole volume takes as long as the sums. Else torch computes.
    weight, bias
        One number a channel.
    """
    plain = x.dtype != torch.float32 or not x.is_contiguous(memory_format=torch.channels_last_3d)
    if plain or x.is_contiguous():
        return functional.group_norm(x, groups, weight, bias, eps)
    mean, variance = _moments(x, groups)
    scale = torch.rsqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    to_map = (*scale.shape, 1, 1, 1)
    return torch.addcmul(shift.float().view(to_map), x, scale.float().view(to_map), out=x)


def _moments(x: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel's group, float64, shape (batch, channels)."""
    batch, channels, depth = x.shape[:3]
    ones = x.new_ones(1, math.prod(x.shape[3:]))
    means = x.new_empty((batch, depth, channels))
    squares = torch.empty_like(means)
    for sample, mean, square in zip(x, means, squares, strict=True):
        for z in range(depth):
            flat = sample[:, z].movedim(0, -1).reshape(-1, channels)
            mean[z] = (ones @ flat)[0] / len(flat)
            square[z] = (ones @ (flat - mean[z]).square_())[0] / len(flat)
    # Variance of the whole: mean within the slices, and of the means of the slices.
    grouped = (batch, depth, groups, channels // groups)
    means, squares = means.double().view(grouped), squares.double().view(grouped)
    mean = means.mean(dim=(1, 3), keepdim=True)
    variance = (squares + (means - mean).square()).mean(dim=(1, 3), keepdim=True)
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
        elif type(module) is nn.GroupNorm:
            module.__class__ = FastGroupNorm
    # the stubs of torch do not know this way to call it
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload, no-any-return]
