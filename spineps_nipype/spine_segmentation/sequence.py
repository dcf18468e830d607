"""Names as the likeliest sequence: dynamic programming over class histograms.

Each vertebra brings the share of its voxels in every class of the network; names must descend.
Votes for a neighbouring name are a small mistake, votes for a distant one a large one.
A 13th thoracic and a sixth lumbar vertebra, and a missing T12 or L5, are possible at a price.
Source: ours; frequencies of variants from Gliwa's thesis where stated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .names import CLASS_NAMES, ID_OF, MISSING, OPTIONAL, ORDER
from .settings import USUAL_NAMING, NamingSettings

FREQUENCY_L6: Final = 0.066
"""Share of scans with a sixth lumbar vertebra (lumbarisation, 10 833 scans)."""
FREQUENCY_MISSING: Final = {"T12": 0.02, "L5": 0.036}
"""Share of scans with eleven thoracic vertebrae (assumed), and share of those in which the sacrum
follows L4 (sacralisation, 10 833 scans)."""
FREQUENCY_T13: Final = 0.02
"""Assumed share of scans with a 13th thoracic vertebra."""
TAUGHT: Final = {"T13": 0.06, "L6": 0.08, "T12": 0.06, "L5": 0.08}
"""Shares of such spines among the phantoms that taught the network of forms (`phantom.plan`): its
probabilities hold them already."""
FREQUENCY_SKIP: Final = 1e-4
"""Assumed chance that a vertebra between two others was not found."""
OTHER_NAME, EACH_LEVEL, MOST = 0.5, 3.0, 14.0
"""Price, as a logarithm of odds, of calling a vertebra other than all its voxels say: once, for
each level between the two names, and at most, so that one wrong vertebra cannot decide alone.
Chosen on simulated votes: over spines with variants as frequent as above, the sequence was right
more often than the single shift under four kinds of noise. The shift, which holds L6 and a missing
L5 to be as likely as a usual spine, finds these two more often when votes are very noisy."""

VOTES_BESIDE_FORM: Final = 0.1
"""Weight of the votes where the form of the bodies is judged as well."""
BELOW_SACRUM: Final = -2.0
"""Logarithm of odds of a piece below S1: it belongs to the sacrum and has no name."""
MOST_BELOW: Final = 3
"""Such pieces at most."""
ABOVE_C2: Final = -2.0
"""The same for a piece above C2: it belongs to C1 or the skull."""
MOST_ABOVE: Final = 2
FAINTEST: Final = 1e-3
"""Added to probabilities by form: none is that sure."""


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
        Share of its voxels that the network gives this very name.
    margin
        How much likelier the whole sequence is than the best one in which this vertebra has
        another name (difference of logarithms); infinite without such a sequence.
    """

    instance: int
    name: str
    id: int
    share: float
    margin: float


def class_histograms(
    instances: NDArray[Any], classes: NDArray[Any], count: int
) -> NDArray[np.float64]:
    """Share of every class in every instance.

    Parameters
    ----------
    instances
        Numbers 1 to `count`.
    classes
        Classes 0 to 25 of the second network on the same grid.

    Returns
    -------
    array
        Shape (count, 25); rows sum to 1, or to 0 where the network saw background only.
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
) -> list[NamedVertebra]:
    """Name instances, counted from the top, so that the names descend.

    Parameters
    ----------
    histograms
        Shape (instances, 25): share of each class, C2 to S1.
    by_form
        Shape (instances, 26): probability of each name of `ORDER` by the form of the bodies.

    Returns
    -------
    list of NamedVertebra
        One for each instance, from the top. Instances beyond the last possible name, pieces of
        the sacrum below S1, and pieces above C2 are left out.
    """
    count = min(len(histograms), len(_states(settings)))
    if count == 0:
        return []
    states = _states(settings)
    evidence = _log_evidence(histograms[:count], states)
    if by_form is not None:
        columns = [ORDER.index(name) for name in states]
        by_form = np.asarray(by_form, dtype=float)[:count, columns]
        evidence = VOTES_BESIDE_FORM * evidence + np.log(by_form + FAINTEST)
    taught = {} if by_form is None else TAUGHT
    step = _transitions(states, settings, taught)
    start = np.array([_visit(name, taught) for name in states])
    best_to = _forward(evidence, step, start)
    axis, sacrum = states.index("C2"), states.index("S1")
    below = _beyond(evidence, best_to, sacrum, most=MOST_BELOW, price=BELOW_SACRUM)
    if below:
        evidence, best_to = evidence[:-below], best_to[:-below]
        evidence[-1, :sacrum] = best_to[-1, :sacrum] = -np.inf
    best_from = _forward(evidence[::-1], step.T, np.zeros(len(states)))[::-1]
    from_top = (start + best_from)[::-1]
    above = _beyond(evidence[::-1], from_top, axis, most=MOST_ABOVE, price=ABOVE_C2)
    if above:
        evidence, best_from = evidence[above:], best_from[above:]
        evidence[0, axis + 1 :] = -np.inf
        best_to = _forward(evidence, step, start)
    # The score of the best sequence through every name, the evidence counted once.
    with np.errstate(invalid="ignore"):
        through = np.nan_to_num(best_to + best_from - evidence, nan=-np.inf)
    path = _trace(evidence, step, best_to)
    shares = _shares(histograms[above:count], states)
    out = []
    for i, state in enumerate(path):
        others = np.delete(through[i], state)
        margin = float(through[i, state] - others.max(initial=-np.inf))
        name, share = states[state], float(shares[i, state])
        out.append(NamedVertebra(above + i + 1, name, ID_OF[name], share, margin))
    return out


def _beyond(
    evidence: NDArray[np.float64],
    best: NDArray[np.float64],
    end: int,
    *,
    most: int,
    price: float,
) -> int:
    """How many of the last instances have no name, behind one that looks like the end.

    Parameters
    ----------
    best
        Score of the best sequence up to each instance, with each name.
    end
        Name that the spine ends with.
    most, price
        How many at most, and what each costs, as a logarithm of odds.
    """
    scores = {0: float(best[-1].max())}
    for k in range(1, min(most, len(best) - 1) + 1):
        if evidence[-1 - k].argmax() == end:
            scores[k] = float(best[-1 - k, end]) + k * price
    return max(scores, key=scores.__getitem__)


def _states(settings: NamingSettings) -> list[str]:
    barred = {n for n, ok in (("T13", settings.allow_t13), ("L6", settings.allow_l6)) if not ok}
    return [name for name in ORDER if name not in barred]


def _shares(histograms: NDArray[np.float64], states: list[str]) -> NDArray[np.float64]:
    """Share of each name; the network knows no T13 and calls it T12 or L1."""
    columns = {name: histograms[:, i] for i, name in enumerate(CLASS_NAMES)}
    columns["T13"] = columns["T12"] + columns["L1"]
    return np.stack([columns[name] for name in states], axis=1)


def _log_evidence(histograms: NDArray[np.float64], states: list[str]) -> NDArray[np.float64]:
    """Mean price of a name over the votes for a vertebra, as a negative number."""
    classes = len(CLASS_NAMES)
    apart = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes)))
    levels = {name: apart[i] for i, name in enumerate(CLASS_NAMES)}
    levels["T13"] = np.minimum(levels["T12"], levels["L1"])
    distance = np.stack([levels[name] for name in states])
    price = np.where(distance, np.minimum(OTHER_NAME + EACH_LEVEL * distance, MOST), 0.0)
    return np.asarray(-histograms @ price.T)


def _visit(name: str, taught: Mapping[str, float]) -> float:
    """Logarithm of the odds that a vertebra exists which a usual spine lacks."""
    if name not in OPTIONAL:
        return 0.0
    return _log_odds(FREQUENCY_T13 if name == "T13" else FREQUENCY_L6, taught.get(name))


def _log_odds(frequency: float, taught: float | None) -> float:
    """Of a variant; what the evidence holds of it already, being taught so, is taken back."""
    odds = math.log(frequency / (1 - frequency))
    return odds if taught is None else odds - math.log(taught / (1 - taught))


def _transitions(
    states: list[str], settings: NamingSettings, taught: Mapping[str, float]
) -> NDArray[np.float64]:
    """Logarithm of the odds of one name directly after another; rows are the upper name."""
    step = np.full((len(states), len(states)), -np.inf)
    allowed = {"T12": settings.allow_missing_t12, "L5": settings.allow_missing_l5}
    for i, upper in enumerate(states):
        for j in range(i + 1, len(states)):
            lower = states[j]
            between = [n for n in states[i + 1 : j] if n not in OPTIONAL]
            skipped = len(between) * math.log(FREQUENCY_SKIP)
            missing = MISSING.get((upper, lower))
            if missing is not None and allowed[missing]:
                skipped = _log_odds(FREQUENCY_MISSING[missing], taught.get(missing))
            step[i, j] = skipped + _visit(lower, taught)
    return step


def _forward(
    evidence: NDArray[np.float64], step: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Score of the best sequence that ends in each name, for every instance."""
    out = np.empty_like(evidence)
    out[0] = start + evidence[0]
    for i in range(1, len(evidence)):
        out[i] = evidence[i] + (out[i - 1][:, None] + step).max(axis=0)
    return out


def _trace(
    evidence: NDArray[np.float64], step: NDArray[np.float64], best_to: NDArray[np.float64]
) -> list[int]:
    """Names of the best sequence; of equal ones, the upper."""
    path = [int(best_to[-1].argmax())]
    for i in range(len(evidence) - 1, 0, -1):
        path.append(int((best_to[i - 1] + step[:, path[-1]]).argmax()))
    return path[::-1]
