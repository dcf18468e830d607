"""After a run in which one write, rename, sync, lock or start failed, the next ends as usual.

A call site is a write, rename, sync or lock with the calls that lead there. ``SPINEPS_FAULTS=all``
lets each fail in each way, those that several systems share in the first of them, and is for a
nightly job. ``SPINEPS_FAULTS=every`` tells them apart by system and by node as well: hours.
``SPINEPS_FAULTS=N`` tries N of these in each system; by default one.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .injection import FAULTS, OPERATIONS, Fault, Site
from .labs import PATIENCE, SYSTEMS, TRACEBACK, Lab, Tried

ASKED = os.environ.get("SPINEPS_FAULTS", "1")
WANTED = int(ASKED) if ASKED.isdecimal() else None
SHARE = 0.618034
"""Golden ratio: multiples of it, modulo 1, spread evenly over a run."""


class Undisturbed:
    """A system with the results of a run in which nothing failed, and its call sites."""

    def __init__(self, root: Path, system: str) -> None:
        self.lab = Lab(root, system)
        met: dict[Site, None] = {}
        assert self.lab.run_here(lambda site: met.setdefault(site)) == 0
        self.sites, self.results = list(met), self.lab.results()
        assert self.results
        self.lab.clear()

    def faults(self, known: set[object]) -> list[Fault]:
        """All faults in the order of the run; starts of processes have a test of their own.

        Parameters
        ----------
        known
            Call sites that are left out; those that are not are added.
        """
        sites = []
        for site in self.sites:
            name = site if ASKED != "all" else (site.operation, site.calls)
            if site.operation != "process" and name not in known:
                sites.append(site)
                known.add(name)
        return [Fault(site, how) for site in sites for how in FAULTS]

    def fault_of(self, tried: Tried) -> str:
        """What is wrong after a fault; empty if nothing is."""
        found = tried.results
        names = sorted({*found, *self.results})
        differ = [name for name in names if found.get(name) != self.results.get(name)]
        if tried.hurt == TRACEBACK:
            return f"{tried.fault}: a traceback\n{tried.said}"
        if tried.hurt == -int(PATIENCE):
            return f"{tried.fault}: it hangs\n{tried.said}"
        if tried.after or differ:
            return f"{tried.fault} (ended with {tried.hurt}): {tried.after}, {differ}"
        return ""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Undisturbed]:
    made: dict[str, Undisturbed] = {}

    def get(system: str) -> Undisturbed:
        if system not in made:
            made[system] = Undisturbed(tmp_path_factory.mktemp(system) / "lab", system)
        return made[system]

    return get


@pytest.fixture(scope="module")
def known() -> set[object]:
    """Call sites that an earlier test has tried."""
    return set()


def spread(faults: Sequence[Fault], wanted: int | None) -> list[Fault]:
    """All faults, or some that are spread over the run and the ways to fail."""
    if wanted is None or wanted >= len(faults):
        return list(faults)
    places = sorted(int(len(faults) * (SHARE * i % 1)) for i in range(1, wanted + 1))
    return [faults[place] for place in places]


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_run_mends_what_a_fault_left(
    undisturbed: Callable[[str], Undisturbed], known: set[object], system: str
) -> None:
    whole = undisturbed(system)
    operations = {site.operation for site in whole.sites}
    assert operations >= set(OPERATIONS) - {"process"}
    chosen = spread(whole.faults(known), WANTED)
    tried = list(whole.lab.walk(chosen))
    states = len({one.left for one in tried})
    print(f"{system}: {len(whole.sites)} call sites, {len(tried)} faults, {states} states")
    assert len(tried) == len(chosen), "a site was not met"
    wrong = [words for one in tried if (words := whole.fault_of(one))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.skipif(WANTED is not None, reason="for a nightly job: make faults")
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_run_mends_what_a_lost_process_left(
    undisturbed: Callable[[str], Undisturbed], system: str
) -> None:
    """The process of a node does not start, or the run is killed then."""
    whole = undisturbed(system)
    tried = [
        _lose_process(whole.lab, number, how) for number in _starts(whole.lab) for how in FAULTS
    ]
    assert all(one.hurt for one in tried), "the process was not started"
    wrong = [words for one in tried if (words := whole.fault_of(one))]
    assert not wrong, "\n".join(wrong)


def _starts(lab: Lab) -> list[int]:
    """Numbers of the first two starts of processes and of the last; a node has one of its own."""
    readable, writable = os.pipe()  # the run is a fork of this process

    def meet(site: Site) -> None:
        if site.operation == "process":
            os.write(writable, b".")

    lab.clear()
    assert lab.run(meet, plugin="MultiProc") == 0
    os.write(writable, b"\n")
    count = len(os.read(readable, 4096)) - 1
    os.close(readable)
    os.close(writable)
    assert count, "no process was started"
    return sorted({0, min(1, count - 1), count - 1})


def _lose_process(lab: Lab, number: int, how: str) -> Tried:
    met = itertools.count()

    def meet(site: Site) -> str | None:
        return how if site.operation == "process" and next(met) == number else None

    lab.clear()
    hurt = lab.run(meet, plugin="MultiProc")
    said, left = lab.log(), lab.state()
    fault = Fault(Site("process", "", ()), how, number)
    return Tried(fault, hurt, said, left, lab.run(), lab.results())
