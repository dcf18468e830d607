"""Views of vertebrae in sequence, measured and seen, from which names are learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.core.anatomy import BODY_PARTS
from spineps_nipype.core.vertebra_form import vertebra_forms
from training.forms.looks import stored_looks
from training.forms.plan_measures import MEASURES

VIEWS: Final = 12
"""Views measured of one spine at a time."""
PART_SIZE: Final = 50
"""Phantoms in one file of measures."""
MIN_BODY_MM3: Final = 300.0
UNKNOWN: Final = -1
"""Class of what is no vertebra, or none that the truth shows: no part of the loss."""
UNMEASURED: Final = np.full(MEASURES, np.nan)

Array = np.ndarray


@dataclass(frozen=True)
class View:
    """Measures of the vertebrae in a view, and their classes."""

    forms: Array
    """(vertebrae, FEATURES)"""
    classes: Array
    """(vertebrae, heads), int64."""
    looks: Array
    """(vertebrae, planes, depth, height) with margins, uint8, see `training.forms.looks`."""
    measures: Array
    """(vertebrae, MEASURES), NaN where not known, see `training.forms.plan_measures`."""


COLUMNS: Final = tuple(column.name for column in fields(View))


@dataclass(frozen=True)
class Masks:
    """Both masks of a spine (P, I, R), its image, and what its vertebrae are."""

    spine: Array
    vert: Array
    spacing: tuple[float, float, float]
    classes: Mapping[int, Sequence[int]]
    """Label of a vertebra to its class in every head, cranial to caudal."""
    image: Array
    """Scan on the same grid."""
    measure: Callable[..., Array] = vertebra_forms
    known: Mapping[int, Array] = field(default_factory=dict)
    """True dimensions of vertebrae by their label, see `training.forms.plan_measures`."""

    def extents(self) -> list[tuple[int, int]]:
        """First row of every body and the first row below it."""
        body = np.isin(self.spine, BODY_PARTS)
        found = []
        for label in self.classes:
            rows = np.flatnonzero((body & (self.vert == label)).any(axis=(0, 2)))
            if len(rows):
                found.append((int(rows[0]), int(rows[-1]) + 1))
        return found


def drawn_views(
    masks: Masks, rng: np.random.Generator, thin: float, count: int = VIEWS
) -> list[View]:
    """The whole and some random parts.

    Parameters
    ----------
    thin
        Share of parts that are thin slabs.
    """
    found = [measured(masks, slice(None), slice(None))]
    extents = masks.extents()
    for _ in range(count - 1):
        across = slab(masks, rng) if rng.random() < thin else slice(None)
        found.append(measured(masks, rows(masks, extents, rng), across))
    return [view for view in found if view is not None]


def rows(masks: Masks, extents: Sequence[tuple[int, int]], rng: np.random.Generator) -> slice:
    """Rows (I) that show some consecutive vertebrae and a little more."""
    count = min(int(rng.integers(3, 14)), len(extents))
    first = int(rng.integers(0, len(extents) - count + 1))
    step = masks.spacing[1]
    room = rng.uniform(0, 35, 2) / step
    low, high = extents[first][0] - room[0], extents[first + count - 1][1] + room[1]
    if first + count == len(extents) and rng.random() < 0.7:
        high += rng.uniform(20, 60) / step
    return slice(max(int(low), 0), min(int(high), masks.spine.shape[1]))


def slab(masks: Masks, rng: np.random.Generator) -> slice:
    """Columns (R) near the middle of the bodies."""
    size, step = masks.spine.shape[2], masks.spacing[2]
    half = rng.uniform(6, 25) / step
    middle = size / 2 + rng.normal(0, 4) / step
    return slice(max(int(middle - half), 0), min(int(np.ceil(middle + half)) + 1, size))


def measured(masks: Masks, i: slice, r: slice) -> View | None:
    """Measures of a view; nothing without a vertebra."""
    spine, vert = masks.spine[:, i, r], masks.vert[:, i, r]
    bodies = np.where(np.isin(spine, BODY_PARTS), vert, 0)
    sizes = np.bincount(bodies.ravel(), minlength=256) * np.prod(masks.spacing)
    shown = [label for label in masks.classes if sizes[label] > MIN_BODY_MM3]
    if not shown:
        return None
    forms = masks.measure(spine, vert, shown, masks.spacing)
    looks = stored_looks(masks.image[:, i, r], bodies, shown, masks.spacing)
    classes = np.array([masks.classes[label] for label in shown])
    known = np.array([masks.known.get(label, UNMEASURED) for label in shown], np.float32)
    return View(forms.astype(np.float32), classes, looks, known)


def called_after(numbers: Array, truth: Array) -> Array:
    """Instances called what they overlap most, 0 where they overlap nothing.

    Parameters
    ----------
    numbers
        Instances, 0 elsewhere.
    truth
        True labels on the same grid, 0 elsewhere.
    """
    table = np.zeros(int(numbers.max()) + 1, np.uint8)
    for number in np.unique(numbers[numbers > 0]):
        votes = np.bincount(truth[numbers == number], minlength=2)[1:]
        if votes.any():
            table[number] = int(votes.argmax()) + 1
    return table[numbers]


def stored_views(
    out: Path, phantoms: int, make: Callable[[int], list[View]], part: int = PART_SIZE
) -> list[View]:
    """Views of so many phantoms, made from their number where they are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    views = []
    for start in range(0, phantoms, part):
        path = out / f"forms-{start:05d}.npz"
        if not path.exists():
            made = [v for k in range(start, start + part) for v in make(k)]
            unfinished = path.with_suffix(".part.npz")
            columns = {key: np.concatenate([getattr(v, key) for v in made]) for key in COLUMNS}
            np.savez(unfinished, sizes=[len(v.forms) for v in made], **columns)
            unfinished.replace(path)
            print(f"{start + part} of {phantoms} spines measured", flush=True)
        with np.load(path) as stored:
            ends = np.cumsum(stored["sizes"])[:-1]
            parts = (np.split(stored[key], ends) for key in COLUMNS)
            views += [View(*row) for row in zip(*parts, strict=True)]
    return views
