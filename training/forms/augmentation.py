"""Changes of measured forms, as masks of networks and other scanners would give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from spineps_nipype.core.vertebra_form import PART_FEATURES, PART_LABELS
from training.forms.looks import SCALE

PART_NOISE: Final = np.array([0, 0.08, 0.05, 0.05, 0.05, 0.03, 0.03, 0.05])
"""Spread of the measures of a part, in their order in `core.vertebra_form`."""
PART_SCALING: Final = np.array([0, 3, 0, 0, 0, 1, 1, 1])
"""How these grow with the logarithm of a scale: volumes with its cube."""
BODY_NOISE: Final = 0.6
"""Share of that spread for bodies, which masks show best."""
LOST_PART, LOST_GROUP = 0.05, 0.12
"""Chance that one vertebra lacks a part, and that all of a scan do."""

Array = np.ndarray


@dataclass(frozen=True)
class Strength:
    """How strongly samples are augmented.

    Masks of networks other than the one that made the samples differ, as scanners and patients do,
    and ask for strong changes; these cost precision where the network is known.

    Parameters
    ----------
    true, predicted
        Factor of the changes of measures on true masks, and on masks that a network made.
    look_scale
        Standard deviation of the logarithm by which looks are scaled.
    """

    true: float = 1.0
    predicted: float = 1.0
    look_scale: float = SCALE


STRONG: Final = Strength()


def augment_forms(forms: Array, rng: np.random.Generator, strength: float = 1.0) -> Array:
    """Forms as from masks of a network: parts missing, sizes and places a little off.

    Parameters
    ----------
    forms
        Shape (vertebrae, FEATURES), see `core.vertebra_form`; not changed.
    strength
        Factor of all changes but lost parts.
    """
    out = forms.copy()
    parts = out[:, : PART_FEATURES * len(PART_LABELS)].reshape(
        len(out), len(PART_LABELS), PART_FEATURES
    )
    shown = parts[..., :1] > 0
    scale = strength * np.log(rng.uniform(0.9, 1.1))
    # some errors differ from vertebra to vertebra, others are the same in all of a scan
    noise = rng.normal(0, 1, parts.shape) * rng.uniform(0, 1.5)
    noise += rng.normal(0, 1, parts.shape[1:]) * rng.uniform(0, 4)
    noise *= strength * PART_NOISE
    noise[:, 0] *= BODY_NOISE
    parts += (noise + scale * PART_SCALING) * shown
    lost = rng.random((len(out), len(PART_LABELS))) < LOST_PART * (rng.random() < 0.5)
    lost |= rng.random(len(PART_LABELS)) < LOST_GROUP
    lost[:, 0] = False  # a vertebra without a body is none
    parts[lost] = 0
    rest = out[:, PART_FEATURES * len(PART_LABELS) :]
    rest[:, :2] *= np.exp(scale + strength * rng.normal(0, 0.01, (len(out), 2)))
    rest[:, 4:8] += strength * rng.normal(0, 0.03, (len(out), 4))
    # of the sacrum any part may be in view, or nothing
    rest[:, 11] = np.log1p(np.expm1(rest[:, 11]) * rng.uniform(0.03, 1)) * (rng.random() < 0.93)
    return out
