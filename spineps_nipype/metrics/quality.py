"""The check of the expected Dice: which structures of a mask are to be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ..core.verdicts import Verdict
from .expected_dice import DiceModel, ExpectedDice

QUALITY: Final = "quality"
REMEDY: Final = (
    "Open the mosaic and compare the masks with the image: where they miss tissue or have too "
    "much, correct seg-spine and run again with --derivatives; where noise, motion, metal or a "
    "contrast that the network does not know are the reason, leave the scan out."
)
PLURAL: Final = {"vertebra": "vertebrae", "disc": "discs", "canal": "canal"}


QUALITY_WORDS: Final = {"pass": "masks good", "look": "masks doubtful", "fail": "masks poor"}
"""What pages say of a scan, by its verdict."""


class Quality(NamedTuple):
    """Expected Dice of a scan, and the model that told it."""

    expected: Sequence[ExpectedDice]
    model: DiceModel


class QualityFinding(NamedTuple):
    """Verdict on one structure."""

    verdict: Verdict
    structure: str
    reason: str
    expected: ExpectedDice | None


def judge_quality(quality: Quality) -> Iterator[QualityFinding]:
    """One finding for each structure; one that the mask lacks is to be looked at."""
    told = {one.structure: one for one in quality.expected}
    for name in quality.model.lines:
        one, words = told.get(name), PLURAL.get(name, name)
        if one is None:
            yield QualityFinding("look", name, f"The mask shows no {name}.", None)
            continue
        verdict: Verdict = "pass"
        if one.high < quality.model.wrong:
            verdict = "fail"
        elif one.dice < quality.model.look:
            verdict = "look"
        ends = f"{one.low:.2f} to {one.high:.2f}"
        reason = f"The expected Dice of the {words} is {one.dice:.2f} ({ends})."
        yield QualityFinding(verdict, name, reason, one)
