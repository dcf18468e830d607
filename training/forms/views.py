"""Views of vertebrae in sequence, their forms and looks, from which names are learned."""

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
"""A vertebra whose body shows less than this is not in the view."""
UNKNOWN: Final = -1
"""Class of pieces that are no vertebra or none that the truth shows; not part of the loss."""
UNMEASURED: Final = np.full(MEASURES, np.nan)

Array = np.ndarray


@dataclass(frozen=True)
class View:
    """What is measured of the vertebrae in a view, and their classes."""

    forms: Array
    """(vertebrae, FEATURES)"""
    classes: Array
    """(vertebrae, heads), int64."""
    looks: Array
    """(vertebrae, planes, depth, height) with margins, uint8, see `training.forms.looks`."""
    measures: Array
    """(vertebrae, MEASURES), NaN where unknown, see `training.forms.plan_measures`."""


COLUMNS: Final = tuple(column.name for column in fields(View))


@dataclass(frozen=True)
class Masks:
    """Both masks of a spine (P, I, R), its image, and what is known of its vertebrae."""

    spine: Array
    vert: Array
    spacing: tuple[float, float, float]
    classes: Mapping[int, Sequence[int]]
    """Label of a vertebra to its class in every head, cranial to caudal."""
    image: Array
    """Scan on the same grid."""
    measure: Callable[..., Array] = vertebra_forms
    """Function of the forms, called like `core.vertebra_form.vertebra_forms`."""
    known: Mapping[int, Array] = field(default_factory=dict)
    """True dimensions of vertebrae by their label, see `training.forms.plan_measures`."""

    def extents(self) -> list[tuple[int, int]]:
        """First row of every body and the first row below it."""
        body = np.isin(self.spine, BODY_PARTS)
        extents = []
        for label in self.classes:
            rows = np.flatnonzero((body & (self.vert == label)).any(axis=(0, 2)))
            if len(rows):
                extents.append((int(rows[0]), int(rows[-1]) + 1))
        return extents


def draw_views(
    masks: Masks, rng: np.random.Generator, thin: float, count: int = VIEWS
) -> list[View]:
    """The whole spine and some random parts of it.

    Parameters
    ----------
    thin
        Share of parts that are thin slabs.
    count
        Number of views; those without a vertebra are left out.
    """
    views = [measure_view(masks, slice(None), slice(None))]
    extents = masks.extents()
    for _ in range(count - 1):
        columns = _draw_slab(masks, rng) if rng.random() < thin else slice(None)
        views.append(measure_view(masks, _draw_rows(masks, extents, rng), columns))
    return [view for view in views if view is not None]


def _draw_rows(
    masks: Masks, extents: Sequence[tuple[int, int]], rng: np.random.Generator
) -> slice:
    """Rows (I) that show some consecutive vertebrae and a little more."""
    count = min(int(rng.integers(3, 14)), len(extents))
    first = int(rng.integers(0, len(extents) - count + 1))
    step = masks.spacing[1]
    room = rng.uniform(0, 35, 2) / step
    low, high = extents[first][0] - room[0], extents[first + count - 1][1] + room[1]
    if first + count == len(extents) and rng.random() < 0.7:  # room for the sacrum
        high += rng.uniform(20, 60) / step
    return slice(max(int(low), 0), min(int(high), masks.spine.shape[1]))


def _draw_slab(masks: Masks, rng: np.random.Generator) -> slice:
    """Columns (R) near the middle of the bodies."""
    size, step = masks.spine.shape[2], masks.spacing[2]
    half = rng.uniform(6, 25) / step
    middle = size / 2 + rng.normal(0, 4) / step
    return slice(max(int(middle - half), 0), min(int(np.ceil(middle + half)) + 1, size))


def measure_view(masks: Masks, rows: slice, columns: slice) -> View | None:
    """Measure what a view shows; None without a vertebra.

    Parameters
    ----------
    rows, columns
        Of the view, along I and R.
    """
    spine, vert = masks.spine[:, rows, columns], masks.vert[:, rows, columns]
    bodies = np.where(np.isin(spine, BODY_PARTS), vert, 0)
    sizes = np.bincount(bodies.ravel(), minlength=256) * np.prod(masks.spacing)
    shown = [label for label in masks.classes if sizes[label] > MIN_BODY_MM3]
    if not shown:
        return None
    forms = masks.measure(spine, vert, shown, masks.spacing)
    looks = stored_looks(masks.image[:, rows, columns], bodies, shown, masks.spacing)
    classes = np.array([masks.classes[label] for label in shown])
    known = np.array([masks.known.get(label, UNMEASURED) for label in shown], np.float32)
    return View(forms.astype(np.float32), classes, looks, known)


def label_by_overlap(numbers: Array, truth: Array) -> Array:
    """Label of the truth that each instance overlaps most, 0 where it overlaps none.

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
    return np.asarray(table[numbers])


def load_or_measure(
    folder: Path, spines: int, measure: Callable[[int], list[View]], part: int = PART_SIZE
) -> list[View]:
    """Views of spines, measured where they are not stored yet.

    Parameters
    ----------
    folder
        Where the files are; a run that was stopped goes on after its last file.
    spines
        How many; rounded up to whole files.
    measure
        From the number of a spine to its views.
    part
        Spines in one file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    views = []
    for start in range(0, spines, part):
        path = folder / f"forms-{start:05d}.npz"
        if not path.exists():
            _save_views(path, [v for k in range(start, start + part) for v in measure(k)])
            print(f"{start + part} of {spines} spines measured", flush=True)
        views += _load_views(path)
    return views


def _save_views(path: Path, views: Sequence[View]) -> None:
    """Write the views of a file one after another, with the number of vertebrae in each."""
    partial = path.with_suffix(".part.npz")
    np.savez(
        partial,
        sizes=[len(view.forms) for view in views],
        forms=np.concatenate([view.forms for view in views]),
        classes=np.concatenate([view.classes for view in views]),
        looks=np.concatenate([view.looks for view in views]),
        measures=np.concatenate([view.measures for view in views]),
    )
    partial.replace(path)


def _load_views(path: Path) -> list[View]:
    with np.load(path) as stored:
        ends = np.cumsum(stored["sizes"])[:-1]
        columns = (np.split(stored[key], ends) for key in COLUMNS)
        return [View(*row) for row in zip(*columns, strict=True)]
