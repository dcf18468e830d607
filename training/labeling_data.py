"""Samples for the labelling network: image patches around vertebrae of limited views.

A phantom is drawn once, seen through several windows, and each vertebra in a window becomes a
patch, cut and normalised as the pipeline does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import affine_transform

from spineps_nipype.core import anatomy
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render
from spineps_nipype.spineps.labeling_patches import cut_window, normalise
from training.loop import phantom_seed

SPACING: Final = (2.5, 2.5, 3.0)
"""Model grid in P, I, R (mm)."""
PATCH: Final = (56, 104, 16)
"""Patch in voxels (140 x 260 x 48 mm): a level is known by what is near it."""
HEADS: Final = {"REGION": 3, "VERT": 24, "VERTREL": 6, "FULLYVISIBLE": 2}
CONTRASTS: Final = ("T2w", "T1w", "CT", "random")
CONTRAST_ODDS: Final = (0.75, 0.08, 0.05, 0.12)
VIEWS_PER_PHANTOM: Final = 6
PATCHES_PER_VIEW: Final = 8
MIN_BODY_VOXELS: Final = 12
"""A body that shows less than this is no instance."""
VISIBLE_SHARE: Final = 0.97

Array = np.ndarray


@dataclass(frozen=True)
class NamedSpine:
    """An image on the model grid, and the vertebrae that are known in it.

    Parameters
    ----------
    image
        Grey values (P, I, R).
    bodies
        Vertebra number of each voxel of a body, 0 elsewhere.
    inside
        Voxels that have any label.
    shown
        Name of each vertebra number, cranial to caudal.
    levels
        Names of all vertebrae of this spine, also of those out of view.
    """

    image: Array
    bodies: Array
    inside: Array
    shown: Mapping[int, str]
    levels: Sequence[str]


def targets_of(name: str, names: Sequence[str], visible: bool) -> dict[str, int]:
    """Class of a vertebra in every head, given all names of its spine.

    T13 counts as T12 and L6 as L5; VERTREL tells the ends of the regions, whatever their number.
    """
    region, number = name[0], int(name[1:])
    vert = {"C": 0, "T": 7, "L": 19}[region] + min(number, {"C": 7, "T": 12, "L": 5}[region]) - 1
    last = {r: max(int(n[1:]) for n in names if n[0] == r) for r in "CTL"}
    relative = 0
    if region == "C" and number == last["C"]:
        relative = 1
    elif region == "T" and number in (1, last["T"]):
        relative = 2 if number == 1 else 3
    elif region == "L" and number in (1, last["L"]):
        relative = 4 if number == 1 else 5
    return {
        "REGION": "CTL".index(region),
        "VERT": vert,
        "VERTREL": relative,
        "FULLYVISIBLE": int(visible),
    }


def cut_patch(image: Array, body: Array) -> Array:
    """Patch around a body: middle of its bounding box, zero padding, z-score of the rest.

    Parameters
    ----------
    image
        On the model grid.
    body
        Mask of the body on the same grid.
    """
    where = np.argwhere(body)
    low, high = where.min(0), where.max(0) + 1
    centre = (low + (high - low) // 2).tolist()
    patch = cut_window(image, centre, PATCH)
    normalise(patch)
    return patch


def make_group(seed: int, group: int) -> list[dict[str, Array]]:
    """Training patches of one phantom."""
    rng = np.random.default_rng((seed, 3, group))
    spacing = (*rng.uniform(1.5, 2.4, 2).tolist(), float(rng.uniform(1.8, 3.2)))
    phantom = generate(
        phantom_seed(seed, group),
        spacing=spacing,  # type: ignore[arg-type]
        fov=FieldOfView(width=float(rng.uniform(60, 100))),
    )
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_ODDS))
    thick = float(rng.uniform(2.5, 5.0)) if rng.random() < 0.6 else None
    image = render(
        phantom, contrast=contrast, seed=int(rng.integers(2**31)), slice_thickness=thick
    )
    return draw_samples(named_phantom(phantom, image, rng), rng)


def draw_samples(spine: NamedSpine, rng: np.random.Generator) -> list[dict[str, Array]]:
    """Patches of some limited views of a spine."""
    samples: list[dict[str, Array]] = []
    for _ in range(VIEWS_PER_PHANTOM):
        patches = view_patches(spine, draw_window(spine, rng))
        chosen = rng.permutation(len(patches))[:PATCHES_PER_VIEW]
        samples += [_augmented(patches[int(k)], rng) for k in chosen]
    return samples


def named_phantom(
    phantom: Phantom, image: Array, rng: np.random.Generator | None = None
) -> NamedSpine:
    """A phantom and its image on the model grid; with a generator a little turned and scaled."""
    bodies = np.where(np.isin(phantom.spine, anatomy.BODY_PARTS), phantom.vert, 0).astype(np.uint8)
    grids = to_model_grid(image, bodies, phantom.spine > 0, phantom.spacing, rng)
    shown = {v.label: v.name for v in phantom.plan.vertebrae}
    return NamedSpine(*grids, shown, phantom.plan.levels)


def to_model_grid(
    image: Array,
    bodies: Array,
    inside: Array,
    spacing: Sequence[float],
    rng: np.random.Generator | None = None,
) -> tuple[Array, Array, Array]:
    """Image, numbers of bodies and mask of all labels (P, I, R), brought to the model grid.

    Parameters
    ----------
    spacing
        Of the arrays, in mm.
    rng
        Turns and scales all a little.
    """
    step = np.asarray(SPACING) / spacing
    shape = tuple(np.maximum(np.round(np.array(image.shape) / step), 1).astype(int).tolist())
    matrix = np.diag(step)
    if rng is not None:
        matrix = matrix / rng.uniform(0.93, 1.07)
        angle = np.deg2rad(rng.normal(0, 5))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        size = np.diag(spacing[:2])
        matrix[:2, :2] = np.linalg.inv(size) @ turn @ size @ matrix[:2, :2]
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - matrix @ ((np.array(shape) - 1) / 2)
    floor = float(image.min())
    on_grid = affine_transform(image, matrix, offset, shape, order=1, cval=floor)
    numbers, mask = (
        affine_transform(x, matrix, offset, shape, order=0, cval=0)
        for x in (bodies.astype(np.uint8), inside.astype(np.uint8))
    )
    return on_grid.astype(np.float32), numbers, mask > 0


def draw_window(
    spine: NamedSpine, rng: np.random.Generator, count: int | None = None
) -> tuple[slice, slice, slice]:
    """Window (P, I, R) that shows some consecutive vertebrae.

    The pipeline shows the network no more than the box of the semantic mask, so the window is
    the box of all labels in the drawn view, at times a little larger.

    Parameters
    ----------
    count
        Number of vertebrae wholly in view; drawn by default, with whole spines among them.
    """
    bodies = spine.bodies
    labels = [label for label in spine.shown if (bodies == label).any()]
    n = len(labels)
    if count is None:
        count = n if rng.random() < 0.2 else int(rng.integers(3, 13))
    count = min(count, n)
    first = int(rng.integers(0, n - count + 1))
    if rng.random() < 0.3:  # lumbar scans, with the sacrum, are the commonest
        first = n - count
    rows = {
        k: np.flatnonzero((bodies == labels[k]).any((0, 2))) for k in (first, first + count - 1)
    }
    top, bottom = rows[first][0], rows[first + count - 1][-1] + 1
    margin = rng.uniform(1, 11, 2)
    a, b = int(top - margin[0]), int(bottom + margin[1])
    if first + count == n and rng.random() < 0.8:
        b = int(bottom + rng.uniform(12, 40))
    if first == 0 and rng.random() < 0.7:
        a = int(top - rng.uniform(8, 25))
    view = bodies[:, max(a, 0) : max(b, 1)]
    at = np.argwhere(view > 0)
    middle = at[:, 2].mean() + rng.normal(0, 1)
    half = rng.uniform(12, 30) if rng.random() < 0.4 else rng.uniform(30, 100)
    half = max(half / SPACING[2] / 2, 2)
    r = slice(max(int(middle - half), 0), max(int(np.ceil(middle + half)), 1))
    return label_box(spine.inside, (slice(None), slice(max(a, 0), max(b, 1)), r), rng)


def label_box(
    spine: Array, view: tuple[slice, slice, slice], rng: np.random.Generator | None
) -> tuple[slice, slice, slice]:
    """Box of the labels in a view, with a margin of a voxel or (with a generator) some more."""
    where = np.argwhere(spine[view])
    box = []
    for axis, part in enumerate(view):
        first, last, _ = part.indices(spine.shape[axis])
        more = rng.exponential(3, 2) * (rng.random() < 0.4) if rng is not None else (0, 0)
        low = first + where[:, axis].min() - 1 - int(more[0])
        high = first + where[:, axis].max() + 2 + int(more[1])
        box.append(slice(max(low, first), min(high, last)))
    return box[0], box[1], box[2]


def view_patches(spine: NamedSpine, window: tuple[slice, slice, slice]) -> list[dict[str, Array]]:
    """Patches and classes of all vertebrae in a window, cranial to caudal."""
    seen, mask = spine.image[window], spine.bodies[window]
    patches = []
    rows = slice(window[1].start, window[1].stop)
    for label, name in spine.shown.items():
        body = mask == label
        if np.count_nonzero(body) < MIN_BODY_VOXELS:
            continue
        whole = spine.bodies == label
        share = np.count_nonzero(whole[:, rows]) / np.count_nonzero(whole)
        visible = share > VISIBLE_SHARE
        classes = targets_of(name, spine.levels, visible)
        sample = {"x": cut_patch(seen, body)[None]}
        sample |= {head: np.int64(value) for head, value in classes.items()}
        patches.append(sample)
    return patches


def _augmented(sample: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Patch moved by a voxel or two, mirrored, with another grey curve."""
    x = sample["x"][0]
    if rng.random() < 0.5:
        x = x[:, :, ::-1]
    shift = np.round(rng.normal(0, (0.8, 0.8, 0.5))).astype(int)
    x = cut_window(x, (np.array(PATCH) // 2 + shift).tolist(), PATCH)
    seen = x != 0
    gain, add = rng.uniform(0.85, 1.15), rng.normal(0, 0.1)
    x = np.where(seen, x * gain + add, 0)
    return sample | {"x": np.ascontiguousarray(x, np.float32)[None]}
