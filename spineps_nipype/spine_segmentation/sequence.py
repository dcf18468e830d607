"""The likeliest sequence of vertebra names, by dynamic programming over votes of the network.

Problem: the second network names every voxel of a slice by itself, so a vertebra holds votes for
several names, and the majority of one vertebra may contradict its neighbours. The original looks
for one shift of the count from the top that fits all votes best. Then one vertebra that was
missed, doubled or additional shifts all others.

Model: a hidden Markov chain down the spine. The states are the names that the settings allow (C2
to S1, with T13 and L6); names must descend. In units of logarithms of probabilities, a sequence
scores

* evidence: the mean over the votes for a vertebra of a price that grows with the number of levels
  between the vote and the name, because votes for a neighbour are a small mistake. If the form of
  the bodies is judged as well, the logarithm of its probability is added, and votes count less;
* transitions: the odds of a T13 or an L6, of a missing T12 or L5, and, for every other name that
  is left out, of a vertebra that was not found: by the distance of its neighbours where that tells
  of one (`core.missed_vertebrae`). If the network of forms was trained with other
  frequencies of these variants, the odds that it has learnt are taken back;
* a price for each piece above C2 or below S1, which stays without a name (at most two and three):
  to the votes it is one level further, to the form it is as likely as under its best name.

Forms of neighbouring vertebrae err together, which a sum of logarithms does not know, so with
them the evidence is divided by a temperature. The best sequence, and the best one through every
name of every vertebra, hence the margin of each name, are found by `core.name_sequences`;
`posterior` weighs all others against it.

Source: ours; the odds of variants are those of `core.name_posterior` for all systems.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.missed_vertebrae import Missed
from ..core.name_posterior import ANOMALY_ODDS
from ..core.name_sequences import cheapest_sequences, cheapest_through
from .names import CLASS_NAMES, ID_OF, MISSING_BETWEEN, OPTIONAL_VERTEBRAE, ORDER
from .settings import USUAL_NAMING, NamingSettings

TRAINING_FREQUENCY: Final = {"T13": 0.06, "L6": 0.08, "T12": 0.06, "L5": 0.08}
"""Shares of spines with a T13 or an L6, or without T12 or L5, among the phantoms that the network
of forms was trained with (`phantom.plan`): its probabilities include them already."""
FORM_TEMPERATURE: Final = 2.0
"""By which evidence is divided where names are chosen and forms are judged. Phantoms taught these
forms, and real bodies look less sure: on 30 real scans, after a look at whose names it was set,
five change, all for the better, while of 35 views of phantoms with a variant one is lost, of 60
held-out ones none (docs/rules.md). Votes alone hold as they are."""
FREQUENCY_SKIP: Final = 1e-4
"""Assumed probability that a vertebra between two others was not found."""
PRICE_OTHER_NAME, PRICE_PER_LEVEL, MAX_PRICE = 0.5, 3.0, 14.0
"""Price, as a logarithm of odds, of a name that differs from that of a vote: a fixed part, a part
for each level between the two names, and a maximum, so that one wrong vertebra cannot decide
alone. Chosen on simulated votes: over spines with variants in two to seven of a hundred, the
sequence was right more often than the single shift under four kinds of noise. The shift, for which
an L6 and a missing L5 are as likely as a usual spine, finds these two more often when votes are
very noisy."""

VOTE_WEIGHT: Final = 0.1
"""Weight of the votes if the form of the bodies is judged as well."""
LOG_ODDS_BELOW_SACRUM: Final = (0.0, -2.0, -2.0)
"""Logarithms of the odds of each piece below S1, which belongs to the sacrum and has no name, with
the largest number of them. Of 12 training scans of SPIDER that show S1 seven have one such piece,
none has two."""
LOG_ODDS_ABOVE_C2: Final = (-2.0, -2.0)
"""The same of pieces above C2, which belong to C1 or the skull."""
SACRUM: Final = "S1"
ABOVE_C2, BELOW_S1 = "above C2", "below S1"
PROBABILITY_FLOOR: Final = 1e-3
"""Added to probabilities by form: no network is that sure."""


@dataclass(frozen=True)
class NamedVertebra:
    """Name of one instance.

    Parameters
    ----------
    instance
        Number from the top.
    name, id
        Its name and number in spine-segmentation.
    share
        Share of its voxels that the network gives this name.
    margin
        Score of the sequence minus that of the best one in which this vertebra has another name
        (difference of logarithms); infinite without such a sequence.
    probable
        Probability of the name, the next likely names and the likeliest sequences, see
        `core.name_table`; empty where nothing tells them.
    """

    instance: int
    name: str
    id: int
    share: float
    margin: float
    probable: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SequenceTerms:
    """What a sequence of names scores, in logarithms of probabilities.

    Parameters
    ----------
    names
        Possible names from top to bottom.
    evidence
        Of each name for each vertebra, shape (vertebrae, names).
    beyond
        The same of being above C2 and of being below S1, shape (vertebrae, 2).
    step
        Of a name (columns) directly below another one (rows).
    start
        Of each name for the uppermost vertebra.
    left_out
        Usual vertebrae between a name (rows) and another one (columns), int; 0 where the lower one
        is none that most spines have, or S1: its piece may be any part of the sacrum, so that its
        distance tells nothing.
    """

    names: list[str]
    evidence: NDArray[np.float64]
    beyond: NDArray[np.float64]
    step: NDArray[np.float64]
    start: NDArray[np.float64]
    left_out: NDArray[np.intp]


def class_histograms(
    instances: NDArray[Any], classes: NDArray[Any], count: int
) -> NDArray[np.float64]:
    """Share of each class in each instance.

    Parameters
    ----------
    instances
        Numbers 1 to `count`.
    classes
        Classes 0 to 25 of the second network on the same grid.

    Returns
    -------
    array
        Shape (count, 25); rows sum to 1, or to 0 if the network saw background only.
    """
    width = len(CLASS_NAMES) + 1
    inside = instances > 0
    index = instances[inside].astype(np.int64) * width + np.clip(classes[inside], 0, width - 1)
    votes = np.bincount(index, minlength=(count + 1) * width)[: (count + 1) * width]
    shares = votes.reshape(count + 1, width)[1:, 1:].astype(float)
    total = shares.sum(axis=1, keepdims=True)
    return np.asarray(shares / np.where(total > 0, total, 1))


def likeliest_names(
    histograms: NDArray[np.float64],
    settings: NamingSettings = USUAL_NAMING,
    by_form: NDArray[Any] | None = None,
    missed: Missed = (),
) -> list[NamedVertebra]:
    """Names of the likeliest sequence; see the head of this module.

    Parameters
    ----------
    histograms
        Shape (instances, 25): share of each class, C2 to S1, in each instance from the top.
    settings
        Which variants are possible.
    by_form
        Shape (instances, 26): probability of each name of `ORDER` by the form of the bodies.
    missed
        How many vertebrae may be missed, with the logarithm of the odds.

    Returns
    -------
    list of NamedVertebra
        One for each instance that has a name, from the top. There are none for instances beyond
        the last possible name, for pieces below S1, and for pieces above C2.
    """
    warmth = 1.0 if by_form is None else FORM_TEMPERATURE
    terms = sequence_terms(histograms, settings, by_form, temperature=warmth)
    costs, steps = with_ends(terms, missed)
    path = next(cheapest_sequences(costs, steps, span=0.0, most=1), ((), 0.0))[0]
    through = cheapest_through(costs, steps)
    shares = _shares(histograms, terms.names)
    out = []
    for row, state in enumerate(path):
        if not 0 < state <= len(terms.names):
            continue  # above C2 or below S1
        name = terms.names[state - 1]
        margin = float(np.delete(through[row], state).min() - through[row, state])
        share = float(shares[row, state - 1])
        out.append(NamedVertebra(row + 1, name, ID_OF[name], share, margin))
    return out


def sequence_terms(
    histograms: NDArray[np.float64],
    settings: NamingSettings = USUAL_NAMING,
    by_form: NDArray[Any] | None = None,
    *,
    temperature: float = 1.0,
) -> SequenceTerms:
    """Evidence and odds of which the score of a sequence is the sum.

    Parameters
    ----------
    histograms, settings, by_form
        As for `likeliest_names`; instances for which there is no name are left out.
    temperature
        By which evidence is divided; the odds of anomalies are not.
    """
    names = _states(settings)
    count = min(len(histograms), len(names))
    levels = [ABOVE_C2, *names, BELOW_S1]
    evidence = _log_evidence(histograms[:count], levels)
    if by_form is not None:
        columns = [ORDER.index(name) for name in names]
        seen = np.asarray(by_form, dtype=float)[:count, columns] + PROBABILITY_FLOOR
        best = seen.max(axis=1, initial=0, keepdims=True)
        evidence = VOTE_WEIGHT * evidence + np.log(np.hstack([best, seen, best]))
    evidence = evidence / temperature
    learnt = {} if by_form is None else TRAINING_FREQUENCY
    trained = {name: math.log(share / (1 - share)) / temperature for name, share in learnt.items()}
    return SequenceTerms(
        names,
        evidence[:, 1:-1],
        evidence[:, [0, -1]],
        _transitions(names, settings, trained),
        np.array([_log_odds_of_presence(name, trained) for name in names]),
        _left_out(names),
    )


def with_ends(
    terms: SequenceTerms, missed: Missed = ()
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Costs of states and of the steps between them, as `core.name_sequences` takes them.

    The first state are pieces above C2, the last those below S1, between them are the names. A
    piece above C2 is followed by others and by C2, S1 by pieces below it.
    """
    rows, names = terms.evidence.shape
    states = np.full((rows, names + 2), np.inf)
    states[:, 1:-1] = -terms.evidence
    upper = slice(len(LOG_ODDS_ABOVE_C2))
    lower = slice(max(rows - len(LOG_ODDS_BELOW_SACRUM), 0), None)
    states[upper, 0] = -terms.beyond[upper, 0] - LOG_ODDS_ABOVE_C2[0]
    states[lower, -1] = -terms.beyond[lower, 1]
    step = np.full((names + 2, names + 2), np.inf)
    step[1:-1, 1:-1] = -terms.step
    step[0, 0] = step[0, 1 + terms.names.index("C2")] = 0
    first, further, *_ = LOG_ODDS_BELOW_SACRUM
    step[1 + terms.names.index(SACRUM), -1], step[-1, -1] = -first, -further
    if rows:
        states[0, 1:-1] -= terms.start
        states[0, -1] = np.inf
        states[-1, 0] = np.inf
    steps = np.repeat(step[None], max(rows - 1, 0), axis=0)
    for row, found in zip(steps, missed, strict=False):
        for number, odds in found.items():
            likelier = (terms.left_out == number) & (terms.step < odds)
            row[1:-1, 1:-1][likelier] = -odds
    return states, steps


def _states(settings: NamingSettings) -> list[str]:
    """Names that the settings allow, from top to bottom."""
    excluded = {n for n, ok in (("T13", settings.allow_t13), ("L6", settings.allow_l6)) if not ok}
    return [name for name in ORDER if name not in excluded]


def _left_out(names: list[str]) -> NDArray[np.intp]:
    """Of `SequenceTerms`."""
    told = np.array([name not in (*OPTIONAL_VERTEBRAE, SACRUM) for name in names])
    return np.where(told[None], _usual_between(names), 0)


def _usual_between(names: list[str]) -> NDArray[np.intp]:
    """Vertebrae of a usual spine between a name (rows) and one below it (columns)."""
    usual = np.array([name not in OPTIONAL_VERTEBRAE for name in names], dtype=np.intp)
    up_to = np.cumsum(usual)
    return np.asarray(np.maximum((up_to - usual)[None] - up_to[:, None], 0))


def _shares(histograms: NDArray[np.float64], states: list[str]) -> NDArray[np.float64]:
    """Share of each name in each instance; votes for T12 and L1 count for T13, too.

    The network has no class for T13 and takes it for one of them.
    """
    columns = {name: histograms[:, i] for i, name in enumerate(CLASS_NAMES)}
    columns["T13"] = columns["T12"] + columns["L1"]
    return np.stack([columns[name] for name in states], axis=1)


def _log_evidence(histograms: NDArray[np.float64], states: list[str]) -> NDArray[np.float64]:
    """Evidence of each name: minus the mean of its price over the votes for the vertebra."""
    classes = len(CLASS_NAMES)
    apart = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes)))
    levels = {name: apart[i] for i, name in enumerate(CLASS_NAMES)}
    levels[ABOVE_C2], levels[BELOW_S1] = apart[0] + 1, apart[-1] + 1
    levels["T13"] = np.minimum(levels["T12"], levels["L1"])
    distance = np.stack([levels[name] for name in states])
    price = np.where(
        distance, np.minimum(PRICE_OTHER_NAME + PRICE_PER_LEVEL * distance, MAX_PRICE), 0.0
    )
    return np.asarray(-histograms @ price.T)


def _log_odds_of_presence(name: str, trained: Mapping[str, float]) -> float:
    """Logarithm of the odds of a vertebra: 0 unless it is one that most spines do not have."""
    if name not in OPTIONAL_VERTEBRAE:
        return 0.0
    return _log_odds(name, trained)


def _log_odds(variant: str, trained: Mapping[str, float]) -> float:
    """Logarithm of the odds of a variant, without those that the evidence includes already."""
    return math.log(ANOMALY_ODDS) - trained.get(variant, 0.0)


def _transitions(
    states: list[str], settings: NamingSettings, trained: Mapping[str, float]
) -> NDArray[np.float64]:
    """Logarithm of the odds of a name (columns) directly below another one (rows)."""
    step = np.full((len(states), len(states)), -np.inf)
    between = _usual_between(states)
    allowed = {"T12": settings.allow_missing_t12, "L5": settings.allow_missing_l5}
    for i, upper in enumerate(states):
        for j in range(i + 1, len(states)):
            lower = states[j]
            skipped = int(between[i, j]) * math.log(FREQUENCY_SKIP)
            missing = MISSING_BETWEEN.get((upper, lower))
            if missing is not None and allowed[missing]:
                skipped = _log_odds(missing, trained)
            step[i, j] = skipped + _log_odds_of_presence(lower, trained)
    return step
