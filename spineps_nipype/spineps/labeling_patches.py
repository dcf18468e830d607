"""One image patch for each vertebra, in the form that the labelling network expects.

Source: SPINEPS 2.1.3 (VERIDAH), geometry and patches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from numpy.typing import NDArray
from scipy import ndimage, special

from ..core.anatomy import L6, T13
from ..core.components import bounding_box
from ..core.geometry import margin_voxels, rescale
from ..core.volume import Volume
from ..models.protocols import LabelingModel
from .settings import Numerics
from .upstream import upstream

CROP_MARGIN_MM: Final = 128.0
TURNING_MARGIN: Final = 32
"""Voxels added on each side along P and I, so that turning a patch leaves no empty corners."""
SPLINE_ORDER: Final = 3
"""As `scipy.ndimage.rotate` does by default."""


def cut_patches(
    image: Volume, bodies: Volume, network: LabelingModel, numerics: Numerics = "corrected"
) -> tuple[list[int], NDArray[np.float32]]:
    """Cut a normalised patch around each vertebral body.

    Parameters
    ----------
    image
        Grey image, cropped to the spine.
    bodies
        Vertebra mask of the bodies only, on the grid of `image`.
    network
        Its configuration gives orientation, spacing and patch size, and whether patches are turned
        along the spine.
    numerics
        ``spineps-2.1.3`` and ``seed`` leave out vertebrae with numbers after 25; ``seed`` turns
        every patch.

    Returns
    -------
    numbers : list of int
        Vertebra numbers in ascending order.
    patches : array, shape (len(numbers), *final_size)
    """
    config = network.config
    grid = bodies.reorient(config.orientation)
    box = bounding_box(grid.get_array(), margin_voxels(CROP_MARGIN_MM, grid.zoom))
    grey = image.reorient(config.orientation).apply_crop(box)
    grid = grid.apply_crop(box)
    spacing = config.target_spacing(grid.zoom)
    labels = rescale(grid, spacing).get_array()
    voxels = rescale(grey, spacing).get_array().astype(np.float32, copy=False)
    boxes = ndimage.find_objects(labels)
    rules = upstream(numerics)
    numbers = _shown_numbers(boxes, rules.late_bodies_dropped)
    size = network.final_size
    patches = np.zeros((len(numbers), *(2 * (s // 2) for s in size)), dtype=np.float32)
    rotate = network.rotate or rules.patches_always_turned
    angles = spine_angles(labels, numbers, config.orientation) if rotate else {}
    plane = _plane_axes(config.orientation)
    for patch, number in zip(patches, numbers, strict=True):
        centre = [side.start + (side.stop - side.start) // 2 for side in boxes[number - 1]]
        angle = angles.get(number, 0.0)
        if angle != 0:
            wide = [s + 2 * TURNING_MARGIN * (axis in plane) for axis, s in enumerate(size)]
            patch[...] = turn_patch(cut_window(voxels, centre, wide), angle, plane)
        elif rules.patches_always_turned:
            _fit(swap_axes(cut_window(voxels, centre, size), config.orientation), patch)
        else:
            patch[...] = cut_window(voxels, centre, size)
        normalise(patch)
    return numbers, patches


def _shown_numbers(boxes: Sequence[Any], late_bodies_dropped: bool) -> list[int]:
    """Numbers of the vertebrae that have a box, in ascending order."""
    numbers = [n for n, found in enumerate(boxes, start=1) if found is not None]
    return [n for n in numbers if n <= L6 or n == T13] if late_bodies_dropped else numbers


def cut_window(
    volume: NDArray[np.float32], centre: Sequence[int], size: Sequence[int]
) -> NDArray[np.float32]:
    """Cut 2 * (size // 2) voxels around a centre; 0 outside the volume."""
    out = np.zeros([2 * (s // 2) for s in size], dtype=volume.dtype)
    source, target = [], []
    for middle, full, length in zip(centre, out.shape, volume.shape, strict=True):
        low = middle - full // 2
        start, stop = max(low, 0), min(low + full, length)
        source.append(slice(start, stop))
        target.append(slice(start - low, stop - low))
    out[tuple(target)] = volume[tuple(source)]
    return out


def swap_axes(patch: NDArray[np.float32], orientation: Sequence[str]) -> NDArray[np.float32]:
    """Take the axes of a patch for I, P and L in this order, and bring it to `orientation`.

    This is what SPINEPS before 2.1.3 does to patches that need no turning.
    """
    change = ornt_transform(axcodes2ornt(("I", "P", "L")), axcodes2ornt(tuple(orientation)))
    return np.asarray(apply_orientation(patch, change))


def _fit(source: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    """Copy the centre of an array into the centre of another one, which holds 0."""
    shapes = list(zip(source.shape, target.shape, strict=True))
    taken = [slice(max(s - t, 0) // 2, max(s - t, 0) // 2 + min(s, t)) for s, t in shapes]
    filled = [slice(max(t - s, 0) // 2, max(t - s, 0) // 2 + min(s, t)) for s, t in shapes]
    target[tuple(filled)] = source[tuple(taken)]


def _plane_axes(orientation: Sequence[str]) -> tuple[int, int]:
    """Array axes that run along I and P, in this order."""
    axis = {"S": "I", "A": "P"}
    names = [axis.get(code, code) for code in orientation]
    return names.index("I"), names.index("P")


def spine_angles(
    labels: NDArray[Any], numbers: Sequence[int], orientation: Sequence[str]
) -> dict[int, float]:
    """Angle in degrees between the spine at each vertebra and the vertical axis.

    The spine runs from the body above to the body below (its own at the ends), in voxels of
    axes I, P, L. A single vertebra has angle 0.
    """
    points = ndimage.center_of_mass(labels > 0, labels, list(numbers))
    centres = {n: _to_ipl(p, orientation) for n, p in zip(numbers, points, strict=True)}
    order = sorted(numbers, key=lambda n: centres[n][0])
    angles = {}
    for place, number in enumerate(order):
        above = centres[order[max(place - 1, 0)]]
        below = centres[order[min(place + 1, len(order) - 1)]]
        i, p, left = (b - a for a, b in zip(above, below, strict=True))
        length = math.sqrt(i * i + p * p + left * left)
        if length == 0:
            angles[number] = 0.0
            continue
        angle = math.degrees(math.acos(max(-1.0, min(1.0, i / length))))
        angles[number] = -angle if left - p < 0 else angle
    return angles


def _to_ipl(point: Sequence[float], orientation: Sequence[str]) -> tuple[float, ...]:
    """Coordinates of a point along I, P and L; those along S, A and R change their sign."""
    opposite = {"S": "I", "A": "P", "R": "L"}
    signed = {
        opposite.get(code, code): (-1 if code in opposite else 1) * float(value)
        for code, value in zip(orientation, point, strict=True)
    }
    return tuple(signed[code] for code in "IPL")


def turn_patch(
    patch: NDArray[np.float32], angle: float, plane: tuple[int, int]
) -> NDArray[np.float32]:
    """Turn a patch about its centre within the plane of I and P, and cut off its margins.

    The same values as `scipy.ndimage.rotate` with cubic splines and no reshaping, computed
    for the middle part only.
    """
    cosine, sine = special.cosdg(angle), special.sindg(angle)
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    view = np.moveaxis(patch, plane, (0, 1))
    shape = np.array(view.shape[:2])
    middle = (shape - 1) / 2
    offset = middle - matrix @ middle + matrix @ np.full(2, TURNING_MARGIN)
    inner = tuple(int(n) - 2 * TURNING_MARGIN for n in shape)
    out = np.empty((*inner, view.shape[2]), dtype=np.float32)
    for plane_index in range(view.shape[2]):
        out[..., plane_index] = ndimage.affine_transform(
            view[..., plane_index], matrix, offset, inner, order=SPLINE_ORDER, cval=0.0
        )
    return np.moveaxis(out, (0, 1), plane)


def normalise(patch: NDArray[np.float32]) -> None:
    """Scale the non-zero voxels to mean 0 and standard deviation 1, in place."""
    seen = patch != 0
    values = patch[seen]
    if values.size == 0:
        return
    deviation = float(values.std())
    patch[seen] = (values - values.mean()) / (deviation if deviation else 1.0)
