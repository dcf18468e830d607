"""Local coordinate frames of vertebrae and discs, and masks resampled in them.

Points are mm on the grid of a PIR array: index times spacing, so (posterior, inferior, right).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Points = NDArray[np.float64]
HALF: Final = 0.5
"""A point is inside a mask where the linearly interpolated mask is at least this."""
FINEST_MM, COARSEST_MM = 0.2, 0.5
"""Limits of the sampling step."""


@dataclass(frozen=True)
class LocalFrame:
    """Origin [mm] and unit axes of a structure: posterior, inferior, right."""

    origin: Points
    posterior: Points
    inferior: Points
    right: Points

    @property
    def axes(self) -> Points:
        """Axes as the rows of a matrix."""
        return np.stack([self.posterior, self.inferior, self.right])

    def to_local(self, points: Points) -> Points:
        """World points, shape (n, 3), in this frame [mm]."""
        return (points - self.origin) @ self.axes.T

    def shifted(self, offset: Sequence[float]) -> LocalFrame:
        """The same axes at another origin, which is given in this frame [mm]."""
        origin = self.origin + np.asarray(offset, float) @ self.axes
        return LocalFrame(origin, self.posterior, self.inferior, self.right)


def frame_from(origin: Points, inferior: Points, posterior: Points) -> LocalFrame:
    """Frame with a given inferior axis and the part of `posterior` that is perpendicular to it."""
    down = inferior / np.linalg.norm(inferior)
    back = posterior - down * (posterior @ down)
    back = back / np.linalg.norm(back)
    return LocalFrame(origin, back, down, np.cross(back, down))


@dataclass(frozen=True)
class MaskBox:
    """A binary mask cut out of a PIR volume.

    Parameters
    ----------
    values
        Mask with a margin of one empty voxel.
    start
        Index of its first voxel in the volume.
    zoom
        Spacing [mm].
    cut
        Letters of the sides of the volume (A, P, S, I, L, R) that the mask touches.
    """

    values: NDArray[np.bool_]
    start: Points
    zoom: Points
    cut: str

    @property
    def points(self) -> Points:
        """Centres of its voxels [mm], shape (n, 3)."""
        return (np.argwhere(self.values) + self.start) * self.zoom

    @cached_property
    def middle(self) -> Points:
        """Mean of these [mm]."""
        return np.asarray(self.points.mean(axis=0))

    @property
    def cut_at_end(self) -> bool:
        """Whether the volume ends in it, above or below."""
        return bool(set("SI") & set(self.cut))

    @property
    def volume(self) -> float:
        """Volume [mm³]."""
        return float(np.count_nonzero(self.values) * np.prod(self.zoom))

    @property
    def step(self) -> float:
        """Sampling step for lengths inside it [mm]: a third of the finest spacing, limited."""
        return float(np.clip(self.zoom.min() / 3, FINEST_MM, COARSEST_MM))

    def sample(self, frame: LocalFrame, *axes: NDArray[Any]) -> NDArray[np.bool_]:
        """Resample the mask on the grid spanned by three coordinate vectors of a frame [mm]."""
        local = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        world = local @ frame.axes + frame.origin
        index = world / self.zoom - self.start
        found = ndimage.map_coordinates(
            self.values.astype(np.float32), index.T, order=1, mode="constant", prefilter=False
        )
        out: NDArray[np.bool_] = (found >= HALF).reshape([len(axis) for axis in axes])
        return out


SIDES: Final = (("A", "P"), ("S", "I"), ("L", "R"))


def mask_boxes(labels: NDArray[Any], zoom: Points) -> dict[int, MaskBox]:
    """Cut each label out of its PIR volume."""
    boxes: dict[int, MaskBox] = {}
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        cut = ""
        for side, size, letters in zip(box, labels.shape, SIDES, strict=True):
            cut += letters[0] if side.start == 0 else ""
            cut += letters[1] if side.stop == size else ""
        values = np.pad(labels[box] == number, 1)
        start = np.array([side.start - 1.0 for side in box])
        boxes[number] = MaskBox(values, start, zoom, cut)
    return boxes


def extent(inside: NDArray[np.bool_], axis: int, step: float) -> NDArray[np.float64]:
    """Length from the first to the last sample inside, of each column [mm]; NaN if it is empty."""
    first = inside.argmax(axis)
    last = inside.shape[axis] - np.flip(inside, axis).argmax(axis)
    return np.where(inside.any(axis), (last - first) * step, np.nan)


def finite_median(values: NDArray[np.float64]) -> float:
    """Median of the columns that are not empty; NaN if all are."""
    kept = values[np.isfinite(values)]
    return float(np.median(kept)) if kept.size else float("nan")


def samples_between(low: float, high: float, step: float) -> NDArray[np.float64]:
    """Evenly spaced coordinates from `low` to `high`, about `step` apart and at least three."""
    return np.linspace(low, high, max(3, round((high - low) / step) + 1))


def grid_covering(low: float, high: float, step: float) -> NDArray[np.float64]:
    """Multiples of `step` that cover `low` to `high` with a margin of four steps."""
    return np.arange(np.floor(low / step) - 4, np.ceil(high / step) + 5) * step
