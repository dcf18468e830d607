"""After a run in which one write, rename, sync, lock or start failed, the next ends as usual.

``SPINEPS_FAULTS=N`` tries N faults of each system, ``SPINEPS_FAULTS=all`` every one of them, which
takes hours and is for a nightly job; by default a few of the quickest system are tried.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .injection import FAULTS, OPERATIONS, Fault
from .labs import SYSTEMS, Lab

ASKED = os.environ.get("SPINEPS_FAULTS", "")
FEW = {"sc-epi": 3}
SHARE = 0.618034
"""Golden ratio: multiples of it, modulo 1, spread evenly over a run."""


class Undisturbed:
    """A system with the results of a run in which nothing failed."""

    def __init__(self, root: Path, system: str) -> None:
        self.lab = Lab(root, system)
        first = self.lab.run()
        assert first.status == 0, (root / "log.txt").read_text()
        self.counts, self.results = first.counts, self.lab.results()
        assert self.results

    def faults(self, wanted: int | None) -> list[Fault]:
        """All faults, or some that are spread over operations, times and ways to fail."""
        every = [
            Fault(operation, number, how)
            for operation in OPERATIONS
            for number in range(self.counts.get(operation, 0))
            for how in FAULTS
        ]
        if wanted is None or wanted >= len(every):
            return every
        return [every[int(len(every) * (SHARE * i % 1))] for i in range(wanted)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Undisturbed]:
    made: dict[str, Undisturbed] = {}

    def get(system: str) -> Undisturbed:
        if system not in made:
            made[system] = Undisturbed(tmp_path_factory.mktemp(system) / "lab", system)
        return made[system]

    return get


def _systems() -> Iterator[tuple[str, int | None]]:
    if not ASKED:
        yield from FEW.items()
    else:
        for system in SYSTEMS:
            yield system, None if ASKED == "all" else int(ASKED)


@pytest.mark.slow
@pytest.mark.parametrize(("system", "wanted"), list(_systems()))
def test_a_second_run_mends_what_a_fault_left(
    undisturbed: Callable[[str], Undisturbed], system: str, wanted: int | None
) -> None:
    whole = undisturbed(system)
    assert whole.counts["write"] > 20
    assert whole.counts["rename"] > 10
    assert whole.counts["fsync"] > 10
    told = []
    for fault in whole.faults(wanted):
        whole.lab.clear()
        hurt = whole.lab.run(fault)
        assert hurt.status != 70, f"{fault}: a traceback\n{whole.lab.log()}"
        after = whole.lab.run()
        found = whole.lab.results()
        differ = sorted(
            name for name in {*found, *whole.results} if found.get(name) != whole.results.get(name)
        )
        if after.status != 0 or differ:
            told.append(f"{fault} (ended with {hurt.status}): {after.status}, {differ}")
    assert not told, "\n".join(told)
