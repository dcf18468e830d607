"""All systems of the golden table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import dropin_cases, epi_cases, slices_cases, spineps_cases, tss_cases
from .lab import Lab
from .record import Case, Record, run_case


@dataclass(frozen=True)
class System:
    """A table: where its cases run, and the cases; the first one starts from nothing.

    Parameters
    ----------
    of
        System with files like these, whose table tells what they hold.
    """

    make_lab: Callable[[Path], Lab]
    cases: Sequence[Case]
    of: str = ""


SYSTEMS: Final = {
    "spineps": System(spineps_cases.make_lab, spineps_cases.CASES),
    "totalspineseg": System(tss_cases.make_lab, tss_cases.CASES),
    "sc-epi": System(epi_cases.make_lab, epi_cases.CASES),
    "spine-segmentation": System(slices_cases.make_slices_lab, slices_cases.SLICES),
    "comparison": System(slices_cases.make_both_lab, slices_cases.COMPARISON),
    "dropin": System(dropin_cases.make_lab, dropin_cases.CASES, "spineps"),
}


class Runner:
    """Runs cases of one system, each case that others start with once."""

    def __init__(self, name: str, root: Path) -> None:
        self._system = SYSTEMS[name]
        self.lab = self._system.make_lab(root)
        self._starts = {case.start for case in self._system.cases if case.start}
        self._cases = {case.name: case for case in self._system.cases}
        self._done: dict[str, Record] = {}

    def __call__(self, name: str) -> Record:
        """What a case did."""
        if name in self._done:
            return self._done[name]
        case = self._cases[name]
        if case.start:
            self(case.start)
        record = run_case(self.lab, case)
        if name in self._starts:
            self.lab.save(name)
            self._done[name] = record
        return record
