"""Many accuracy runs in one page: each system on each dataset, contrast by contrast.

Figures of a run are read from the tables that `accuracy.py` wrote. Means are over scans, and their
95 % intervals come from drawing subjects again (bootstrap), since scans of a subject are alike.
"""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

import numpy as np

from benchmarks.against_truth.tables import NOT_APPLICABLE, VERSION_COLUMN
from spineps_nipype.errors import InputError

DRAWS: Final = 2000
SEED: Final = 20260
INTERVAL: Final = (2.5, 97.5)
"""Percentiles of the draws."""
MISTAKES: Final = ("missed", "extra", "merged", "split", "above")
KINDS: Final = {"vertebra": "vertebrae", "disc": "discs"}
"""Kind of instance to the beginning of its columns in ``scans.tsv``."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class DataSet:
    """What is said of a dataset.

    Parameters
    ----------
    name
        Its title.
    what
        Scans, sequence, source.
    use
        ``train``: weights learnt from it; ``development``: choices are made by its figures;
        ``judge``: neither.
    looked_at
        What was decided after a look at its figures or pictures.
    """

    key: str
    name: str
    what: str
    use: str
    looked_at: str


@dataclass(frozen=True)
class Run:
    """Tables of a system on a dataset."""

    system: str
    data: DataSet
    scans: Sequence[Row]
    structures: Sequence[Row]
    instances: Sequence[Row]
    version: str


def read_sets(path: Path) -> dict[str, DataSet]:
    """Descriptions of datasets, a TOML table each.

    Raises
    ------
    InputError
        If one lacks an entry.
    """
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return {key: DataSet(key, **table) for key, table in tables.items()}
    except TypeError as fault:
        raise InputError(
            f"The description of a dataset is not whole: {fault}.",
            file=path,
            remedy="Each has name, what, use and looked_at.",
        ) from fault


def read_run(system: str, data: DataSet, folder: Path) -> Run:
    """Tables of a folder that `accuracy.py` wrote.

    Raises
    ------
    InputError
        If there are none, or they were read by several versions of the rules.
    """
    tables = []
    for name in ("scans.tsv", "accuracy.tsv", "instances.tsv"):
        try:
            with (folder / name).open(newline="", encoding="utf-8") as stream:
                tables.append(list(csv.DictReader(stream, delimiter="\t")))
        except OSError as fault:
            raise InputError(
                "The folder has no tables of an accuracy run.",
                file=folder / name,
                remedy="Run benchmarks/accuracy.py with --out and this folder first.",
            ) from fault
    scans, structures, instances = tables
    versions = {row[VERSION_COLUMN] for table in tables for row in table}
    if len(versions) != 1:
        raise InputError(
            f"The tables hold figures of several versions of the rules: {sorted(versions)}.",
            file=folder,
            remedy="Measure again.",
        )
    measured = [row for row in scans if row["status"] != "skipped"]
    return Run(system, data, measured, structures, instances, versions.pop())


def interval(
    subjects: Sequence[str],
    values: Sequence[float],
    statistic: Callable[[Sequence[float]], float] = fmean,
) -> tuple[float, float] | None:
    """95 % interval of a statistic of scans, by drawing subjects with replacement.

    Returns
    -------
    low, high
        None with fewer than three subjects, of which no draw tells anything.
    """
    groups: dict[str, list[float]] = {}
    for subject, value in zip(subjects, values, strict=True):
        groups.setdefault(subject, []).append(value)
    members = list(groups.values())
    if len(members) < 3:
        return None
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(members), size=(DRAWS, len(members)))
    results = [statistic([v for k in row for v in members[k]]) for row in drawn]
    low, high = np.percentile(results, INTERVAL)
    return float(low), float(high)


def page(runs: Sequence[Run], sets: Mapping[str, DataSet]) -> str:
    """The page as Markdown.

    Raises
    ------
    InputError
        If runs were measured by different versions of the rules.
    """
    versions = {run.version for run in runs}
    if len(versions) != 1:
        raise InputError(f"Runs of different versions do not compare: {sorted(versions)}.")
    used = {run.data.key for run in runs}
    lines = [
        f"Truth masks read by version {versions.pop()} of the rules. In brackets: the 95 % "
        f"interval of the mean ({DRAWS} draws of subjects), then the worst scan. Scans that "
        "failed are in no mean.",
        "",
        "## Sets",
        "",
        "| set | what | use | what was decided after a look at it |",
        "|---|---|---|---|",
        *(
            f"| {data.name} | {data.what} | {data.use} | {data.looked_at} |"
            for key, data in sets.items()
            if key in used
        ),
        "",
        "## Structures",
        "",
        "| system | set | use | contrast | structure | Dice | ASSD (mm) | scans |",
        "|---|---|---|---|---|---|---|---|",
        *(line for run in runs for line in structure_lines(run)),
        "",
        "## Vertebrae, discs and names",
        "",
        "Dice: the mean over the instances that are found. Above: above all of the truth, which "
        "often stops below the top of the image.",
        "",
        "| system | set | use | contrast | kind | Dice | expected | found | missed | invented "
        "| merged | split | above | names right | scans with all names right | failed |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(line for run in runs for line in instance_lines(run)),
        "",
    ]
    return "\n".join(lines)


def structure_lines(run: Run) -> Iterable[str]:
    """A row for each contrast and structure of a run."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in run.structures:
        key = (row["modality"], row["label_set"], row["structure"])
        groups.setdefault(key, []).append(row)
    for (modality, _, structure), rows in groups.items():
        dice = _figure(rows, "dice", 3, min)
        assd = _figure(rows, "assd_mm", 2, max)
        yield (
            f"| {run.system} | {run.data.name} | {run.data.use} | {modality} | {structure} "
            f"| {dice} | {assd} | {len(rows)} |"
        )


def _figure(
    rows: Sequence[Row], column: str, digits: int, worst: Callable[[Sequence[float]], float]
) -> str:
    """Mean, interval and worst of a column."""
    known = [(row["subject"], float(row[column])) for row in rows if _is_number(row[column])]
    if not known:
        return "–"
    subjects, values = [s for s, _ in known], [v for _, v in known]
    text = f"{fmean(values):.{digits}f}"
    if (bounds := interval(subjects, values)) is not None:
        text += f" [{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]"
    return f"{text} ({worst(values):.{digits}f})"


def instance_lines(run: Run) -> Iterable[str]:
    """A row for each contrast and kind of instance of a run."""
    groups: dict[str, list[Row]] = {}
    for row in run.scans:
        groups.setdefault(row["modality"], []).append(row)
    for modality, rows in groups.items():
        failed = sum(row["status"] == "failed" for row in rows)
        for kind, start in KINDS.items():
            counted = [row for row in rows if _is_number(row[f"{start}_expected"])]
            if not counted:
                continue
            sums = [_total(counted, f"{start}_{c}") for c in ("expected", "found", *MISTAKES)]
            names, scans = _names(counted) if kind == "vertebra" else ("", "")
            in_view = {row["scan"] for row in counted}
            own = [
                row
                for row in run.instances
                if (row["kind"], row["outcome"]) == (kind, "found") and row["scan"] in in_view
            ]
            yield (
                f"| {run.system} | {run.data.name} | {run.data.use} | {modality} | {kind} "
                f"| {_figure(own, 'dice', 3, min)} | {' | '.join(sums)} | {names} | {scans} "
                f"| {failed} |"
            )


def _total(rows: Sequence[Row], column: str) -> str:
    known = [int(row[column]) for row in rows if _is_number(row.get(column, NOT_APPLICABLE))]
    return str(sum(known)) if known else "–"


def _names(rows: Sequence[Row]) -> tuple[str, str]:
    """Vertebrae with the right name, and scans all of whose names are right, with interval."""
    known = [row for row in rows if _is_number(row["levels_known"]) and int(row["levels_known"])]
    if not known:
        return "–", "–"
    right = [int(row["levels_right"]) for row in known]
    all_of = [int(row["levels_known"]) for row in known]
    good = [float(a == b) for a, b in zip(right, all_of, strict=True)]
    bounds = interval([row["subject"] for row in known], good)
    shown = "" if bounds is None else f" [{bounds[0]:.0%}, {bounds[1]:.0%}]"
    return f"{sum(right)} of {sum(all_of)}", f"{sum(good):.0f} of {len(good)}{shown}"


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False
