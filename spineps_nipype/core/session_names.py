"""Names of the vertebrae of several scans of one session, found together.

Scans of a session see the same vertebrae. Which of them coincide is told by their places
(`session_places`), and what is probable for one scan is multiplied by what is probable for the
others:

    P(names) ~ P(spine) * product over scans of (P(names | scan) / P(names))^weight

over all sequences of names of the whole piece of spine that the scans see together, so that no
two scans contradict each other. An anomaly has its odds once for the subject, not once for each
scan. A scan that shares vertebrae with others tells less than one of its own (`SHARED`), since
what misleads a network in one scan misleads it in the next. Where a place fits several ways, all
of them count.

Source: ours.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from .name_posterior import ANOMALY_ODDS, NamePosterior
from .session_places import Points, moved_back, offset_scores
from .spine_names import LONGEST, names_of_length, written

FloatArray = NDArray[np.float64]
SHARED: Final = 0.5
"""How much of what a scan tells others tell already, where they see the same vertebrae."""
FLOOR: Final = 5e-7
"""Probability of a sequence that a scan does not mention: nothing is quite impossible."""
FLOOR_OF_READER: Final = 1e-9
APART: Final = 0.5
"""Share of pairs of scans of a session whose coordinates have nothing to do with each other, as
long as their places have not been looked at. On phantoms those that share coordinates are joined
as often as with less, and fewer of the others are."""
LEAST_JOINED: Final = 0.9
"""Scans are named together from this probability on that they see the same spine."""
CONTRADICTED: Final = 1e-3
"""Scans are not named together where one of them gives the names less, relative to its own."""
HYPOTHESES: Final = 24
LEAST_WAY: Final = 1e-5
"""Ways to lay scans beside each other that are kept: how many, and how probable by the first."""


@dataclass(frozen=True)
class ScanNames:
    """What is known of the names of one scan by itself.

    Parameters
    ----------
    scan
        What it is called; unique in the session.
    points
        Shape (vertebrae, 3): places of its bodies from top to bottom, world coordinates [mm, RAS].
    posterior
        Sequences of names of these bodies with their probabilities.
    fixed
        Whether a reader has given the names: they are certain.
    unseen
        Rows that stand for vertebrae that its mask lacks; what is decided leaves them out.
    """

    scan: str
    points: Points
    posterior: NamePosterior
    fixed: bool = False
    unseen: frozenset[int] = frozenset()

    def seen(self, labels: tuple[int, ...]) -> tuple[int, ...]:
        """Names without those of vertebrae that its mask lacks."""
        return tuple(label for row, label in enumerate(labels) if row not in self.unseen)


@dataclass(frozen=True)
class JointNames:
    """Names of the scans of a session that see the same spine.

    Parameters
    ----------
    names
        The most probable names of each scan, by its word: labels from top to bottom. They do not
        contradict each other.
    posteriors
        Probabilities of the names of each scan, given all scans.
    probability
        That of all names together.
    """

    names: Mapping[str, tuple[int, ...]]
    posteriors: Mapping[str, NamePosterior]
    probability: float

    @property
    def scans(self) -> tuple[str, ...]:
        """The scans that decided, in the order of their words."""
        return tuple(sorted(self.names))


@dataclass(frozen=True)
class Decision:
    """Names that a session has given to one scan.

    Parameters
    ----------
    labels
        From top to bottom.
    sequences
        Their probabilities and those of other names, as `spine_names.written` tells them.
    scans
        The scans that decided.
    probability
        That of the names of all of them together.
    """

    labels: tuple[int, ...]
    sequences: str
    scans: tuple[str, ...]
    probability: float

    @property
    def digest(self) -> str:
        """SHA-256 of what it says of the names."""
        said = json.dumps([self.labels, self.sequences, self.scans])
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class Renamed:
    """A scan whose vertebrae get the names of its session.

    Parameters
    ----------
    decision
        What the session decided.
    files
        Stored results of the scan by name: masks and the table of names.
    """

    decision: Decision
    files: Mapping[str, Path]


def decision_for(scan: str, joint: JointNames) -> Decision:
    """What the scans of a session have decided for one of them."""
    text = written(joint.posteriors[scan])
    return Decision(joint.names[scan], text, joint.scans, round(joint.probability, 4))


@dataclass(frozen=True)
class _Placed:
    """Scans laid beside each other in one way.

    Parameters
    ----------
    offsets
        Number of the first vertebra of each scan.
    known
        Mean place of each vertebra [mm] and how many scans see it, by its number.
    score
        Logarithm of its weight by the places alone.
    """

    offsets: tuple[int, ...]
    known: Mapping[int, tuple[Points, int]]
    score: float

    @property
    def first(self) -> int:
        """Number of the uppermost vertebra."""
        return min(self.known)

    @property
    def length(self) -> int:
        """Vertebrae from the uppermost to the lowest, those among them that no scan sees."""
        return max(self.known) - self.first + 1


class _Witness:
    """What a scan says of the names of a longer piece of spine that it is a part of."""

    def __init__(self, scan: ScanNames) -> None:
        self.scan, self.size = scan, len(scan.points)
        self._said = dict(scan.posterior.sequences)
        self._found: dict[tuple[int, int], FloatArray] = {}

    def of(self, count: int, start: int) -> FloatArray:
        """Logarithm of how much more probable it makes names than they are among people.

        Parameters
        ----------
        count
            Vertebrae of the longer piece.
        start
            Place of its own first vertebra in it.

        Returns
        -------
        ndarray
            One value for each of `names_of_length(count)`.
        """
        if (count, start) not in self._found:
            self._found[count, start] = np.array(
                [self._of(n.labels[start : start + self.size]) for n in names_of_length(count)]
            )
        return self._found[count, start]

    def said(self, labels: tuple[int, ...]) -> float:
        """Probability of names by this scan alone, relative to that of the likeliest."""
        return self._said.get(labels, 0.0) / max(self._said.values())

    def _of(self, labels: tuple[int, ...]) -> float:
        floor = FLOOR_OF_READER if self.scan.fixed else FLOOR
        return math.log(max(self._said.get(labels, 0.0), floor)) - _prior_of(self.size)[labels]


def joint_names(scans: Sequence[ScanNames]) -> list[JointNames]:
    """Find the names of the scans of one session together.

    Parameters
    ----------
    scans
        At most one entry a scan; those without vertebrae are left out.

    Returns
    -------
    list of JointNames
        One for each group of two scans or more that see the same spine. A scan whose coordinates
        have nothing to do with those of the others is in none of them.
    """
    usable = (s for s in scans if 0 < len(s.points) <= LONGEST)
    left = [_Witness(s) for s in sorted(usable, key=lambda s: (-len(s.points), s.scan))]
    found = []
    while left:
        group = [left.pop(0)]
        points = enumerate(group[0].scan.points)
        ways = [_Placed((0,), {i: (point, 1) for i, point in points}, 0.0)]
        while (step := _next_of(group, ways, left)) is not None:
            scan, ways = step
            group.append(scan)
            left.remove(scan)
        if len(group) > 1:
            found.append(_decided(group, ways))
    return found


def _next_of(
    group: Sequence[_Witness], ways: Sequence[_Placed], left: Sequence[_Witness]
) -> tuple[_Witness, list[_Placed]] | None:
    """The scan that belongs to a group most surely, laid beside it; None if none does."""
    least = math.log(LEAST_JOINED / (1 - LEAST_JOINED))
    before = _log_sum([_log_sum(_weights(group, way)) for way in ways])
    possible = []
    for scan in left:
        both = [*group, scan]
        weighed = [
            (_log_sum(_weights(both, further)), further)
            for way in ways
            for further in _further(way, scan.scan.points)
            if further.length <= LONGEST
        ]
        if not weighed:
            continue
        odds = _log_sum([w for w, _ in weighed]) - before + math.log((1 - APART) / APART)
        if odds >= least:
            possible.append((odds, scan, _likely(weighed)))
    for _, scan, further_ways in sorted(possible, key=lambda item: (-item[0], item[1].scan.scan)):
        if not _contradicted([*group, scan], further_ways):
            return scan, further_ways
    return None


def _contradicted(group: Sequence[_Witness], ways: Sequence[_Placed]) -> bool:
    """Whether the best names together are next to impossible for a scan; a reader's are for none.

    Coordinates of their own, that agree by chance, are more probable then.
    """
    if any(scan.scan.fixed for scan in group):
        return False
    names = _best(group, ways)
    return any(scan.said(own) < CONTRADICTED for scan, own in zip(group, names, strict=True))


def _best(group: Sequence[_Witness], ways: Sequence[_Placed]) -> list[tuple[int, ...]]:
    """The most probable names of each scan of a group."""
    weighed = [_weights(group, way) for way in ways]
    place = int(np.argmax([weights.max() for weights in weighed]))
    spine = names_of_length(ways[place].length)[int(weighed[place].argmax())]
    return _names_of_each(group, ways[place], spine.labels)


def _names_of_each(
    group: Sequence[_Witness], way: _Placed, labels: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """Names of the scans of a group within those of the whole piece of spine."""
    return [
        labels[offset - way.first : offset - way.first + scan.size]
        for scan, offset in zip(group, way.offsets, strict=True)
    ]


def _likely(weighed: Sequence[tuple[float, _Placed]]) -> list[_Placed]:
    """Ways that are not quite improbable, likeliest first, by logs of their weights."""
    ordered = sorted(weighed, key=lambda item: -item[0])[:HYPOTHESES]
    least = ordered[0][0] + math.log(LEAST_WAY)
    return [way for weight, way in ordered if weight >= least]


def _further(way: _Placed, points: Points) -> Iterator[_Placed]:
    """All ways to lay one more scan beside others."""
    known = {number: place for number, (place, _) in way.known.items()}
    scores = offset_scores(known, points)
    for offset, score in scores.items():
        seen = dict(way.known)
        for number, point in enumerate(moved_back(known, points, offset), start=offset):
            place, times = seen.get(number, (np.zeros(3), 0))
            seen[number] = ((place * times + point) / (times + 1), times + 1)
        yield _Placed((*way.offsets, offset), seen, way.score + score - math.log(len(scores)))


def _weights(group: Sequence[_Witness], way: _Placed) -> FloatArray:
    """Logarithm of the weight of each of `names_of_length` of the whole piece of spine."""
    weights = way.score + _prior(way.length)
    for scan, offset in zip(group, way.offsets, strict=True):
        weights = weights + _share(scan, way, offset) * scan.of(way.length, offset - way.first)
    return weights


def _share(scan: _Witness, way: _Placed, offset: int) -> float:
    """Weight of a scan: less where others see the same vertebrae; that of a reader is whole."""
    if scan.scan.fixed:
        return 1.0
    others = sum(way.known[offset + i][1] - 1 for i in range(scan.size))
    return 1 / (1 + SHARED * others / scan.size)


@cache
def _prior(count: int) -> FloatArray:
    """Logarithm of the probability among people of each of `names_of_length`."""
    odds = ANOMALY_ODDS ** np.array([n.anomalies for n in names_of_length(count)], float)
    return np.asarray(np.log(odds / odds.sum()))


@cache
def _prior_of(count: int) -> Mapping[tuple[int, ...], float]:
    """The same by the names."""
    every = names_of_length(count)
    return {n.labels: float(p) for n, p in zip(every, _prior(count), strict=True)}


def _decided(group: Sequence[_Witness], ways: Sequence[_Placed]) -> JointNames:
    """The most probable names, and the probabilities of all."""
    weighed = [_weights(group, way) for way in ways]
    total = _log_sum([_log_sum(weights) for weights in weighed])
    joint: list[dict[tuple[int, ...], float]] = [{} for _ in group]
    for way, weights in zip(ways, weighed, strict=True):
        for spine, weight in zip(names_of_length(way.length), weights, strict=True):
            own = _names_of_each(group, way, spine.labels)
            for scan, found, labels in zip(group, joint, own, strict=True):
                seen = scan.scan.seen(labels)
                found[seen] = found.get(seen, 0.0) + math.exp(weight - total)
    names, best = _best(group, ways), max(float(weights.max()) for weights in weighed)
    words = [scan.scan.scan for scan in group]
    return JointNames(
        {s.scan.scan: s.scan.seen(own) for s, own in zip(group, names, strict=True)},
        {
            word: NamePosterior(tuple(sorted(found.items(), key=lambda item: -item[1])))
            for word, found in zip(words, joint, strict=True)
        },
        math.exp(best - total),
    )


def _log_sum(values: Sequence[float] | FloatArray) -> float:
    """Logarithm of the sum of exponentials."""
    return float(logsumexp(values))
