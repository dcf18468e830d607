"""Dice of groups of labels: what evaluations of the recipes measure, sum up and write."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

TABLE: Final = "scans.tsv"
SUMMARY: Final = "summary.json"

Array = np.ndarray
Groups = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""Name to the values that mean it in the truth, and the labels that mean it in the result."""


@dataclass(frozen=True)
class Case:
    """Dice of one scan; a group that is in neither mask has none."""

    name: str
    dice: Mapping[str, float]


def overlap(truth: Array, result: Array, groups: Groups) -> dict[str, float]:
    """Dice of each group of labels that truth or result show."""
    scores = {}
    for name, (values, labels) in groups.items():
        a, b = np.isin(truth, values), np.isin(result, labels)
        total = np.count_nonzero(a) + np.count_nonzero(b)
        if total:  # else it is in neither
            scores[name] = 2 * int(np.count_nonzero(a & b)) / int(total)
    return scores


def summary(cases: Sequence[Case]) -> dict[str, Any]:
    """Mean and worst Dice of each group, with the number of scans that show it."""
    values: dict[str, list[float]] = {}
    for case in cases:
        for name, dice in case.dice.items():
            values.setdefault(name, []).append(dice)
    out = {
        name: {
            "mean": round(float(np.mean(v)), 4),
            "worst": round(min(v), 4),
            "scans": float(len(v)),
        }
        for name, v in values.items()
    }
    if out:
        means = [entry["mean"] for entry in out.values()]
        out["mean of labels"] = {"mean": round(float(np.mean(means)), 4), "scans": len(cases)}
    return out


def write_results(
    folder: Path, cases: Mapping[str, Sequence[Case]], report: Mapping[str, Any]
) -> None:
    """Write ``scans.tsv`` (a line for each data set, scan and group) and ``summary.json``.

    Parameters
    ----------
    cases
        Scans of each data set.
    report
        Summary of each data set.
    """
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(["data", "scan", "structure", "dice"])
        for data, members in cases.items():
            for case in members:
                for name, dice in case.dice.items():
                    writer.writerow([data, case.name, name, f"{dice:.4f}"])
    (folder / SUMMARY).write_text(json.dumps(report, indent=2) + "\n")
