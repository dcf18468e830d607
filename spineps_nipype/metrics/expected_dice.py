"""The Dice that a mask is expected to have, told from evidence without a truth.

A straight line on the scale of log odds, of a few features of the evidence table, for each
structure; none makes it better where it tells of doubt. Its numbers are fitted by
`training.quality` and hold for the network that they were fitted with and for no other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import ModelError

FILE: Final = "expected_dice.json"
"""Name of a table of numbers, in a model package or beside the library."""
ENDS: Final = (0.01, 0.99)
"""Shares are kept within these before their log odds are taken."""
LARGEST: Final = 1e3
"""Numbers of a table are smaller."""
SURE_ODDS: Final = 2.0
"""Log odds of a good mask (Dice 0.88); errors of the line grow below."""
WIDENING: Final = 0.75
"""By so much of itself for each unit of log odds."""
FURTHEST: Final = 30.0
"""Log odds are kept within this and its negative."""
WIDEST_GAP: Final = 2.0
"""Logarithms of gaps, relative to the usual distance, count up to here."""
NUMBERS: Final = (
    *("soft_dice", "inside", "outside", "border", "irregularity", "specks", "roughness"),
    *("gap", "coverage", "slice_thickness"),
)
"""Columns of the evidence that features need."""
REMEDY: Final = "Install the package again, or remove this file: no Dice is expected then."

Evidence = Mapping[str, Mapping[str, float]]
"""Numbers of the evidence table, by structure."""


def log_odds(share: float) -> float:
    """Log odds of a share, which is kept off 0 and 1."""
    kept = min(max(share, ENDS[0]), ENDS[1])
    return math.log(kept / (1 - kept))


def share_of(odds: float) -> float:
    """Share of log odds."""
    return 1 / (1 + math.exp(-min(max(odds, -FURTHEST), FURTHEST)))


def doubt_at(odds: float) -> float:
    """How much larger the errors of a line are at some log odds than at those of a good mask."""
    return 1 + WIDENING * max(0.0, SURE_ODDS - odds)


def _others(evidence: Evidence, structure: str) -> float:
    """The worst soft Dice of the other structures: a scan is good or bad as a whole."""
    others = [row["soft_dice"] for name, row in evidence.items() if name != structure]
    return log_odds(min(others)) if others else log_odds(0.0)


FEATURES: Final[Mapping[str, Callable[[Evidence, str], float]]] = {
    "soft_dice": lambda rows, name: log_odds(rows[name]["soft_dice"]),
    "inside": lambda rows, name: log_odds(rows[name]["inside"]),
    "outside": lambda rows, name: -log_odds(rows[name]["outside"]),
    "border": lambda rows, name: -rows[name]["border"],
    "irregularity": lambda rows, name: -min(rows[name]["irregularity"], 1.0),
    "gap": lambda rows, name: -min(rows[name]["gap"], WIDEST_GAP),
    "specks": lambda rows, name: -math.sqrt(max(rows[name]["specks"], 0.0)),
    "roughness": lambda rows, name: -rows[name]["roughness"],
    "coverage": lambda rows, name: rows[name]["coverage"],
    "slice_thickness": lambda rows, name: -math.log(max(rows[name]["slice_thickness"], 0.1)),
    "others": _others,
}
"""What a line may weigh; each rises as doubts fall."""


@dataclass(frozen=True)
class DiceLine:
    """Line of one structure.

    Parameters
    ----------
    intercept, weights
        Log odds of the Dice are the first plus the sum of weighted `FEATURES`.
    spread
        Half the width of the interval that held 95 % of the cases of the fit, log odds, for a
        good mask; times `doubt_at` for others.
    """

    intercept: float
    weights: Mapping[str, float]
    spread: float


@dataclass(frozen=True)
class DiceModel:
    """Lines of all structures, and what is made of them.

    Parameters
    ----------
    lines
        By structure.
    look
        Masks with a lower expected Dice are to be looked at.
    wrong
        A Dice below it is a wrong mask: where not even the upper end of the interval reaches it,
        the check fails.
    packages
        Digests of the packages that the lines were fitted with; empty in a table that a package
        brings itself.
    """

    lines: Mapping[str, DiceLine]
    look: float
    wrong: float
    packages: frozenset[str] = frozenset()


class ExpectedDice(NamedTuple):
    """Expected Dice of a structure, and the interval that is meant to hold nine of ten."""

    structure: str
    dice: float
    low: float
    high: float


def expected_dice(evidence: Evidence, model: DiceModel) -> list[ExpectedDice]:
    """Expected Dice of every structure that a model knows and the mask shows.

    Parameters
    ----------
    evidence
        Numbers by structure, see `spineps.evidence`.
    """
    found = []
    for name, line in model.lines.items():
        if name in evidence:
            odds = line.intercept + sum(
                weight * FEATURES[feature](evidence, name)
                for feature, weight in line.weights.items()
            )
            half = line.spread * doubt_at(odds)
            ends = (odds, odds - half, odds + half)
            found.append(ExpectedDice(name, *(round(share_of(o), 3) for o in ends)))
    return found


def read_evidence(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Numbers of an evidence table by structure; rows that lack some are left out."""
    found = {}
    for row in rows:
        try:
            numbers = {name: float(row[name]) for name in NUMBERS}
        except (TypeError, ValueError, KeyError):
            continue
        if "structure" in row and all(map(math.isfinite, numbers.values())):
            found[str(row["structure"])] = numbers
    return found


def read_dice_model(path: Path) -> DiceModel:
    """Read the numbers of a model.

    Raises
    ------
    ModelError
        If the file cannot be read, or is no such table.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        lines = {str(name): _line(one) for name, one in said["structures"].items()}
        model = DiceModel(
            lines,
            _share(said["look"]),
            _share(said["wrong"]),
            frozenset(map(str, said.get("packages", ()))),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise ModelError(
            f"The table of the expected Dice cannot be used: {type(fault).__name__}: {fault}.",
            file=path,
            remedy=REMEDY,
        ) from fault
    return model


def _line(said: Mapping[str, Any]) -> DiceLine:
    weights = {str(k): _number(v) for k, v in said["weights"].items()}
    unknown = sorted(set(weights) - set(FEATURES))
    if unknown:
        raise ValueError(f"unknown features: {', '.join(unknown)}")
    return DiceLine(_number(said["intercept"]), weights, abs(_number(said["spread"])))


def _number(value: Any) -> float:
    number = float(value)
    if not abs(number) < LARGEST:
        raise ValueError(f"{value} is no usual number")
    return number


def _share(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(f"{value} is no share")
    return number
