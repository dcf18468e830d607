"""A spine of simple solids whose measures are known by calculation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from TPTBox import NII

from spineps_nipype.core.anatomy import CANAL, CORD, CORPUS_BORDER, DISC, SACRUM

DEPTH, WIDTH, HEIGHT, DISC_HEIGHT = 33.0, 45.0, 27.0, 9.0
CANAL_RADII, CORD_RADII = (8.0, 11.0), (4.0, 5.0)


@dataclass(frozen=True)
class ModelSpine:
    """Masks, and the angle between neighbouring bodies [degrees]."""

    spine: NII
    vert: NII
    bend: float
    numbers: tuple[int, ...]


def model_spine(
    *,
    zoom: tuple[float, float, float] = (1.0, 1.0, 1.0),
    numbers: tuple[int, ...] = (19, 20, 21, 22, 23, 24),
    wedge: float = 0.0,
    bend: float = 6.0,
    turn: float = 8.0,
    cord: bool = True,
) -> ModelSpine:
    """Bodies with straight walls on an arc, discs between them, an elliptic canal behind.

    Parameters
    ----------
    wedge
        Height at the back less height at the front, relative to the height.
    bend
        Angle between neighbouring bodies [degrees], not 0.
    turn
        Angle by which the whole spine leans to the side [degrees].
    """
    pitch, rad = HEIGHT + DISC_HEIGHT, np.deg2rad(bend)
    radius = pitch / (2 * np.tan(rad / 2))
    half = (len(numbers) - 1) / 2
    size = np.array([150.0, pitch * (len(numbers) + 0.4), 90.0])
    grid = np.meshgrid(
        *(np.arange(round(n / z)) * z for n, z in zip(size, zoom, strict=True)), indexing="ij"
    )
    world = np.stack(grid, -1) - size / 2
    lean = np.deg2rad(turn)
    _, i0, r0 = np.moveaxis(world, -1, 0)
    p = world[..., 0] + 25.0
    i = np.cos(lean) * i0 + np.sin(lean) * r0
    r = -np.sin(lean) * i0 + np.cos(lean) * r0
    # The centre of the arc lies behind: angle along it, distance from its centre.
    angle = np.arctan2(i, radius - p)
    behind = radius - np.hypot(radius - p, i)
    spine, vert = np.zeros(p.shape, np.uint8), np.zeros(p.shape, np.uint16)
    top, bottom = np.array([-half - 0.5, half + 0.5]) * rad
    along = (angle > top) & (angle < bottom)
    for radii, label in ((CANAL_RADII, CANAL), (CORD_RADII, CORD)):
        if label == CORD and not cord:
            continue
        at = behind - (DEPTH / 2 + CANAL_RADII[0] + 3)
        inside = (at / radii[0]) ** 2 + (r / radii[1]) ** 2 < 1
        spine[inside & along] = label
    for place, number in enumerate(numbers):
        centre = (place - half) * rad
        c, s = np.cos(centre), np.sin(centre)
        q, j = radius - p, i
        local_p = radius - (c * q + s * j)
        local_i = c * j - s * q
        wall = (np.abs(local_p) < DEPTH / 2) & (np.abs(r) < WIDTH / 2)
        tall = HEIGHT / 2 * (1 + wedge * local_p / DEPTH)
        body = wall & (np.abs(local_i) < tall)
        spine[body], vert[body] = CORPUS_BORDER, number
        following = numbers[place + 1] if place + 1 < len(numbers) else None
        disc = centre + rad / 2
        c, s = np.cos(disc), np.sin(disc)
        local_p, local_i = radius - (c * q + s * j), c * j - s * q
        wall = (np.abs(local_p) < DEPTH / 2 - 1) & (np.abs(r) < WIDTH / 2 - 1)
        flat = wall & (np.abs(local_i) < DISC_HEIGHT / 2) & (vert == 0)
        spine[flat], vert[flat] = DISC, 100 + number
        if following is None:
            below = wall & (local_i >= DISC_HEIGHT / 2) & (local_i < 25)
            spine[below], vert[below] = SACRUM, SACRUM
    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2], affine[3, 3] = -zoom[0], -zoom[1], zoom[2], 1
    return ModelSpine(
        NII.from_numpy(spine, affine, True), NII.from_numpy(vert, affine, True), bend, numbers
    )


def repaint(nii: NII, changes: dict[int, int]) -> NII:
    """The mask with other numbers."""
    array: NDArray[np.uint16] = nii.get_array().copy()
    for old, new in changes.items():
        array[nii.get_array() == old] = new
    return nii.set_array(array, seg=True, verbose=False)
