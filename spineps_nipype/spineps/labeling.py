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
from TPTBox import NII

from ..core.anatomy import BODY_PARTS, C1, C2, DENS, SACRUM
from ..core.components import Box
from ..core.vertebra_form import vertebra_forms
from ..core.vertebra_look import vertebra_looks
from ..models.protocols import FormModel, LabelingModel
from .frames import PIR
from .labeling_patches import cut_patches
from .labeling_path import LabelPath, find_path
from .labeling_scores import Scores, above_sacrum, joined, score_vertebrae
from .numbers import number_above, number_below, rank, vertebra_name
from .settings import LabelingSettings, Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

DENS_MM3: Final = 250.0
"""Dens volume above which an instance must be C2."""
SACRUM_MM3: Final = 2000.0
"""Less of a sacrum (its volume is some 100 cm3) may be an error."""
ALTERNATIVES: Final = 2
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "number": {"Description": "Number of the vertebra counted from the top, before naming."},
    "label": {"Description": "Number in the vertebra mask."},
    "name": {"Description": "Name of the vertebra."},
    "confidence": {"Description": "Score of the name on the likeliest sequence, 0 to 1."},
    "source": {"Description": "network, dens, neighbour (between named ones), count or deleted."},
    "alternative_1": {"Description": "Next likely name."},
    "alternative_1_score": {"Description": "Its score."},
    "alternative_2": {"Description": "Name likely after that."},
    "alternative_2_score": {"Description": "Its score."},
    "visible": {"Description": "Weight of the vertebra by how much of it is visible."},
}
"""What the columns of the table mean; ``probabilities_<head>_<class>`` are the network's."""


@dataclass(frozen=True)
class Labelled:
    """Named vertebrae.

    Parameters
    ----------
    vert
        Vertebra mask with anatomical labels.
    table
        One row an instance, from top to bottom: number before, label, name, confidence (the
        score that the path used), where the name comes from, the next likely names with their
        scores, the weight of visibility, and the probabilities of every head.
    """

    vert: NII
    table: list[dict[str, Any]]


def label_vertebrae(
    spine: NII,
    vert: NII,
    image: NII,
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
        Semantic mask and vertebra mask numbered from top to bottom, on the grid of `image`.
    crop
        Box of the spine.
    c1_enabled
        Whether the top vertebra may be C1.
    numerics
        A vertebra without a body gets a number from its neighbours; under ``spineps-2.1.3`` it
        is deleted.
    """
    vert_array = vert.get_array()
    if not vert_array.any():
        return Labelled(vert, [])
    spine_box, vert_box = spine.get_array()[crop], vert_array[crop]
    bodies = np.where(np.isin(spine_box, BODY_PARTS), vert_box, 0)
    instances = [int(n) for n in np.flatnonzero(np.bincount(vert_array.ravel())) if n]
    numbers: list[int] = []
    if bodies.any():
        grey = image.apply_crop(crop)
        numbers, patches = cut_patches(
            grey, grey.set_array(bodies, seg=True, verbose=False), network, numerics
        )
    if not numbers:
        logger.warning("no vertebra shows a body: the vertebrae keep their counting numbers")
        return Labelled(vert, [_plain_row(n, n, "count") for n in instances])
    heads = network.predict(patches)
    own = not upstream(numerics).own_keys_ignored
    if own and network.form is not None:
        heads = joined(heads, _by_form(network.form, spine, vert, image, numbers))
    forced = _forced(spine_box, vert_box, numbers, image.zoom) if c1_enabled else {}
    scores = score_vertebrae(
        heads,
        forced={numbers.index(n): label - C1 for n, label in forced.items()},
        numerics=numerics,
    )
    judged = scores
    if own and np.count_nonzero(spine_box == SACRUM) * math.prod(image.zoom) > SACRUM_MM3:
        judged = above_sacrum(scores, network.config.sacrum_cost)
    path = find_path(
        judged,
        c1_enabled=c1_enabled,
        settings=settings,
        anomaly_cost=network.config.anomaly_cost if own else 0.0,
        numerics=numerics,
    )
    named = {n: label for n, label in zip(numbers, path.labels, strict=True) if label is not None}
    if c1_enabled and instances[0] not in named:
        labels = set(named.values())
        if C1 not in labels and C2 in labels:
            named[instances[0]] = C1
    mapping = named if upstream(numerics).bodyless_deleted else complete_names(named, instances)
    table = np.zeros(int(vert_array.max()) + 1, dtype=np.uint16)
    for number, label in mapping.items():
        table[number] = label
    rows = _rows(instances, mapping, numbers, scores, path, heads, forced)
    return Labelled(vert.set_array(table[vert_array], seg=True, verbose=False), rows)


def _by_form(
    network: FormModel, spine: NII, vert: NII, image: NII, numbers: Sequence[int]
) -> dict[str, NDArray[np.float32]]:
    """What the network of the forms says of vertebrae with a body."""
    parts, whole, grey = (nii.reorient(PIR) for nii in (spine, vert, image))
    labels, numbered = parts.get_array(), whole.get_array()
    bodies = np.where(np.isin(labels, BODY_PARTS), numbered, 0)
    return network.predict(
        vertebra_forms(labels, numbered, numbers, parts.zoom),
        vertebra_looks(grey.get_array(), bodies, numbers, parts.zoom),
    )


def _forced(
    spine: NDArray[Any], vert: NDArray[Any], numbers: Sequence[int], zoom: Sequence[float]
) -> dict[int, int]:
    """C2 is the instance that holds a large dens; the one above it is C1."""
    volumes = np.bincount(vert[spine == DENS]) * math.prod(zoom)
    volumes = volumes[1:]
    if volumes.size == 0 or volumes.max() <= DENS_MM3:
        return {}
    axis = int(volumes.argmax()) + 1
    forced = {axis: C2}
    if axis != 1:
        forced[axis - 1] = C1
    return {n: label for n, label in forced.items() if n in numbers}


def complete_names(named: Mapping[int, int], instances: Sequence[int]) -> dict[int, int]:
    """Give instances without a name one that follows from their neighbours.

    A free name between the neighbours is taken; else an instance joins the vertebra above it,
    at the top the one below it.

    Parameters
    ----------
    named
        Number of an instance to its label.
    instances
        Numbers of all instances, from top to bottom.
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
    name = vertebra_name(label) if label else None
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
    scores: Scores,
    path: LabelPath,
    heads: Mapping[str, NDArray[Any]],
    forced: Mapping[int, int],
) -> list[dict[str, Any]]:
    table = []
    for number in instances:
        label = mapping.get(number, 0)
        place = numbers.index(number) if number in numbers else None
        cls = None if place is None else path.classes[place]
        if place is None or cls is None:
            table.append(_plain_row(number, label, "neighbour" if label else "deleted"))
            continue
        source = "dens" if number in forced else "network"
        row = _plain_row(number, label, source)
        score = scores.total[place]
        row["confidence"] = min(float(score[cls]), 1.0)
        others = [int(c) for c in np.argsort(-score, kind="stable") if c != cls]
        for i, other in enumerate(others[:ALTERNATIVES], start=1):
            row[f"alternative_{i}"] = vertebra_name(scores.axis.labels[other])
            row[f"alternative_{i}_score"] = float(score[other])
        row["visible"] = float(scores.visible[place])
        row["probabilities"] = {name: value[place].tolist() for name, value in heads.items()}
        table.append(row)
    return table
