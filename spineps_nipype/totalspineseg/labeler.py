"""The labeller: from raw classes to numbered discs and vertebrae.

All computations happen in the box around the labels, with the same results as on the whole image.
Source: TotalSpineSeg 20251028, iterative labelling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.name_posterior import NamePosterior
from ..errors import EmptyResultError
from .canal import drop_false_canal
from .disc_path import DiscEvidence, fit_discs
from .fragments import (
    drop_far_parts,
    drop_sacrum_specks,
    drop_small_discs,
    join_fragments,
)
from .fused import cut_fused
from .labels import SACRUM
from .landmarks import (
    count_labels,
    drop_by_size,
    landmarks_of_labels,
    landmarks_of_localizer,
    no_landmark_error,
)
from .masks import joint_box, label_boxes, label_mask
from .numbering import number_discs, number_vertebrae, spine_list
from .parts import Heights, Parts, add_extra_voxels, centres_of, find_parts, merge_split_vertebrae
from .posterior import SACRUM_MM3, DiscProblem, name_posterior
from .profiles import SEED, Profile
from .regions import SpineOrder
from .settings import LabelerSettings, Numerics
from .upstream import upstream


@dataclass(frozen=True)
class NumberedSpine:
    """A label map, and how probable its names are.

    Parameters
    ----------
    labels
        Output labels.
    vertebrae
        Labels of the vertebrae, uppermost first, without the sacrum.
    posterior
        Probabilities of their names in the labels of `core.anatomy`, a row for each of
        `vertebrae`; None where discs are counted from landmarks or vertebrae have no labels.
    """

    labels: NDArray[np.uint8]
    vertebrae: tuple[int, ...] = ()
    posterior: NamePosterior | None = None


def label_spine(
    seg: NDArray[Any],
    settings: LabelerSettings,
    *,
    localizer: NDArray[Any] | None = None,
    profile: Profile = SEED,
    numerics: Numerics = "corrected",
) -> NDArray[np.uint8]:
    """Label map of `number_spine`."""
    return number_spine(
        seg, settings, localizer=localizer, profile=profile, numerics=numerics
    ).labels


def number_spine(
    seg: NDArray[Any],
    settings: LabelerSettings,
    *,
    localizer: NDArray[Any] | None = None,
    profile: Profile = SEED,
    numerics: Numerics = "corrected",
) -> NumberedSpine:
    """Number discs and vertebrae, and give all structures their output labels.

    Parameters
    ----------
    seg
        Raw classes, 1 mm, array axes right, anterior, superior.
    settings
        Raw and output labels; `LABELER_STEP1` and `LABELER_STEP2` are those of the two steps.
    localizer
        Labelled discs of another scan on the grid of `seg`.
    profile
        Rules of the weight release.
    numerics
        Corrected, all landmarks and the distances of the discs decide together, and fragments get
        no number; ``original`` uses the order of components and the landmarks of 20251028.

    Raises
    ------
    EmptyResultError
        If there is no canal, or neither disc nor vertebra, or no disc can be named.
    """
    rules = upstream(numerics)
    canal_labels = (*settings.canal_labels, *settings.cord_labels)
    if not rules.false_canal_kept:
        seg = drop_false_canal(seg, canal_labels, settings.disc_labels)
    if settings.vertebrae_labels and not rules.sacrum_specks_kept:
        seg = drop_sacrum_specks(seg, settings.sacrum_labels)
    boxes = label_boxes(seg)
    box = joint_box(boxes.values(), settings.dilation_size + 1, seg.shape)
    if box is None or not set(canal_labels) & set(boxes):
        raise EmptyResultError(
            f"No canal found in the segmentation (canal labels: {list(canal_labels)})",
            remedy="The image may not show the spine, or the network does not know its contrast.",
        )
    out = np.zeros(seg.shape, dtype=np.uint8)
    part = seg[box]
    parts = find_parts(
        part,
        settings.disc_labels,
        settings.vertebrae_labels,
        dilation=settings.dilation_size,
        min_voxels=profile.min_component_voxels,
    )
    if not parts.discs and not parts.vertebrae:
        labels = [*settings.disc_labels, *settings.vertebrae_labels]
        raise EmptyResultError(
            f"Some label must be in the segmentation (labels: {labels})",
            remedy="The image may not show the spine.",
        )
    heights = Heights(label_mask(part, canal_labels), [side.start for side in box], numerics)
    near = None if localizer is None else localizer[box]
    discs = heights.sorted(parts, parts.discs)
    if not rules.specks_numbered:
        discs = drop_small_discs(parts, discs)
    if not rules.far_parts_kept:
        discs = drop_far_parts(parts, discs, heights)
    disc_labels, problem = _name_discs(discs, parts, part, near, settings, profile, numerics)
    names = dict(disc_labels)
    vertebrae: tuple[int, ...] = ()
    posterior: NamePosterior | None = None
    if settings.vertebrae_labels:
        if not rules.fused_whole:
            cut_fused(parts, [number for _, number in discs], heights.front)
        bones = _vertebrae(
            parts, heights, part, settings, () if rules.fragments_numbered else discs
        )
        order = spine_list(discs, bones, min(parts.raw, default=1))
        spine = SpineOrder.of(settings)
        named = number_vertebrae(order, disc_labels, spine, numerics=numerics)
        names.update(named)
        rows = [part.number for part in order if named.get(part.number, SACRUM) != SACRUM]
        vertebrae = tuple(named[number] for number in rows)
        if problem is not None:
            posterior = name_posterior(problem, order, rows, settings, numerics=numerics)
    _paint(out[box], part, parts, names, settings)
    return NumberedSpine(out, vertebrae, posterior)


def _vertebrae(
    parts: Parts,
    heights: Heights,
    seg: NDArray[Any],
    settings: LabelerSettings,
    discs: Sequence[tuple[int, int]],
) -> list[tuple[int, int]]:
    """(height, component) of the vertebrae, after pieces are joined and extra voxels added.

    Discs tell which pieces belong together; without discs, raw labels do.
    """
    order = heights.sorted(parts, parts.vertebrae)
    if join_fragments(parts, order, discs) if discs else merge_split_vertebrae(parts, order):
        order = heights.sorted(parts, parts.vertebrae)
    if settings.vertebrae_extra_labels:
        add_extra_voxels(parts, order, label_mask(seg, settings.vertebrae_extra_labels))
        order = heights.sorted(parts, parts.vertebrae)
    return order


def _name_discs(
    discs: list[tuple[int, int]],
    parts: Parts,
    seg: NDArray[Any],
    localizer: NDArray[Any] | None,
    settings: LabelerSettings,
    profile: Profile,
    numerics: Numerics,
) -> tuple[dict[int, int], DiscProblem | None]:
    """Component to output label of the discs; what the best assignment was found from, if any."""
    order = [number for _, number in discs]
    spine = SpineOrder.of(settings)
    found: dict[int, int] = {}
    if order and localizer is not None:
        found = landmarks_of_localizer(
            order,
            parts,
            localizer,
            settings.loc_disc_labels,
            settings.disc_landmark_output_labels,
        )
    if order and not found:
        found = landmarks_of_labels(order, parts, seg, settings, profile)
        if profile.drop_inferior_landmark == "size":
            sizes = parts.sizes()
            found = drop_by_size(found, order, {n: int(sizes[n]) for n in order})
    told = not found
    if told:
        if not order or settings.default_superior_disc <= 0:
            raise no_landmark_error(settings, localizer is not None)
        found = {order[0]: settings.default_superior_disc}
    counted = upstream(numerics).counted_from_landmarks
    if counted or not set(found.values()) <= set(spine.discs):
        return number_discs(order, found, spine, numerics=numerics), None
    evidence = _evidence(order, parts, seg, localizer, settings)
    sacrum = None
    if settings.sacrum_labels:  # voxels of 1 mm3
        found_mm3 = np.count_nonzero(label_mask(seg, settings.sacrum_labels))
        sacrum = bool(found_mm3 >= SACRUM_MM3)
    problem = DiscProblem(order, centres_of(parts, order), found, evidence, sacrum, told)
    return fit_discs(order, problem.centres, found, evidence, spine), problem


def _evidence(
    order: list[int],
    parts: Parts,
    seg: NDArray[Any],
    localizer: NDArray[Any] | None,
    settings: LabelerSettings,
) -> DiscEvidence:
    """Share of each output label in each disc, according to landmark classes and localizer."""
    raw = settings.disc_landmark_labels
    sizes = parts.sizes()[order]
    counts = count_labels(order, parts, seg, raw)
    outputs = dict(zip(raw, settings.disc_landmark_output_labels, strict=True))
    landmarks = [
        {
            outputs[label]: float(n / size)
            for label, n in zip(raw, row, strict=True)
            if n and label in settings.selected_disc_landmarks
        }
        for row, size in zip(counts, sizes, strict=True)
    ]
    touched: list[dict[int, float]] = [{} for _ in order]
    if localizer is not None:
        labels = settings.loc_disc_labels
        for place, row in enumerate(count_labels(order, parts, localizer, labels)):
            total = int(row.sum())
            touched[place] = {
                label: float(n / total) for label, n in zip(labels, row, strict=True) if n
            }
    return DiscEvidence(tuple(landmarks), tuple(touched))


def _paint(
    out: NDArray[np.uint8],
    seg: NDArray[Any],
    parts: Parts,
    names: dict[int, int],
    settings: LabelerSettings,
) -> None:
    """Paint output labels over each other: discs and vertebrae, canal, cord, sacrum, others."""
    table = np.zeros(int(parts.array.max(initial=0)) + 1, dtype=np.uint8)
    for number, label in names.items():
        table[number] = label
    out[...] = table[parts.array]
    groups = [
        (settings.canal_labels, settings.canal_output_label),
        (settings.cord_labels, settings.cord_output_label),
        (settings.sacrum_labels, settings.sacrum_output_label),
        *(((raw,), label) for raw, label in settings.map_input),
    ]
    for labels, value in groups:
        if value:
            np.putmask(out, label_mask(seg, labels), value)
