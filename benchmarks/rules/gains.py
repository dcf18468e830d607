"""What each rule gains: figures with it less those without it, scan by scan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from benchmarks.against_truth.overview import interval
from benchmarks.rules.trial import ALL_OFF, ALL_ON, COUNTED, STRUCTURES, Trial, by_set

HEAD: Final = (
    "| rule that is off | set | scans | differ | vertebra | body | disc | canal | vertebrae found "
    "| invented | discs found | invented | names right | failed without it |"
)
SHOWN: Final = (*STRUCTURES, "found", "invented", "discs_found", "discs_invented", "names_right")


@dataclass(frozen=True)
class Gain:
    """What a rule changes in a set of scans.

    Parameters
    ----------
    differ
        Scans of which any figure is another one without the rule.
    dice
        Mean gain and its interval by structure, where the truth tells it.
    counts
        Sum of the gains over the scans.
    failed
        Scans that have no result without the rule and one with it.
    """

    rule: str
    set: str
    scans: int
    differ: int
    dice: dict[str, tuple[float, tuple[float, float] | None]]
    counts: dict[str, int]
    failed: int


def gain_of(rule: str, trials: Sequence[Trial]) -> Gain | None:
    """The gain of a rule in the trials of one system and set; None if it was not tried there."""
    base = {t.scan: t for t in trials if t.rule == ALL_ON}
    off = {t.scan: t for t in trials if t.rule == rule}
    pairs = [(base[scan], off[scan]) for scan in base if scan in off]
    if not pairs:
        return None
    dice, counts = {}, {}
    for name in STRUCTURES:
        both = [(w.subject, getattr(w, name) - getattr(o, name)) for w, o in pairs]
        told = [(subject, value) for subject, value in both if not math.isnan(value)]
        if told:
            subjects, values = zip(*told, strict=True)
            dice[name] = (fmean(values), interval(subjects, values))
    for name in (*COUNTED, "names_right"):
        changes = [getattr(w, name) - getattr(o, name) for w, o in pairs]
        told_changes = [change for change in changes if not math.isnan(change)]
        if told_changes:
            counts[name] = round(sum(told_changes))
    return Gain(
        rule,
        trials[0].set,
        len(pairs),
        sum(not w.same_figures(o) for w, o in pairs),
        dice,
        counts,
        sum(bool(o.fault) and not w.fault for w, o in pairs),
    )


def table(trials: Iterable[Trial]) -> str:
    """A table a system, as Markdown: a row for each rule and set."""
    parts = []
    sets = by_set(trials)
    for system in dict.fromkeys(system for system, _ in sets):
        own = {name: rows for (of, name), rows in sets.items() if of == system}
        rules = dict.fromkeys(t.rule for rows in own.values() for t in rows if t.rule != ALL_ON)
        # all together comes last
        order = sorted(rules, key=lambda rule: rule == ALL_OFF)
        found = [gain for rule in order for rows in own.values() if (gain := gain_of(rule, rows))]
        parts += [f"## {system}", "", HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
        parts += [_row(gain) for gain in found]
        parts.append("")
    return "\n".join(parts)


def _row(gain: Gain) -> str:
    cells = [f"`{gain.rule}`", gain.set, str(gain.scans), str(gain.differ)]
    for name in SHOWN:
        if name in STRUCTURES:
            cells.append(_dice(*gain.dice[name]) if name in gain.dice else "")
        else:
            cells.append(_signed(gain.counts[name]) if name in gain.counts else "")
    return "| " + " | ".join([*cells, str(gain.failed or "")]) + " |"


def _dice(mean: float, around: tuple[float, float] | None) -> str:
    if abs(mean) < 5e-5 and (around is None or max(map(abs, around)) < 5e-5):
        return "0"
    words = f"{mean:+.4f}"
    return words if around is None else f"{words} [{around[0]:+.4f}, {around[1]:+.4f}]"


def _signed(count: int) -> str:
    return f"{count:+d}" if count else "0"
