"""Lengths as data: sums of shares of a vertebra's measures, written as they are read.

``BACK + 6.5`` is 6.5 mm behind the canal, ``3.0 * SIZE`` is 3 mm in a person of mean size, and
``-0.12 * HEIGHT`` lies above the middle of the body by 12 % of its height. Such a length is a
value of its own; `Length.at` says how many mm it is in one vertebra.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Measures = Mapping[str, float]
"""Values (mm, `size` a plain factor) of one vertebra's measures, by name."""


@dataclass(frozen=True)
class Length:
    """Sum of terms, each a factor and what it multiplies: a measure, or a length of its own.

    Terms are added from left to right and a bracket stays a bracket, as in Python, so that a
    length rounds as the formula it is written as.
    """

    terms: tuple[tuple[float, str | Length], ...]

    def at(self, measures: Measures) -> float:
        """Value in mm.

        Raises
        ------
        KeyError
            For a measure that this vertebra does not have.
        """
        total = 0.0
        for factor, of in self.terms:
            total += factor * (of.at(measures) if isinstance(of, Length) else measures[of])
        return total

    def __add__(self, other: Length | float) -> Length:
        term = as_length(other)
        return Length((*self.terms, *(term.terms if len(term.terms) == 1 else ((1.0, term),))))

    def __radd__(self, other: float) -> Length:
        return as_length(other) + self

    def __neg__(self) -> Length:
        return Length(tuple((-factor, of) for factor, of in self.terms))

    def __sub__(self, other: Length | float) -> Length:
        return self + -as_length(other)

    def __mul__(self, factor: float) -> Length:
        if len(self.terms) == 1:
            (own, of), *_ = self.terms
            if own == 1.0:
                return Length(((factor, of),))
        return Length(((factor, self),))

    __rmul__ = __mul__


def measure(name: str) -> Length:
    """The measure of that name, as a length."""
    return Length(((1.0, name),))


MM: Final = measure("mm")
"""One millimetre: what a plain number in a formula counts."""
SIZE: Final = measure("size")
"""One millimetre in a person of mean size: it grows with `SpinePlan.size`."""
HEIGHT: Final = measure("height")
"""Of the body."""
DEPTH: Final = measure("depth")
"""Of the body, front to back."""
WIDTH: Final = measure("width")
"""Of the body."""
CANAL: Final = measure("canal")
"""From the body's centre back to the centre of the canal."""
BACK: Final = measure("back")
"""From the body's centre back to the rear wall of the canal."""
SIDE: Final = measure("side")
"""Half width of the canal."""
PEDICLE: Final = measure("pedicle")
"""Half width of the pedicle."""
NEXT: Final = measure("next")
"""From the body's centre down to the upper surface of the next body."""


def as_length(value: Length | float) -> Length:
    """A length; plain numbers are mm."""
    return value if isinstance(value, Length) else Length(((float(value), "mm"),))
