"""Fit the expected Dice to computed cases, and test it on others.

    python -m training.quality.fit CASES --package PACKAGE --out expected_dice.json

The fit sees the half of the cases that training was open to; the figures are of the other half.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr

from spineps_nipype.metrics.expected_dice import (
    FEATURES,
    DiceLine,
    DiceModel,
    doubt_at,
    expected_dice,
    log_odds,
    read_evidence,
)
from spineps_nipype.models.package import load_package
from spineps_nipype.spineps.evidence import STRUCTURES, gather_evidence
from training.quality.cases import FIT, TEST
from training.quality.collect import BYTE, stored

WRONG, GOOD = 0.75, 0.85
"""Scans with a structure below the first are to be flagged, those that are above the second in all
structures are not."""
LOOK: Final = (WRONG + GOOD) / 2
"""Masks with a lower expected Dice are to be looked at: half-way, whatever the few cases say."""
USED: Final = (
    *("soft_dice", "inside", "outside", "irregularity", "gap", "specks", "roughness"),
    "others",
)
"""Features that weigh; the others tell more of the view than of the mask."""
RIDGE: Final = 0.3
"""Weight of the penalty, relative to one case for each standard deviation of a feature."""
LEAST_WIDTH: Final = 1e-3
"""Features that vary less tell nothing."""
LEAST_DICE: Final = 0.05
"""Worse masks are all the same."""
FOLDS: Final = 10
COVERED: Final = 0.95
"""Share of the phantoms, and of the scans, of the fit that the interval holds at least. The
network has seen their scans, if not their damage, so that of others it holds less."""
DIGITS: Final = 4

Array = np.ndarray


class Known(NamedTuple):
    """Evidence and true Dice of a case, by structure."""

    said: Mapping[str, Any]
    evidence: dict[str, dict[str, float]]
    dice: Mapping[str, float]


def known_cases(folders: Sequence[Path]) -> list[Known]:
    """Cases that have a mask; in others there is nothing to be told."""
    found = []
    for folder in folders:
        for said, arrays in stored(folder):
            if "mask" in arrays:
                rows = gather_evidence(
                    arrays["mask"], arrays["shares"] / BYTE, said["zoom"], max(said["scan_zoom"])
                )
                found.append(Known(said, read_evidence(rows), said["dice"]))
    return found


def table(cases: Sequence[Known], structure: str) -> tuple[Array, Array, Array, Array]:
    """Features (cases, features), true log odds, scan and source of each case that tells both."""
    rows = [c for c in cases if structure in c.evidence and structure in c.dice]
    features = [[f(c.evidence, structure) for f in FEATURES.values()] for c in rows]
    odds = [log_odds(max(c.dice[structure], LEAST_DICE)) for c in rows]
    scans, sources = (np.array([c.said[name] for c in rows]) for name in ("scan", "source"))
    return np.array(features), np.array(odds), scans, sources


def fit_weights(features: Array, odds: Array, used: Sequence[bool]) -> tuple[float, Array]:
    """Ridge regression with weights that are not negative; poor masks, less certain, count less.

    Parameters
    ----------
    used
        Which features may weigh anything.

    Returns
    -------
    intercept, weights
    """
    heavy = 1 / np.array([doubt_at(o) for o in odds])
    middle, width = np.average(features, axis=0, weights=heavy**2), features.std(axis=0)
    level = np.average(odds, weights=heavy**2)
    tells = np.asarray(used) & (width > LEAST_WIDTH)
    scaled = np.where(tells, (features - middle) / np.maximum(width, LEAST_WIDTH), 0.0)
    penalty = np.sqrt(RIDGE) * np.eye(features.shape[1])
    target = np.concatenate([heavy * (odds - level), np.zeros(len(penalty))])
    rows = np.vstack([heavy[:, None] * scaled, penalty])
    solved = lsq_linear(rows, target, bounds=(0, np.inf)).x
    weights = np.where(tells, solved / np.maximum(width, LEAST_WIDTH), 0.0)
    return float(level - weights @ middle), weights


def cross_validated(features: Array, odds: Array, groups: Array, used: Sequence[bool]) -> Array:
    """Prediction of each case from those of other scans."""
    names = np.unique(groups)
    out = np.zeros(len(odds))
    for fold in range(FOLDS):
        held = np.isin(groups, names[fold::FOLDS])
        if held.any():
            intercept, weights = fit_weights(features[~held], odds[~held], used)
            out[held] = intercept + features[held] @ weights
    return out


def fit(cases: Sequence[Known], features: Sequence[str]) -> DiceModel:
    """Lines of all structures."""
    used = [name in features for name in FEATURES]
    lines = {}
    for structure in STRUCTURES:
        values, odds, scans, sources = table(cases, structure)
        intercept, weights = fit_weights(values, odds, used)
        honest = cross_validated(values, odds, scans, used)
        errors = np.abs(odds - honest) / [doubt_at(o) for o in honest]
        spread = max(
            float(np.quantile(errors[sources == source], COVERED)) for source in set(sources)
        )
        kept = {
            name: round(float(w), DIGITS)
            for name, w in zip(FEATURES, weights, strict=True)
            if w > 10**-DIGITS
        }
        lines[structure] = DiceLine(round(intercept, DIGITS), kept, round(spread, DIGITS))
    return DiceModel(lines, LOOK, WRONG)


def figures(cases: Sequence[Known], model: DiceModel) -> dict[str, Any]:
    """How good a model is: rank correlation and coverage by structure, flags by scan."""
    out: dict[str, Any] = {"cases": len(cases)}
    told = [expected_dice(c.evidence, model) for c in cases]
    for structure in STRUCTURES:
        pairs = [
            (one, c.dice[structure])
            for c, rows in zip(cases, told, strict=True)
            for one in rows
            if one.structure == structure and structure in c.dice
        ]
        expected, true = (np.array(x) for x in zip(*((o.dice, d) for o, d in pairs), strict=True))
        inside = [o.low <= d <= o.high for o, d in pairs]
        out[structure] = {
            "cases": len(pairs),
            "rank correlation": round(float(spearmanr(expected, true)[0]), 3),
            "mean absolute error": round(float(np.abs(expected - true).mean()), 3),
            "in the interval": round(float(np.mean(inside)), 3),
            f"below {WRONG}": int((true < WRONG).sum()),
        }
    least = np.array([min((o.dice for o in rows), default=0.0) for rows in told])
    worst = np.array([min(c.dice.values(), default=1.0) for c in cases])
    for words, some in ((f"below {WRONG}", worst < WRONG), (f"above {GOOD}", worst > GOOD)):
        out[f"flagged of those {words}"] = f"{(least[some] < model.look).sum()} of {some.sum()}"
    return out


def content(model: DiceModel, digest: str, halves: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says."""
    return {
        "about": "Expected Dice of the raw semantic mask; fitted by training.quality.fit.",
        "packages": [digest],
        "look": model.look,
        "wrong": model.wrong,
        "structures": {name: line.__dict__ for name, line in model.lines.items()},
        "figures": dict(halves),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, test, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path, nargs="+", help="folders of computed cases")
    parser.add_argument("--package", type=Path, required=True, help="the semantic package")
    parser.add_argument("--features", nargs="+", choices=FEATURES, default=USED)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    cases = known_cases(options.cases)
    halves = {half: [c for c in cases if c.said["half"] == half] for half in (FIT, TEST)}
    model = fit(halves[FIT], options.features)
    said = {half: figures(members, model) for half, members in halves.items()}
    for source in sorted({c.said["source"] for c in halves[TEST]}):
        some = [c for c in halves[TEST] if c.said["source"] == source]
        said[f"{TEST}, {source}"] = figures(some, model)
    digest = load_package(options.package).digest
    text = json.dumps(content(model, digest, said), indent=2) + "\n"
    options.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
