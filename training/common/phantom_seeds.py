"""Seeds of phantoms: which are kept for evaluation, and which training draws."""

from __future__ import annotations

from typing import Final

import numpy as np

HELD_OUT_SEEDS: Final = range(1000)
"""Phantoms with these seeds are for evaluation only."""
SEED_LIMIT: Final = 2**31
"""Seeds of training phantoms stay below it."""


def phantom_seed(seed: int, group: int) -> int:
    """Seed of the training phantom of a group of samples; never a held-out one."""
    first = HELD_OUT_SEEDS.stop
    return first + int(np.random.default_rng((seed, group)).integers(0, SEED_LIMIT - first))


def require_held_out(seed: int) -> None:
    """Refuse to evaluate on a phantom that training may have seen.

    Raises
    ------
    ValueError
        If the seed is not held out.
    """
    if seed not in HELD_OUT_SEEDS:
        raise ValueError(f"phantom {seed} is not held out")
