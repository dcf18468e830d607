"""To the spacing of an nnU-Net network, and back.

Images go there by the function of nnU-Net that the plans name. Logits come back linearly by torch,
in a seventh of the CPU of nnU-Net's function and equal to 1e-4, except that nnU-Net takes the
nearest slice across slices that are more than three times as thick as their pixels are wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spineps_nipype.errors import ModelError

SAME_SPACING: Final = 1e-3
"""Relative tolerance under which the grid counts as that of the plans."""
DEFAULT: Final = "resample_data_or_seg_to_shape"
RESAMPLERS: Final[Mapping[str, str]] = {
    DEFAULT: "nnunetv2.preprocessing.resampling.default_resampling",
    "resample_torch_fornnunet": "nnunetv2.preprocessing.resampling.resample_torch",
}
"""Functions that plans may name, and their modules: a plans file must not call anything else."""


def resample_input(
    data: NDArray[Any], spacing: NDArray[np.float64], configuration: Mapping[str, Any]
) -> tuple[NDArray[Any], bool]:
    """Bring channels to the spacing of the plans, if it differs.

    Parameters
    ----------
    data
        Array (channels, z, y, x) in the axes of the network.
    spacing
        Its voxel spacing along the last three axes [mm].
    configuration
        Entry of the plans.

    Returns
    -------
    tuple
        The channels, and whether their grid has changed.

    Raises
    ------
    ModelError
        If the plans name a function that is not known.
    """
    target = np.array(configuration["spacing"], dtype=float)
    shape = [
        round(n * old / new) for n, old, new in zip(data.shape[1:], spacing, target, strict=True)
    ]
    same = np.allclose(spacing, target, rtol=SAME_SPACING)
    if same or tuple(shape) == data.shape[1:]:
        return data, False
    resample = _function(str(configuration.get("resampling_fn_data", DEFAULT)))
    arguments = dict(configuration.get("resampling_fn_data_kwargs", {}))
    out = resample(data.astype(np.float32), shape, list(spacing), list(target), **arguments)
    return np.asarray(out, dtype=data.dtype), True


def resample_logits(logits: Tensor, shape: Sequence[int]) -> Tensor:
    """Logits (classes, z, y, x) back on the grid before `resample_input`, linearly."""
    return torch.nn.functional.interpolate(
        logits[None].float(), size=tuple(shape), mode="trilinear", align_corners=False
    )[0]


@dataclass(frozen=True)
class WayBack:
    """How logits of a window come back on the grid before `resample_input`, linearly.

    The numbers are those of `resample_logits` there, to rounding, as far as they depend on the
    window only; at its edges the last voxel is continued.

    Parameters
    ----------
    window
        The window on the grid before.
    blends
        For each axis the two voxels between which each new one lies, and where; None where the
        axis stays as it is.
    """

    window: tuple[slice, ...]
    blends: tuple[tuple[Tensor, Tensor, Tensor] | None, ...]

    def whole(self, logits: Tensor) -> Tensor:
        """All logits (classes, z, y, x) of the window."""
        for axis, blend in enumerate(self.blends, start=1):
            logits = _blended(logits, axis, blend)
        return logits

    def slices(self, logits: Tensor) -> Iterator[Tensor]:
        """The same slice by slice along z, (classes, y, x), which needs less memory."""
        across = self.blends[1:]
        for z in range(self.window[0].stop - self.window[0].start):
            part = _one_slice(logits, z, self.blends[0])
            for axis, blend in enumerate(across, start=1):
                part = _blended(part, axis, blend)
            yield part


def way_back(window: Sequence[slice], size: Sequence[int], shape: Sequence[int]) -> WayBack:
    """Way of a window to the grid before `resample_input`.

    Parameters
    ----------
    window
        Voxels of the network input.
    size
        Whole size of the network input.
    shape
        Whole size of the other grid.
    """
    there: list[slice] = []
    blends: list[tuple[Tensor, Tensor, Tensor] | None] = []
    for part, old, new in zip(window, size, shape, strict=True):
        if old == new:
            there.append(part)
            blends.append(None)
            continue
        low, high = part.start * new // old, -(-part.stop * new // old)
        last = part.stop - part.start - 1
        position = (torch.arange(low, high) + 0.5) * (old / new) - 0.5 - part.start
        position = position.clamp(0, last)
        first = position.long()
        there.append(slice(low, high))
        blends.append((first, (first + 1).clamp_max(last), position - first))
    return WayBack(tuple(there), tuple(blends))


def _blended(logits: Tensor, axis: int, blend: tuple[Tensor, Tensor, Tensor] | None) -> Tensor:
    if blend is None:
        return logits
    first, second, weight = blend
    weight = weight.view([-1 if a == axis else 1 for a in range(logits.dim())])
    return logits.index_select(axis, first).lerp(logits.index_select(axis, second), weight)


def _one_slice(logits: Tensor, z: int, blend: tuple[Tensor, Tensor, Tensor] | None) -> Tensor:
    if blend is None:
        return logits[:, z]
    first, second, weight = (of_axis[z] for of_axis in blend)
    return logits[:, first].lerp(logits[:, second], weight)


def _function(name: str) -> Callable[..., Any]:
    """A resampling function of nnU-Net; it is imported when it is first needed."""
    if name not in RESAMPLERS:
        raise ModelError(
            f"The plans resample images with {name!r}; known are {', '.join(RESAMPLERS)}.",
            remedy="Use a package with one of these.",
        )
    function: Callable[..., Any] = getattr(import_module(RESAMPLERS[name]), name)
    return function
