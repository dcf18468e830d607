"""Anatomical names of the vertebrae. Source: SPINEPS 2.1.3 (VERIDAH)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.anatomy import BODY_PARTS, C1, C2, DENS, SACRUM
from ..core.components import Box
from ..core.geometry import PIR
from ..core.missed_vertebrae import Missed, missed_between
from ..core.name_posterior import NamePosterior
from ..core.name_table import ALTERNATIVE_COLUMNS, NAME_COLUMNS, confidence_columns
from ..core.spine_names import name_of, written
from ..core.vertebra_form import vertebra_forms
from ..core.vertebra_look import vertebra_looks
from ..core.volume import Volume
from ..models.protocols import FormModel, LabelingModel
from .labeling_patches import cut_patches
from .labeling_path import LabelPath, find_path
from .labeling_posterior import TEMPERATURE, name_posterior
from .labeling_scores import Scores, combine_with_form, favour_last_lumbar, score_vertebrae
from .numbers import number_above, number_below, rank
from .settings import LabelingSettings, Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

DENS_MM3: Final = 250.0
"""Volume of the dens above which an instance must be C2."""
SACRUM_MM3: Final = 2000.0
"""A smaller sacrum may be an error of the network; a whole one has some 100 cm3."""
LABEL_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "number": {"Description": "Number of the vertebra counted from the top, before naming."},
    **NAME_COLUMNS,
    "confidence": {
        "Description": "Probability of the name, over all sequences that a spine may have; given "
        "all scans of the session that decided about it."
    },
    "source": {
        "Description": "network, dens, neighbour (between named ones), count, deleted, reader, "
        "counted from reader, or session (other scans of the session decided)."
    },
    "found": {"Description": "Name before a reader or the session gave the vertebra another."},
    **ALTERNATIVE_COLUMNS,
    "score": {"Description": "Score of the name by the networks alone, 0 to 1, as in SPINEPS."},
    **{
        axis: {
            "Description": f"Place of the body along {axis} of the world (RAS), where the network "
            "judged it.",
            "Units": "mm",
        }
        for axis in "xyz"
    },
    "found_sequences": {
        "Description": "All sequences of names of the vertebrae that the network judged, with "
        "their probabilities by this scan alone, in the row of the uppermost. Names of other "
        "scans of the session are found with them."
    },
    "visible": {"Description": "Weight of the vertebra by how much of it is visible."},
}
"""Meaning of the columns of the table; ``probabilities_<head>_<class>`` are the network's."""


@dataclass(frozen=True)
class Labelled:
    """Named vertebrae.

    Parameters
    ----------
    vert
        Vertebra mask with anatomical labels.
    table
        One row for each instance, from top to bottom: number before, label, name, confidence
        (the probability of the name), where the name comes from, the next likely names with
        their probabilities, the likeliest sequences, the score of SPINEPS, the weight of
        visibility, and the probabilities of every head.
    """

    vert: Volume
    table: list[dict[str, Any]]


@dataclass(frozen=True)
class _Judgement:
    """What all witnesses say of the names of the vertebrae with a body, from top to bottom."""

    scores: Scores
    path: LabelPath
    posterior: NamePosterior | None
    heads: Mapping[str, NDArray[Any]]
    by_dens: Mapping[int, int]
    places: NDArray[np.float64]


def label_vertebrae(
    spine: Volume,
    vert: Volume,
    image: Volume,
    crop: Box,
    network: LabelingModel,
    settings: LabelingSettings,
    *,
    c1_enabled: bool,
    numerics: Numerics = "corrected",
) -> Labelled:
    """Name each vertebra: the network judges every body, and the likeliest sequence wins.

    Parameters
    ----------
    spine, vert
        Semantic mask, and vertebra mask numbered from top to bottom, on the grid of `image`.
    image
        Grey image.
    crop
        Box of the spine.
    network
        Loaded labelling model.
    settings
        Options of this phase.
    c1_enabled
        Whether the top vertebra may be C1.
    numerics
        A vertebra without a body is named after its neighbours; under ``spineps-2.1.3`` it is
        deleted.

    Raises
    ------
    ModelError
        If no head of the network names vertebrae.
    """
    vert_array = vert.get_array()
    if not vert_array.any():
        return Labelled(vert, [])
    rules = upstream(numerics)
    spine_box, vert_box = spine.get_array()[crop], vert_array[crop]
    instances = np.unique(vert_array[vert_array > 0]).tolist()
    bodies = np.where(np.isin(spine_box, BODY_PARTS), vert_box, 0)
    numbers, patches = _body_patches(image, crop, bodies, network, numerics)
    if not numbers:
        logger.warning("no vertebra shows a body: the vertebrae keep their counting numbers")
        return Labelled(vert, [_plain_row(n, n, "count") for n in instances])
    heads = network.predict(patches)
    if not rules.own_keys_ignored and network.form is not None:
        heads = combine_with_form(
            heads, _predict_by_form(network.form, spine, vert, image, numbers)
        )
    by_dens = _names_by_dens(spine_box, vert_box, numbers, image.zoom) if c1_enabled else {}
    scores = score_vertebrae(
        heads,
        forced={numbers.index(n): label - C1 for n, label in by_dens.items()},
        numerics=numerics,
    )
    judged = scores
    sacrum_mm3 = np.count_nonzero(spine_box == SACRUM) * math.prod(image.zoom)
    if not rules.own_keys_ignored and sacrum_mm3 > SACRUM_MM3:
        judged = favour_last_lumbar(scores, network.config.sacrum_cost)
    anomaly_cost = 0.0 if rules.own_keys_ignored else network.config.anomaly_cost
    places = body_places(bodies, numbers, image.apply_crop(crop).affine)
    missed = () if rules.none_missed else _costs_of_missed(places, bodies, numbers)
    path = find_path(
        judged,
        c1_enabled=c1_enabled,
        settings=settings,
        anomaly_cost=anomaly_cost,
        missed=missed,
        numerics=numerics,
    )
    posterior = name_posterior(judged, c1_enabled=c1_enabled, settings=settings, missed=missed)
    names = _names_of_instances(
        instances, numbers, path, c1_enabled=c1_enabled, complete=not rules.bodyless_deleted
    )
    judgement = _Judgement(scores, path, posterior, heads, by_dens, places)
    rows = _rows(instances, names, numbers, judgement)
    table = np.zeros(int(vert_array.max()) + 1, dtype=np.uint16)
    table[list(names)] = list(names.values())
    return Labelled(vert.set_array(table[vert_array], seg=True), rows)


def body_places(
    bodies: NDArray[Any], numbers: Sequence[int], affine: NDArray[Any]
) -> NDArray[np.float64]:
    """Centres of mass of vertebral bodies in the world.

    Parameters
    ----------
    bodies
        Numbers of the vertebrae where their bodies are, else 0.
    numbers
        Those that are asked for; each has a voxel at least.
    affine
        From voxel indices to the world.

    Returns
    -------
    ndarray
        Shape (vertebrae, 3): world coordinates [mm, RAS].
    """
    centres = np.array(ndimage.center_of_mass(bodies > 0, bodies, list(numbers))).reshape(-1, 3)
    return np.asarray(centres @ affine[:3, :3].T + affine[:3, 3])


def _costs_of_missed(
    places: NDArray[np.float64], bodies: NDArray[Any], numbers: Sequence[int]
) -> Missed:
    """Costs of vertebrae that may be missed between bodies, in units of the scores."""
    voxels = np.bincount(bodies.ravel())[list(numbers)].astype(float)
    return [
        {number: -TEMPERATURE * odds for number, odds in step.items()}
        for step in missed_between(places, voxels)
    ]


def _body_patches(
    image: Volume, crop: Box, bodies: NDArray[Any], network: LabelingModel, numerics: Numerics
) -> tuple[list[int], NDArray[np.float32]]:
    """Numbers of the vertebrae with a body, and their patches; none if there is no body."""
    if not bodies.any():
        return [], np.zeros((0, *network.final_size), dtype=np.float32)
    grey = image.apply_crop(crop)
    return cut_patches(grey, grey.set_array(bodies, seg=True), network, numerics)


def _names_of_instances(
    instances: Sequence[int],
    numbers: Sequence[int],
    path: LabelPath,
    *,
    c1_enabled: bool,
    complete: bool,
) -> dict[int, int]:
    """Label of each instance: the path names those with a body, neighbours tell the others.

    Without `complete`, instances that the path does not name are left out. C1 has hardly a body,
    so that it counts as found where an unnamed instance lies above C2.
    """
    names = {n: label for n, label in zip(numbers, path.labels, strict=True) if label is not None}
    present = set(names.values())
    unnamed_top = instances[0] not in names
    if c1_enabled and unnamed_top and C1 not in present and C2 in present:
        names[instances[0]] = C1
    return complete_names(names, instances) if complete else names


def _predict_by_form(
    network: FormModel, spine: Volume, vert: Volume, image: Volume, numbers: Sequence[int]
) -> dict[str, NDArray[np.float32]]:
    """Probabilities of names by the form and look of vertebrae with a body."""
    parts, whole, grey = (nii.reorient(PIR) for nii in (spine, vert, image))
    labels, numbered = parts.get_array(), whole.get_array()
    bodies = np.where(np.isin(labels, BODY_PARTS), numbered, 0)
    return network.predict(
        vertebra_forms(labels, numbered, numbers, parts.zoom),
        vertebra_looks(grey.get_array(), bodies, numbers, parts.zoom),
    )


def _names_by_dens(
    spine: NDArray[Any], vert: NDArray[Any], numbers: Sequence[int], zoom: Sequence[float]
) -> dict[int, int]:
    """Labels that follow from the dens: the instance that holds it is C2, the one above is C1."""
    volumes = np.bincount(vert[spine == DENS]) * math.prod(zoom)
    volumes = volumes[1:]  # without background
    if volumes.size == 0 or volumes.max() <= DENS_MM3:
        return {}
    axis = int(volumes.argmax()) + 1
    names = {axis: C2}
    if axis != 1:
        names[axis - 1] = C1
    return {n: label for n, label in names.items() if n in numbers}


def complete_names(named: Mapping[int, int], instances: Sequence[int]) -> dict[int, int]:
    """Name the instances that have no name after their neighbours.

    An instance gets the next name below its upper neighbour if that is free, and else the same
    name as that neighbour. Above the first named instance, names are counted upward.

    Parameters
    ----------
    named
        Number of an instance to its label.
    instances
        Numbers of all instances, from top to bottom; at least one of them has a name.
    """
    out = dict(named)
    first = next(i for i, n in enumerate(instances) if n in named)
    for number, below in reversed(list(pairwise(instances[: first + 1]))):
        above = number_above(out[below])
        out[number] = out[below] if above is None else above
    for i in range(first + 1, len(instances)):
        number = instances[i]
        if number in named:
            continue
        over = out[instances[i - 1]]
        free = number_below(over)
        under = next((named[n] for n in instances[i:] if n in named), None)
        if free is not None and (under is None or rank(free) < rank(under)):
            out[number] = free
        else:
            out[number] = over
    return out


def _plain_row(number: int, label: int, source: str) -> dict[str, Any]:
    """Row of the table for an instance that no network judged."""
    name = name_of(label) if label else None
    return {
        "number": number,
        "label": label,
        "name": name,
        "confidence": None,
        "source": source,
    }


def _rows(
    instances: Sequence[int],
    mapping: Mapping[int, int],
    numbers: Sequence[int],
    judgement: _Judgement,
) -> list[dict[str, Any]]:
    """Table of all instances, see `Labelled`."""
    table = []
    path, scores = judgement.path, judgement.scores
    for number in instances:
        label = mapping.get(number, 0)
        place = numbers.index(number) if number in numbers else None
        cls = None if place is None else path.classes[place]
        if place is None or cls is None:
            table.append(_plain_row(number, label, "neighbour" if label else "deleted"))
            continue
        row = _plain_row(number, label, "dens" if number in judgement.by_dens else "network")
        if judgement.posterior is not None:
            row |= confidence_columns(judgement.posterior, path.labels, place)
        row["score"] = min(float(scores.total[place, cls]), 1.0)
        row |= {axis: float(v) for axis, v in zip("xyz", judgement.places[place], strict=True)}
        if judgement.posterior is not None and place == 0:
            row["found_sequences"] = written(judgement.posterior)
        row["visible"] = float(scores.visible[place])
        row["probabilities"] = {
            name: value[place].tolist() for name, value in judgement.heads.items()
        }
        table.append(row)
    return table
