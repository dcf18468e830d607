"""Every output file of every system, held against the stored table.

``python -m tests.golden_outputs.make`` writes the table anew; see CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import algorithms, table
from .tables_of import SYSTEMS, Runner

CASES = [(name, case.name) for name, system in SYSTEMS.items() for case in system.cases]


@pytest.fixture(scope="module")
def runner_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Runner]:
    """Runner of a system; what it has made is kept for the next case."""
    runners: dict[str, Runner] = {}

    def runner(system: str) -> Runner:
        if system not in runners:
            runners[system] = Runner(system, tmp_path_factory.mktemp(system) / "lab")
        return runners[system]

    return runner


@pytest.mark.parametrize(("system", "case"), CASES, ids=["/".join(pair) for pair in CASES])
def test_outputs_are_as_stored(system: str, case: str, runner_of: Callable[[str], Runner]) -> None:
    stored = table.stored_records(system, SYSTEMS[system].of)
    found = runner_of(system)(case)
    told = list(table.differences(stored[case], found))
    assert not told, "\n".join([f"{system}, case {case}:", *told])


@pytest.mark.parametrize("system", algorithms.SYSTEMS)
def test_results_change_only_with_the_number_of_their_phase(
    system: str, runner_of: Callable[[str], Runner]
) -> None:
    runner = runner_of(system)
    made = algorithms.made_by(system, runner(SYSTEMS[system].cases[0].name), runner.lab)
    told = list(algorithms.unnumbered(system, made))
    assert not told, "\n".join([f"{system}:", *told])


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_table_holds_all_cases(system: str) -> None:
    assert list(table.read(system)) == [c.name for c in SYSTEMS[system].cases]
