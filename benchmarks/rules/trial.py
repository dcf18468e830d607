"""One scan under one set of rules: its figures, as a row of a table."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from benchmarks.against_truth.scan import Measured
from benchmarks.against_truth.tables import plain_tsv

STRUCTURES: Final = ("vertebra", "body", "disc", "canal")
ALL_ON: Final = "none"
"""Word for a run in which no rule is off."""
ALL_OFF: Final = "all"
COUNTED: Final = ("found", "missed", "invented", "discs_found", "discs_missed", "discs_invented")
MISSING: Final = "n/a"


@dataclass(frozen=True)
class Trial:
    """Figures of a scan; those that the truth does not tell, and those of a failed run, are nan.

    Parameters
    ----------
    rule
        The rule that is off, `ALL_ON` or `ALL_OFF`.
    fault
        Why there is no result.
    invented
        Instances that the truth does not have, and pieces of split ones.
    names_right, names_judged
        Vertebrae whose true name is known.
    """

    system: str
    set: str
    scan: str
    subject: str
    rule: str
    fault: str = ""
    vertebra: float = math.nan
    body: float = math.nan
    disc: float = math.nan
    canal: float = math.nan
    found: float = math.nan
    missed: float = math.nan
    invented: float = math.nan
    discs_found: float = math.nan
    discs_missed: float = math.nan
    discs_invented: float = math.nan
    names_right: float = math.nan
    names_judged: float = math.nan

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from other trials."""
        return self.system, self.set, self.scan, self.rule

    def same_figures(self, other: Trial) -> bool:
        """Whether every figure is the same."""
        return all(
            _equal(getattr(self, f.name), getattr(other, f.name))
            for f in fields(Trial)
            if f.name != "rule"
        )


def _equal(one: Any, other: Any) -> bool:
    both_nan = all(isinstance(v, float) and math.isnan(v) for v in (one, other))
    return both_nan or one == other


def figures(measured: Measured, judged: frozenset[str]) -> dict[str, Any]:
    """Figures of a scan for a `Trial`.

    Parameters
    ----------
    judged
        Structures that the system has as the truth has them; empty for all.
    """
    found: dict[str, Any] = {}
    for score in measured.scores:
        if score.structure in STRUCTURES and (not judged or score.structure in judged):
            found[score.structure] = float(score.overlap.dice)
    for kind, prefix in (("vertebra", ""), ("disc", "discs_")):
        score_of = measured.kinds.get(kind)
        if score_of is None:
            continue
        matching = score_of.matching
        found[f"{prefix}found"] = len(matching.found)
        found[f"{prefix}missed"] = len(matching.missed)
        found[f"{prefix}invented"] = len(matching.extra) + len(matching.split)
        if kind == "vertebra" and score_of.levels:
            found["names_right"] = sum(score_of.levels.values())
            found["names_judged"] = len(score_of.levels)
    return {name: float(value) for name, value in found.items()}


def read_trials(path: Path) -> dict[tuple[str, str, str, str], Trial]:
    """Trials of a table that `write_trials` wrote; none if it is not there."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    trials = [
        Trial(**{f.name: _value(f.name, row[f.name]) for f in fields(Trial)}) for row in rows
    ]
    return {trial.key: trial for trial in trials}


def _value(name: str, text: str) -> Any:
    words = isinstance(next(f for f in fields(Trial) if f.name == name).default, float)
    if not words:
        return "" if text == MISSING else text
    return math.nan if text == MISSING else float(text)


def write_trials(path: Path, trials: Iterable[Trial]) -> None:
    """Write a row for each trial."""
    columns = [f.name for f in fields(Trial)]
    plain_tsv(path, columns, [[_text(v) for v in asdict(t).values()] for t in trials])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return MISSING if math.isnan(value) else f"{value:.5g}"
    return str(value) or MISSING


def by_set(trials: Iterable[Trial]) -> Mapping[tuple[str, str], Sequence[Trial]]:
    """Trials by system and set, in the order in which they come."""
    found: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        found.setdefault((trial.system, trial.set), []).append(trial)
    return found
