"""Samples for the labelling network: image patches around the vertebrae of limited views.

A spine is seen through several windows, and each vertebra in a window becomes a patch that is cut
and normalised as in the pipeline. Spines are phantoms, and real scans with certain names.
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
from training.common.loop import Batch
from training.common.named_scans import NamedScan
from training.common.phantom_seeds import phantom_seed
from training.common.spider_masks import LEVELS

SPACING: Final = (2.5, 2.5, 3.0)
"""Model grid in P, I, R (mm)."""
PATCH: Final = (56, 104, 16)
"""Patch in voxels (140 x 260 x 48 mm): a level is known by what is near it."""
HEADS: Final = {"REGION": 3, "VERT": 24, "VERTREL": 6, "FULLYVISIBLE": 2}
"""Outputs of the network and how many classes each has."""
CONTRASTS: Final = ("T2w", "T1w", "CT", "random")
CONTRAST_SHARES: Final = (0.75, 0.08, 0.05, 0.12)
VIEWS_PER_PHANTOM: Final = 6
PATCHES_PER_VIEW: Final = 8
MIN_BODY_VOXELS: Final = 12
"""A vertebra whose body shows less than this has no patch."""
VISIBLE_SHARE: Final = 0.97
"""Share of the rows of a body that must be in view for its vertebra to count as fully visible."""
REAL_SHARE: Final = 0.35
"""Share of groups of samples that are of real scans."""

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
    names
        Name of each vertebra number, cranial to caudal.
    levels
        Names of all vertebrae of this spine, also of those out of view.
    """

    image: Array
    bodies: Array
    inside: Array
    names: Mapping[int, str]
    levels: Sequence[str]


@dataclass(frozen=True)
class LabelingSamples:
    """Maker of groups of samples: phantoms, and real scans where there are any."""

    real: Sequence[NamedScan] = ()
    real_share: float = REAL_SHARE

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group."""
        rng = np.random.default_rng((seed, 4, group))
        if self.real and rng.random() < self.real_share:
            scan = self.real[int(rng.integers(len(self.real)))]
            return draw_samples(moved_scan(scan, rng), rng)
        return phantom_samples(seed, group)


def moved_scan(scan: NamedScan, rng: np.random.Generator) -> NamedSpine:
    """A real scan on the model grid, a little turned and scaled."""
    grids = to_model_grid(scan.image, scan.bodies, scan.inside, scan.spacing, rng)
    return NamedSpine(*grids, scan.names, LEVELS)


def targets_of(name: str, names: Sequence[str], visible: bool) -> dict[str, int]:
    """Class of a vertebra in every head, given all names of its spine.

    T13 counts as T12 and L6 as L5; VERTREL marks the ends of the regions, whatever their number.
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
    """Patch around the middle of the bounding box of a body, z-scored, with zeros as padding.

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


def phantom_samples(seed: int, group: int) -> list[Batch]:
    """Patches of one phantom."""
    rng = np.random.default_rng((seed, 3, group))
    p, i = rng.uniform(1.5, 2.4, 2).tolist()
    phantom = generate(
        phantom_seed(seed, group),
        spacing=(p, i, float(rng.uniform(1.8, 3.2))),
        fov=FieldOfView(width=float(rng.uniform(60, 100))),
    )
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    thick = float(rng.uniform(2.5, 5.0)) if rng.random() < 0.6 else None
    image = render(
        phantom, contrast=contrast, seed=int(rng.integers(2**31)), slice_thickness=thick
    )
    return draw_samples(named_phantom(phantom, image, rng), rng)


def draw_samples(spine: NamedSpine, rng: np.random.Generator) -> list[Batch]:
    """Patches of some limited views of a spine."""
    samples: list[Batch] = []
    for _ in range(VIEWS_PER_PHANTOM):
        patches = view_patches(spine, draw_window(spine, rng))
        chosen = rng.permutation(len(patches))[:PATCHES_PER_VIEW]
        samples += [_augmented(patches[int(k)], rng) for k in chosen]
    return samples


def named_phantom(
    phantom: Phantom, image: Array, rng: np.random.Generator | None = None
) -> NamedSpine:
    """A phantom and its image on the model grid; a little turned and scaled if `rng` is given."""
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
    """Image, numbers of bodies and mask of all labels, resampled to the model grid.

    Parameters
    ----------
    image, bodies, inside
        (P, I, R), see `NamedSpine`.
    spacing
        Voxel size of the arrays, mm.
    rng
        If given, all three are turned and scaled a little, alike.
    """
    step = np.asarray(SPACING) / spacing
    shape = tuple(np.maximum(np.round(np.array(image.shape) / step), 1).astype(int).tolist())
    matrix = np.diag(step)
    if rng is not None:
        matrix = matrix / rng.uniform(0.93, 1.07)
        angle = np.deg2rad(rng.normal(0, 5))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        # a rotation in mm, not in voxels, within the sagittal plane
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

    The pipeline shows the network no more than the bounding box of the semantic mask, so the
    window is the box of all labels in the drawn view, at times a little larger.

    Parameters
    ----------
    count
        Number of vertebrae wholly in view; drawn by default, with whole spines among them.
    """
    bodies = spine.bodies
    labels = [label for label in spine.names if (bodies == label).any()]
    n = len(labels)
    if count is None:
        count = n if rng.random() < 0.2 else int(rng.integers(3, 13))
    count = min(count, n)
    first = int(rng.integers(0, n - count + 1))
    if rng.random() < 0.3:  # lumbar scans, with the sacrum, are the commonest
        first = n - count
    last = first + count - 1
    rows = {k: np.flatnonzero((bodies == labels[k]).any((0, 2))) for k in (first, last)}
    top, bottom = rows[first][0], rows[last][-1] + 1
    margin = rng.uniform(1, 11, 2)
    upper, lower = int(top - margin[0]), int(bottom + margin[1])
    if last == n - 1 and rng.random() < 0.8:  # room for the sacrum
        lower = int(bottom + rng.uniform(12, 40))
    if first == 0 and rng.random() < 0.7:  # and for the head
        upper = int(top - rng.uniform(8, 25))
    rows_in_view = slice(max(upper, 0), max(lower, 1))
    middle = np.argwhere(bodies[:, rows_in_view] > 0)[:, 2].mean() + rng.normal(0, 1)
    half = rng.uniform(12, 30) if rng.random() < 0.4 else rng.uniform(30, 100)  # slab or not
    half = max(half / SPACING[2] / 2, 2)
    columns = slice(max(int(middle - half), 0), max(int(np.ceil(middle + half)), 1))
    return label_box(spine.inside, (slice(None), rows_in_view, columns), rng)


def label_box(
    inside: Array, view: tuple[slice, slice, slice], rng: np.random.Generator | None
) -> tuple[slice, slice, slice]:
    """Box of the labels in a view, with a margin of a voxel or, if `rng` is given, some more."""
    where = np.argwhere(inside[view])
    box = []
    for axis, part in enumerate(view):
        first, last, _ = part.indices(inside.shape[axis])
        more = rng.exponential(3, 2) * (rng.random() < 0.4) if rng is not None else (0, 0)
        low = first + where[:, axis].min() - 1 - int(more[0])
        high = first + where[:, axis].max() + 2 + int(more[1])
        box.append(slice(max(low, first), min(high, last)))
    return box[0], box[1], box[2]


def view_patches(spine: NamedSpine, view: tuple[slice, slice, slice]) -> list[Batch]:
    """Patches and classes of all vertebrae in a view, cranial to caudal."""
    image, mask = spine.image[view], spine.bodies[view]
    patches = []
    for label, name in spine.names.items():
        body = mask == label
        if np.count_nonzero(body) < MIN_BODY_VOXELS:
            continue
        whole = spine.bodies == label
        share = np.count_nonzero(whole[:, view[1]]) / np.count_nonzero(whole)
        classes = targets_of(name, spine.levels, bool(share > VISIBLE_SHARE))
        sample = {"x": cut_patch(image, body)[None]}
        sample |= {head: np.asarray(value, np.int64) for head, value in classes.items()}
        patches.append(sample)
    return patches


def _augmented(sample: Batch, rng: np.random.Generator) -> Batch:
    """Patch moved by a voxel or two, mirrored, with other brightness and contrast."""
    x = sample["x"][0]
    if rng.random() < 0.5:
        x = x[:, :, ::-1]
    shift = np.round(rng.normal(0, (0.8, 0.8, 0.5))).astype(int)
    x = cut_window(x, (np.array(PATCH) // 2 + shift).tolist(), PATCH)
    seen = x != 0  # padding stays 0
    gain, offset = rng.uniform(0.85, 1.15), rng.normal(0, 0.1)
    x = np.where(seen, x * gain + offset, 0)
    return sample | {"x": np.ascontiguousarray(x, np.float32)[None]}
