"""Landmark discs, from raw landmark labels or from a localizer.

Source: TotalSpineSeg 20251028, labeller (landmarks); rules that drop landmarks from later
versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyResultError
from .labels import DISC_C2_C3, DISC_L5_S
from .parts import Parts
from .profiles import SEED, Profile
from .settings import LabelerSettings, Labels, Numerics
from .upstream import upstream

DEFAULT_LANDMARKS: Final = LabelerSettings().selected_disc_landmarks
MIN_DISC_SHARE: Final = 0.1
"""Share of the size of the disc with landmark L5-S above which a disc below it is a real one."""


def selected_landmarks(
    has_localizer: bool,
    run_has_localizers: bool | None = None,
    *,
    selected: Labels = DEFAULT_LANDMARKS,
    numerics: Numerics = "corrected",
) -> Labels:
    """Landmarks to use for an image.

    With a localizer, only C2-C3 and L5-S are used. In a run with localizers, the original leaves
    the other two out even for images that have no localizer.
    """
    reduced = has_localizer
    if upstream(numerics).landmarks_by_run and run_has_localizers is not None:
        reduced = run_has_localizers
    return selected[:2] if reduced else selected


def count_labels(
    numbers: Sequence[int], parts: Parts, values: NDArray[Any], labels: Sequence[int]
) -> NDArray[np.int64]:
    """Number of voxels of each label in each component, shape (components, labels)."""
    out = np.zeros((len(numbers), len(labels)), dtype=np.int64)
    boxes = parts.boxes()
    for row, number in enumerate(numbers):
        box = boxes[number - 1]
        inside = values[box][parts.array[box] == number]
        table = np.bincount(inside, minlength=max(labels, default=0) + 1)
        out[row] = table[list(labels)]
    return out


def landmarks_of_localizer(
    order: Sequence[int],
    parts: Parts,
    localizer: NDArray[Any],
    labels: Sequence[int],
    starts: Sequence[int],
) -> dict[int, int]:
    """Component to output label, from the discs of a localizer on the same grid.

    The four landmark discs are looked for first. If there is none, the uppermost disc that
    overlaps the localizer gets the label that it overlaps most.
    """
    numbers = sorted(order)
    counts = count_labels(numbers, parts, localizer, labels)
    found: dict[int, int] = {}
    for start in starts:
        if start not in labels:
            continue
        column = counts[:, list(labels).index(start)]
        if column.any():
            found[numbers[int(column.argmax())]] = start
    if found:
        return found
    for number in order:
        row = counts[numbers.index(number)]
        if row.any():
            return {number: int(labels[int(row.argmax())])}
    return {}


def landmarks_of_labels(
    order: Sequence[int],
    parts: Parts,
    seg: NDArray[Any],
    settings: LabelerSettings,
    profile: Profile = SEED,
) -> dict[int, int]:
    """Component to output label, from the raw landmark labels.

    Landmarks are tried in order of reliability. A landmark is the disc with most of its voxels,
    unless another landmark label is more frequent there. The first two may be used together; each
    of the others is used only if no landmark has been found before.
    """
    raw = list(settings.disc_landmark_labels)
    outputs = dict(zip(raw, settings.disc_landmark_output_labels, strict=True))
    numbers = sorted(order)
    counts = count_labels(numbers, parts, seg, raw)
    selected = _trusted(order, numbers, counts, settings, profile)
    found: dict[int, int] = {}
    for rank, label in enumerate(settings.selected_disc_landmarks):
        if found and rank > 1:
            break
        if label not in selected:
            continue
        column = raw.index(label)
        best = int(counts[:, column].argmax())
        if counts[best, column] <= profile.min_landmark_voxels:
            continue
        if int(counts[best].argmax()) == column:
            found[numbers[best]] = outputs[label]
    return found


def _trusted(
    order: Sequence[int],
    numbers: Sequence[int],
    counts: NDArray[np.int64],
    settings: LabelerSettings,
    profile: Profile,
) -> set[int]:
    """Selected landmarks without those that the rules of the release drop."""
    raw = list(settings.disc_landmark_labels)
    selected = set(settings.selected_disc_landmarks) & set(raw)
    rows = [counts[numbers.index(number)] for number in order]
    raw_of = dict(zip(settings.disc_landmark_output_labels, raw, strict=True))
    top, bottom = raw_of.get(DISC_C2_C3), raw_of.get(DISC_L5_S)
    if profile.drop_superior_landmark and top is not None and not rows[0][raw.index(top)]:
        selected.discard(top)
    if bottom is None:
        return selected
    held = [int(row[raw.index(bottom)]) for row in rows]
    if profile.drop_inferior_landmark == "absent" and not held[-1]:
        selected.discard(bottom)
    return selected


def drop_by_size(
    found: Mapping[int, int], order: Sequence[int], sizes: Mapping[int, int]
) -> dict[int, int]:
    """Drop the landmark L5-S if a real disc lies below it."""
    out = dict(found)
    for number, label in found.items():
        if label != DISC_L5_S:
            continue
        below = order[list(order).index(number) + 1 :]
        if any(sizes[other] > MIN_DISC_SHARE * sizes[number] for other in below):
            del out[number]
    return out


def no_landmark_error(settings: LabelerSettings, with_localizer: bool) -> EmptyResultError:
    """Error for a scan in which no disc can be named."""
    hint = "Give a localizer, or say which disc is the uppermost one (default_superior_disc)."
    if with_localizer:
        hint = "Check that localizer and image lie in the same space. " + hint
    return EmptyResultError(
        "At least one of the landmarks must be in the segmentation or localizer "
        f"(landmarks: {list(settings.selected_disc_landmarks)})",
        remedy=hint,
    )
