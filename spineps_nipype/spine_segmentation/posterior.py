"""How probable each name is, over all sequences of names that the terms of `sequence` allow.

The sequence that names the vertebrae is the likeliest one by itself. Here all others are weighed
against it, with the same evidence and with the odds of anomalies that all systems share. Votes and
forms of neighbouring vertebrae err together, which a sum of their logarithms does not know: the
evidence of n vertebrae is divided by `TEMPERATURE` and the root of n. Pieces above C2 and below S1
have no name (label 0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import VERTEBRA_NAMES
from ..core.missed_vertebrae import Missed
from ..core.name_posterior import NamePosterior, posterior_of
from ..core.name_sequences import cheapest_sequences
from ..core.name_table import confidence_columns
from ..core.spine_names import NO_VERTEBRA
from .sequence import NamedVertebra, sequence_terms, with_ends
from .settings import USUAL_NAMING, NamingSettings

TEMPERATURE: Final = 3.0
"""By which the evidence of one vertebra is divided. On 50 views of the phantoms 1000 to 1009 the
log loss is within 0.02 of the least of all temperatures, with the root of the number of vertebrae,
with that number or with neither, that doubt no more than a tenth of the right views."""
SPAN: Final = -math.log(1e-4)
"""Sequences this much less likely than the best (logarithm of the odds) are left out."""
MOST: Final = 500
"""Largest number of sequences."""
LABELS: Final = {name: label for label, name in VERTEBRA_NAMES.items()}


def name_posterior(
    histograms: NDArray[np.float64],
    settings: NamingSettings = USUAL_NAMING,
    by_form: NDArray[Any] | None = None,
    missed: Missed = (),
    *,
    temperature: float = TEMPERATURE,
) -> NamePosterior | None:
    """Probabilities of the names of one scan; the parameters are those of `likeliest_names`.

    Returns
    -------
    NamePosterior or None
        In the labels of `core.anatomy`; None if there are no vertebrae, or more than names.
    """
    warmth = temperature * math.sqrt(max(len(histograms), 1))
    terms = sequence_terms(histograms, settings, by_form, temperature=warmth)
    states, steps = with_ends(terms, missed)
    labels = [NO_VERTEBRA, *(LABELS[name] for name in terms.names), NO_VERTEBRA]
    found = cheapest_sequences(states, steps, span=SPAN, most=MOST)
    return posterior_of((([labels[k] for k in path], cost) for path, cost in found), 1.0)


def with_probabilities(
    named: Sequence[NamedVertebra], posterior: NamePosterior | None
) -> list[NamedVertebra]:
    """Named vertebrae with the columns that tell how probable their names are.

    Parameters
    ----------
    named
        Their instances are the rows of the posterior, from 1.
    """
    if posterior is None:
        return list(named)
    names = [NO_VERTEBRA] * len(posterior.sequences[0][0])
    for v in named:
        names[v.instance - 1] = LABELS[v.name]
    return [
        replace(v, probable=confidence_columns(posterior, names, v.instance - 1)) for v in named
    ]
