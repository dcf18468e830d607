"""Geometry on a voxel grid: frames, boxes, capsules and smooth random fields.

Vectors and arrays follow one order, (P, I, R): the first component grows to posterior, the second
to inferior, the third to the patient's right. All lengths are mm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

Array = np.ndarray
Box = tuple[slice, slice, slice]
Point = tuple[float, float, float]
Axes = tuple[Array, Array, Array]
"""An array for each of P, I, R."""

FIELD_LOW: Final = np.array([-260.0, -160.0, -130.0])
FIELD_HIGH: Final = np.array([260.0, 1040.0, 130.0])
"""Corners of the space (mm) in which the random fields are defined."""
WOBBLE_MM: Final = 3.0
"""How far the wobble moves a surface: three standard deviations of the strongest one."""


@dataclass(frozen=True)
class Frame:
    """Origin and axes (unit vectors) of a local system: posterior, inferior, right."""

    origin: Array
    posterior: Array
    inferior: Array
    right: Array

    def to_world(self, point: Point | Array) -> Array:
        """Point of the local system (p, i, r) in mm, in world coordinates."""
        p, i, r = point
        return self.origin + p * self.posterior + i * self.inferior + r * self.right


def make_frame(origin: Array, tangent: Array, axial_angle: float = 0.0) -> Frame:
    """Frame whose inferior axis is the tangent, turned about it by an angle.

    Parameters
    ----------
    origin, tangent
        World vectors; the tangent need not be of unit length.
    axial_angle
        Rotation about the tangent, radians.
    """
    inferior = tangent / np.linalg.norm(tangent)
    posterior = np.array([1.0, 0.0, 0.0])
    posterior = posterior - inferior * (posterior @ inferior)
    posterior /= np.linalg.norm(posterior)
    right = np.array([0.0, 0.0, 1.0])
    right = right - inferior * (right @ inferior) - posterior * (right @ posterior)
    right /= np.linalg.norm(right)
    c, s = np.cos(axial_angle), np.sin(axial_angle)
    return Frame(origin, c * posterior + s * right, inferior, c * right - s * posterior)


class SmoothField:
    """Random field that is linear between the points of a lattice fixed in space.

    Because the lattice does not depend on the grid, two windows on one phantom see one field.
    """

    def __init__(self, rng: np.random.Generator, cell: Point) -> None:
        self.cell = np.asarray(cell, float)
        shape = np.ceil((FIELD_HIGH - FIELD_LOW) / self.cell).astype(int) + 2
        self.values = rng.standard_normal(shape, dtype=np.float32)

    def on(self, axes: Axes) -> Array:
        """Values on the grid spanned by three coordinate vectors (mm), float32."""
        out: Array = self.values
        for axis in (2, 0, 1):
            x = (axes[axis] - FIELD_LOW[axis]) / self.cell[axis]
            x = np.clip(x, 0, self.values.shape[axis] - 1.001)
            low = np.floor(x).astype(int)
            shape = [1, 1, 1]
            shape[axis] = len(x)
            weight = (x - low).astype(np.float32).reshape(shape)
            start = np.take(out, low, axis)
            out = np.take(out, low + 1, axis)
            out -= start
            out *= weight
            out += start
        return out


@dataclass
class Canvas:
    """Voxel grid under construction.

    ``tissue`` and ``vert`` are uint8 arrays in (P, I, R); ``axes`` holds the coordinates of the
    voxel centres; ``wobble`` is a displacement (mm) that makes every surface irregular.
    """

    axes: Axes
    spacing: Point
    wobble: Axes
    tissue: Array = field(init=False)
    vert: Array = field(init=False)

    def __post_init__(self) -> None:
        self.tissue = np.zeros(self.shape, np.uint8)
        self.vert = np.zeros(self.shape, np.uint8)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the grid in voxels."""
        p, i, r = (len(axis) for axis in self.axes)
        return p, i, r

    def box(self, low: Array, high: Array) -> Box | None:
        """Voxels between two world corners, or None if the grid has none there."""
        slices = []
        for axis, a, b in zip(self.axes, low, high, strict=True):
            start, stop = np.searchsorted(axis, (a, b))
            if start == stop:
                return None
            slices.append(slice(int(start), int(stop)))
        return slices[0], slices[1], slices[2]

    def offsets(self, box: Box, origin: Array) -> list[Array]:
        """World coordinates (with wobble) of the voxels of a box relative to a point."""
        out = []
        for k in range(3):
            shape = [1, 1, 1]
            shape[k] = -1
            axis = (self.axes[k][box[k]] - origin[k]).astype(np.float32).reshape(shape)
            out.append(axis + self.wobble[k][box])
        return out


class Region:
    """The voxels around one local frame, with their local coordinates (p, i, r) in mm."""

    def __init__(self, canvas: Canvas, frame: Frame, low: Array, high: Array) -> None:
        self.canvas, self.frame = canvas, frame
        self.box = canvas.box(frame.origin + low, frame.origin + high)
        if self.box is None:
            return
        self.tissue, self.vert = canvas.tissue[self.box], canvas.vert[self.box]
        self.local = self.coordinates(frame)

    def coordinates(self, frame: Frame) -> Axes:
        """Coordinates of the region's voxels in a frame (this region's or a neighbour's)."""
        assert self.box is not None
        x = self.canvas.offsets(self.box, frame.origin)
        p, i, r = (
            x[0] * np.float32(a[0]) + x[1] * np.float32(a[1]) + x[2] * np.float32(a[2])
            for a in (frame.posterior, frame.inferior, frame.right)
        )
        return p, i, r

    def sub_box(self, low: Array, high: Array) -> Box | None:
        """Part of the region between two world corners, as slices of it; None if there is none."""
        assert self.box is not None
        world = self.canvas.box(low, high)
        if world is None:
            return None
        slices = []
        for inner, outer in zip(world, self.box, strict=True):
            start, stop = max(inner.start, outer.start), min(inner.stop, outer.stop)
            if start >= stop:
                return None
            slices.append(slice(start - outer.start, stop - outer.start))
        return slices[0], slices[1], slices[2]

    def capsule(
        self, start: Point, end: Point, radii: Point, *, reach: float | None = None
    ) -> tuple[Box, Array] | None:
        """Voxels within an anisotropic capsule from start to end.

        Parameters
        ----------
        start, end, radii
            Local coordinates and half axes (p, i, r), mm.
        reach
            How far (mm) from its axis voxels are looked at; by default as far as the capsule can
            come with the usual `WOBBLE_MM`.

        Returns
        -------
        box, mask
            Sub-box of the region and the mask in it; None if the capsule is out of view.
        """
        reach = max(radii) + WOBBLE_MM if reach is None else reach
        ends = np.stack([self.frame.to_world(start), self.frame.to_world(end)])
        box = self.sub_box(ends.min(0) - reach, ends.max(0) + reach)
        if box is None:
            return None
        return box, capsule_mask([x[box] for x in self.local], start, end, radii)

    def paint(self, part: tuple[Box, Array] | None, tissue: int, vert: int) -> None:
        """Write a tissue and an instance number where a part lies."""
        if part is None:
            return
        box, mask = part
        self.tissue[box][mask] = tissue
        self.vert[box][mask] = vert


def capsule_mask(local: list[Array], start: Point, end: Point, radii: Point) -> Array:
    """Mask of an anisotropic capsule, given local coordinates (p, i, r) of voxels, mm."""
    scale = 1.0 / np.asarray(radii, float)
    a, b = np.asarray(start) * scale, np.asarray(end) * scale
    d = b - a
    x = [local[k] * np.float32(scale[k]) - np.float32(a[k]) for k in range(3)]
    t = sum(x[k] * np.float32(d[k]) for k in range(3)) / np.float32(d @ d + 1e-6)
    t = np.clip(t, 0.0, 1.0)
    distance = sum((x[k] - t * np.float32(d[k])) ** 2 for k in range(3))
    return np.asarray(distance < 1.0)
