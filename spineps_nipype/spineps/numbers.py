"""Vertebra numbers: their order from cranial to caudal, and the neighbours of a vertebra."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import C1, L1, L6, SACRUM, T12, T13, USUAL

LAST_PRESACRAL: Final = L6
SPARE_NUMBERS: Final = range(34, 80)
"""Numbers that no structure has, for vertebrae after the 25th and for those without a name."""
ORDER: Final[tuple[int, ...]] = (
    *range(C1, T12 + 1),
    T13,
    *range(L1, L6 + 1),
    *SPARE_NUMBERS,
    SACRUM,
    *range(29, 34),
    27,
)
"""All numbers below 80 from cranial to caudal."""
_RANK: Final = {number: rank for rank, number in enumerate(ORDER)}
_NEVER_VERTEBRA: Final = frozenset({SACRUM, 27, *range(29, 34)})


def is_vertebra(number: int) -> bool:
    """Whether a number of the vertebra mask stands for a presacral vertebra."""
    return number in _RANK and number not in _NEVER_VERTEBRA


def vertebrae_alone(labels: NDArray[Any]) -> NDArray[Any]:
    """A vertebra mask without sacrum, discs and endplates: 0 where they are."""
    kept = [n for n in np.unique(labels) if n < SACRUM or is_vertebra(int(n))]
    return np.where(np.isin(labels, kept), labels, 0)


def in_order(numbers: Iterable[int]) -> list[int]:
    """Sort numbers from cranial to caudal, without those that are not in `ORDER`."""
    return sorted((n for n in numbers if n in _RANK), key=_RANK.__getitem__)


def rank(number: int) -> int:
    """Position of a number in `ORDER`, from cranial to caudal."""
    return _RANK[number]


def number_above(number: int) -> int | None:
    """Number of the vertebra above, in a spine without a transitional one; None above C1."""
    before = [n for n in USUAL if _RANK[n] < _RANK[number]]
    return before[-1] if before else None


def number_below(number: int) -> int | None:
    """Number of the vertebra below, in a spine without a transitional one; None below L5."""
    after = [n for n in USUAL if _RANK[n] > _RANK[number]]
    return after[0] if after else None
