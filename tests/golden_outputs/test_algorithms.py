"""A phase that makes other results without another number is found, and told by its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spineps_nipype.results.recipe import Recipe

from . import algorithms

SYSTEM = "sc-epi"
(PHASE,) = algorithms.SYSTEMS[SYSTEM].recipe.phases
BEFORE = {"mask_seg": {"labels": "0:10 1:2", "least mean most std": "0.0 0.5 1.0 0.25"}}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that knows what the number in force makes."""
    table = {SYSTEM: {PHASE.name: {str(PHASE.algorithm): BEFORE}}}
    monkeypatch.setattr(algorithms, "stored", lambda: table)


def told(made: Any) -> list[str]:
    return list(algorithms.unnumbered(SYSTEM, {PHASE.name: made}))


@pytest.mark.usefixtures("known")
def test_the_same_results_and_rounding_are_no_change() -> None:
    assert told(BEFORE) == []
    assert (
        told({"mask_seg": {**BEFORE["mask_seg"], "least mean most std": "0.0 0.5001 1.0 0.25"}})
        == []
    )


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "made",
    [
        {"mask_seg": {**BEFORE["mask_seg"], "labels": "0:9 1:3"}},
        {"mask_seg": {**BEFORE["mask_seg"], "least mean most std": "0.0 0.6 1.0 0.25"}},
        {},
        {**BEFORE, "another": {"line 0": "text"}},
    ],
)
def test_other_results_ask_for_the_next_number(made: Any) -> None:
    request, *changes = told(made)
    number = PHASE.algorithm + 1
    assert f"phase {PHASE.name} makes other results" in request
    assert f"`algorithm` in spineps_nipype/sc_epi/recipe.py to {number}" in request
    assert changes


@pytest.mark.usefixtures("known")
def test_a_raised_number_asks_for_its_results(monkeypatch: pytest.MonkeyPatch) -> None:
    numbered = algorithms.SYSTEMS[SYSTEM]
    raised = replace(PHASE, algorithm=PHASE.algorithm + 1)
    recipe = Recipe(
        SYSTEM, (raised,), overrides=numbered.recipe.overrides, corrections={"mask_seg": ""}
    )
    monkeypatch.setitem(algorithms.SYSTEMS, SYSTEM, replace(numbered, recipe=recipe))
    (request,) = told({"mask_seg": {"labels": "0:9 1:3"}})
    assert f"nothing is known of number {raised.algorithm}" in request


@pytest.mark.parametrize("system", algorithms.SYSTEMS)
def test_every_phase_is_in_the_table(system: str) -> None:
    table = algorithms.stored()[system]
    recipe = algorithms.SYSTEMS[system].recipe
    assert set(table) == {phase.name for phase in recipe.phases}
    for phase in recipe.phases:
        numbers = sorted(map(int, table[phase.name]))
        assert numbers[-1] == phase.algorithm, "the number in force is the highest one"
        for made in table[phase.name].values():
            assert set(phase.makes) <= set(made)
