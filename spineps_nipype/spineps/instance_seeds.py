"""Seeds of vertebra instances: one point for each vertebral body.

Source: SPINEPS 2.1.3, instance phase, corpus seeds. Arrays are (P, I, R).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import CORPUS, CORPUS_BORDER, DENS, DISC, ENDPLATE
from ..core.components import (
    component_centroids,
    component_sizes,
    erode,
    label_components,
    remove_small_components,
)
from ..errors import EmptyResultError, NoSeedError
from .instance_split import CannotSplitError, split_labelled
from .settings import InstanceSettings, Numerics

logger = logging.getLogger(__name__)

SAME_HEIGHT_MM: Final = 7.5
"""Distance along the body axis below which two bodies or discs count as one."""
SEED_EROSION: Final = 2
"""Voxels by which bodies are eroded, unless the model package says otherwise."""
NEIGHBOURS: Final = 5
"""Entries of the row, above and below, among which a merged body is looked for."""
MIN_NEIGHBOURS: Final = 3
"""Bodies that there must be to compare with."""
MERGED_RATIO: Final = 1.5
"""Volume above which a body counts as two, as a multiple of the mean of its neighbours."""

Point = tuple[float, float, float]


@dataclass(frozen=True)
class _Entry:
    """A body or disc in the row from top to bottom."""

    height: float
    is_disc: bool
    number: int
    volume: int


def find_seeds(
    semantic: NDArray[Any],
    zoom_i: float,
    clean_voxels: int,
    settings: InstanceSettings,
    erosion: int = SEED_EROSION,
    numerics: Numerics = "corrected",
) -> list[Point]:
    """Centre of every vertebral body, from caudal to cranial.

    Parameters
    ----------
    semantic
        Semantic labels (P, I, R).
    zoom_i
        Spacing along the body axis in mm.
    clean_voxels
        Seed components below this size are deleted.
    settings
        Options of this phase.
    erosion
        Voxels that the bodies are eroded by.
    numerics
        How merged bodies are split, see `split_component`.

    Returns
    -------
    list of points
        In voxels. If the mask labels the interior of bodies, points of the dens come first.

    Raises
    ------
    EmptyResultError
        If no vertebral body is labelled.
    NoSeedError
        If no seed is left after erosion and cleaning.
    """
    if not (semantic == CORPUS_BORDER).any():
        raise EmptyResultError(
            "The semantic mask shows no vertebral body (label 49).",
            remedy="Check the raw semantic mask; the model may not fit this scan.",
        )
    has_interior = bool((semantic == CORPUS).any())
    clean = settings.proc_inst_corpus_clean
    mask = _seed_mask(semantic, has_interior, clean_voxels, clean, erosion)
    components, count = label_components(mask, 3)
    if count == 0:
        raise NoSeedError(
            "No vertebral body is large enough to serve as a seed.",
            remedy=_way_out(semantic, clean, erosion),
        )
    components = components.astype(np.int32)
    if settings.proc_inst_detect_and_solve_merged_corpi:
        components = _split_merged(components, count, semantic, zoom_i, numerics)
    centres = component_centroids(components)[1:]
    centres = centres[np.isfinite(centres).all(axis=1)]  # a split may leave a number unused
    seeds = sorted((_point(c) for c in centres), key=lambda c: c[1])
    if has_interior:
        dens, _ = label_components(semantic == DENS, 3)
        if dens.any():
            seeds += [_point(c) for c in component_centroids(dens)[1:]]
    return seeds[::-1]


def _way_out(semantic: NDArray[Any], clean: bool, erosion: int) -> str:
    """What helps where no seed is left: keeping small ones, if erosion leaves any."""
    look = "Look at the scan and its raw semantic mask"
    uncleaned = _seed_mask(
        semantic, has_interior=False, clean_voxels=0, clean=False, erosion=erosion
    )
    if clean and uncleaned.any():
        return f"Try --no-proc-inst-corpus-clean. {look}: bodies are small or fragments in it."
    return f"{look}: only traces of bodies were found. The scan may be too noisy for this model."


def _point(values: NDArray[np.float64]) -> Point:
    return float(values[0]), float(values[1]), float(values[2])


def _seed_mask(
    semantic: NDArray[Any], has_interior: bool, clean_voxels: int, clean: bool, erosion: int
) -> NDArray[np.bool_]:
    """Mask of one piece for each body: its labelled interior, else its eroded border."""
    if has_interior:
        return np.asarray(semantic == CORPUS)
    mask = erode(semantic == CORPUS_BORDER, erosion, 2)
    if clean:
        kept = remove_small_components(mask.astype(np.uint8), (1,), clean_voxels)
        mask = kept.astype(bool)
    return mask


def _entries(components: NDArray[Any], count: int, is_disc: bool) -> list[_Entry]:
    """Entries of the row for all components of one kind."""
    sizes = component_sizes(components, count)
    centres = component_centroids(components)
    return [_Entry(float(centres[n][1]), is_disc, n, int(sizes[n])) for n in range(1, count + 1)]


def _split_merged(
    components: NDArray[Any],
    count: int,
    semantic: NDArray[Any],
    zoom_i: float,
    numerics: Numerics,
) -> NDArray[Any]:
    """Split bodies that are far larger than their neighbours, where the row has a gap.

    Bodies and discs alternate: where two bodies, or two discs, follow each other, something is
    missing between them, and a large body near by may be the two that are there in truth.
    """
    discs, disc_count = label_components((semantic == DISC) | (semantic == ENDPLATE), 3)
    if disc_count == 0:
        return components
    row = _entries(components, count, False) + _entries(discs, disc_count, True)
    row.sort(key=lambda e: e.height)
    same_height = SAME_HEIGHT_MM / zoom_i
    for entry in list(row):
        if entry not in row:
            continue
        place = row.index(entry)
        if place + 1 >= len(row) or row[place + 1].is_disc != entry.is_disc:
            continue
        if abs(row[place + 1].height - entry.height) < same_height:
            row.pop(place)
            continue
        suspect = _merged_suspect(row, place)
        if suspect is None:
            continue
        try:
            components = split_labelled(components, suspect.number, numerics)
        except CannotSplitError as err:
            logger.info("a large vertebral body was not split: %s", err)
    return components


def _merged_suspect(row: list[_Entry], place: int) -> _Entry | None:
    """The largest body around a place of the row, if it is far larger than the others."""
    near = row[max(place - NEIGHBOURS, 0) : place] + row[place + 1 : place + 1 + NEIGHBOURS]
    bodies = [e for e in near if not e.is_disc]
    if len(bodies) - 1 < MIN_NEIGHBOURS:
        return None
    largest = max(bodies, key=lambda e: e.volume)
    others = [e.volume for e in bodies if e is not largest]
    return largest if largest.volume / float(np.mean(others)) > MERGED_RATIO else None
