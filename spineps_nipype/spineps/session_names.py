"""Names that the scans of a session found together, in the table and the mask of one of them.

Source: ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from ..core.anatomy import DISC_OFFSET, ENDPLATE_OFFSET
from ..core.name_posterior import NamePosterior
from ..core.name_table import ALTERNATIVE_COLUMNS, confidence_columns
from ..core.session_names import ScanNames
from ..core.spine_names import NUMBERS, left_out, name_of, read_written
from ..core.volume import Volume
from ..errors import InputError
from .fixed_names import SOURCE_COUNTED, SOURCE_READER, count_names
from .labeling import Labelled
from .numbers import in_order, is_vertebra

SOURCE_SESSION: Final = "session"
"""Where a name comes from, in the column ``source`` of the table."""
OFFSETS: Final = (0, DISC_OFFSET, ENDPLATE_OFFSET)


def names_of_table(rows: Sequence[Mapping[str, Any]], scan: str) -> ScanNames | None:
    """What a scan tells of the names of its vertebrae by itself.

    Parameters
    ----------
    rows
        Table of the labelling phase, as stored; names of a reader are certain.
    scan
        What the scan is called.

    Returns
    -------
    ScanNames or None
        None where the table does not tell, as those of vertebrae that were only counted.
    """
    judged = judged_rows(rows)
    if not judged:
        return None
    points = np.array([[float(row[axis]) for axis in "xyz"] for row in judged])
    if not np.isfinite(points).all():
        return None
    if any(row.get("source") in (SOURCE_READER, SOURCE_COUNTED) for row in rows):
        labels = tuple(NUMBERS.get(str(row.get("name")), 0) for row in judged)
        certain = NamePosterior(((labels, 1.0),))
        return with_unseen(ScanNames(scan, points, certain, fixed=True))
    posterior = read_written(str(judged[0].get("found_sequences")), len(judged))
    return None if posterior is None else with_unseen(ScanNames(scan, points, posterior))


def with_unseen(names: ScanNames) -> ScanNames:
    """Names of a scan, with the vertebrae that they leave out as unseen rows.

    Scans are laid beside each other as pieces of spine without gaps. Of several numbers of missed
    vertebrae the likeliest is taken; a missed one lies half-way between its neighbours.
    """
    by_gaps: dict[tuple[int, ...], float] = {}
    for labels, probability in names.posterior.sequences:
        by_gaps[_gaps(labels)] = by_gaps.get(_gaps(labels), 0.0) + probability
    gaps = max(by_gaps, key=by_gaps.__getitem__)
    if not any(gaps):
        return names
    rows = np.concatenate([[0.0], np.cumsum(np.add(gaps, 1))])  # of those that are seen
    every = np.arange(rows[-1] + 1)
    filled = [
        (tuple(_without_gaps(labels)), probability)
        for labels, probability in names.posterior.sequences
        if _gaps(labels) == gaps
    ]
    return replace(
        names,
        points=np.stack([np.interp(every, rows, axis) for axis in names.points.T], axis=1),
        posterior=NamePosterior(tuple(filled)),
        unseen=frozenset(range(len(every))) - {int(row) for row in rows},
    )


def _gaps(labels: Sequence[int]) -> tuple[int, ...]:
    """How many names are left out between neighbours."""
    return tuple(len(left_out(above, below)) for above, below in pairwise(labels))


def _without_gaps(labels: Sequence[int]) -> Iterator[int]:
    for above, below in pairwise(labels):
        yield from (above, *left_out(above, below))
    yield labels[-1]


def judged_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of vertebrae that a network judged: they have a place."""
    return [row for row in rows if all(_is_number(row.get(axis)) for axis in "xyz")]


def _is_number(value: Any) -> bool:
    try:
        return value is not None and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def new_names(
    instances: Sequence[int], rows: Sequence[Mapping[str, Any]], labels: Sequence[int]
) -> dict[int, int]:
    """Names of all vertebrae of a scan, where its session has named those that were judged.

    Parameters
    ----------
    instances
        Labels that the scan has now, from top to bottom.
    rows
        Its table, as stored.
    labels
        New name of each row that has a place.

    Returns
    -------
    dict
        Label that it has now to the new one.

    Raises
    ------
    InputError
        If they do not fit each other.
    """
    judged = [label_of(row) for row in judged_rows(rows)]
    if len(judged) != len(labels) or not set(judged) <= set(instances):
        raise InputError(
            "The names of the session are not those of the vertebrae in the mask.",
            remedy="Run the scan again with --override-postpair.",
        )
    return count_names(instances, dict(zip(judged, labels, strict=True)))


def rename(
    vert: Volume,
    rows: Sequence[Mapping[str, Any]],
    labels: tuple[int, ...],
    posterior: NamePosterior,
) -> Labelled:
    """Give the vertebrae of a scan the names that its session has found.

    Parameters
    ----------
    vert
        Final vertebra mask, with discs and endplates.
    rows
        Its table, as stored.
    labels
        New name of each row that has a place.
    posterior
        Probabilities of these names, given all scans that decided.

    Raises
    ------
    InputError
        If mask, table and names are not of the same vertebrae.
    """
    present = {int(v) for v in np.unique(vert.get_array())}
    new = new_names([n for n in in_order(present) if is_vertebra(n)], rows, labels)
    table = np.arange(max(present, default=0) + 1)
    for label in present:
        for offset in OFFSETS:
            if label - offset in new:
                table[label] = new[label - offset] + offset
    array = table[vert.get_array().astype(np.int64)].astype(np.uint16)
    places = {id(row): place for place, row in enumerate(judged_rows(rows))}
    out = []
    for row in rows:
        place, changed = places.get(id(row)), _named(row, new)
        if place is not None:
            changed |= dict.fromkeys(ALTERNATIVE_COLUMNS)
            changed |= confidence_columns(posterior, labels, place)
        out.append({**row, **changed})
    return Labelled(vert.set_array(array, seg=True), out)


def _named(row: Mapping[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """Columns of a vertebra that tell its new name, and by what it has it."""
    label = label_of(row)
    if label not in new:  # it has none
        return {}
    name, found = name_of(new[label]), row.get("found") or row.get("name")
    source = row.get("source")
    if name != found:
        source = SOURCE_SESSION
    elif source == SOURCE_SESSION:
        source = "network"
    return {"label": new[label], "name": name, "source": source, "found": found}


def label_of(row: Mapping[str, Any]) -> int:
    """Label of a row of the table, as stored; 0 if the vertebra has none."""
    return int(float(row.get("label") or 0))
