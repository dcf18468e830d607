"""Plans of made-up recipes: what runs, that the order of rows says nothing, that runs end."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.results.plan import ScanPlan, plan_scan
from spineps_nipype.results.recipe import SCAN, Correctable, Phase, Recipe
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.sidecar import sidecar_of

from .stored_results import store, write_mask

State = Literal["stored", "lost", "differs", "corrected", "damaged"]
STATES: tuple[State, ...] = get_args(State)
SETTINGS = {"option": 1, "other": True}


@dataclass(frozen=True)
class Made:
    """A recipe, and what has happened to the results of an earlier run.

    Parameters
    ----------
    recipe
        Phases `p0`, `p1`, ... in any order.
    states
        What became of the results of each phase.
    forced
        Phases that are overridden.
    """

    recipe: Recipe
    states: Mapping[str, State]
    forced: frozenset[str]


@st.composite
def made(draw: st.DrawFn) -> Made:
    """A recipe of up to six phases, each of which reads the scan or results of earlier ones."""
    phases: list[Phase] = []
    known = [SCAN]
    for number in range(draw(st.integers(1, 6))):
        name = f"p{number}"
        results = tuple(f"{name}_{i}" for i in range(draw(st.integers(1, 2))))
        reads = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
        phases.append(
            Phase(
                name,
                makes=results,
                reads=tuple(reads),
                settings=tuple(draw(st.lists(st.sampled_from(list(SETTINGS)), unique=True))),
                override=f"override_{name}",
                correctable={results[-1]: Correctable(grid="")},
            )
        )
        known += results
    states = {phase.name: draw(st.sampled_from(STATES)) for phase in phases}
    forced = draw(st.frozensets(st.sampled_from(list(states))))
    draw(st.randoms()).shuffle(phases)
    return Made(recipe_of(phases), states, forced)


def recipe_of(phases: list[Phase]) -> Recipe:
    return Recipe(
        "made up", tuple(phases), overrides=dict.fromkeys(f"override_p{i}" for i in range(6))
    )


def files_of(recipe: Recipe, folder: Path) -> dict[str, Path]:
    scan = folder / "scan.nii.gz"
    scan.write_text("scan")
    return {SCAN: scan, **{name: folder / f"{name}.nii.gz" for name in recipe.results}}


def spoil(made: Made, files: Mapping[str, Path]) -> None:
    """Change stored results as the states say."""
    for phase in made.recipe.phases:
        path = files[phase.makes[-1]]
        state = made.states[phase.name]
        if state == "lost":
            path.unlink()
        elif state == "corrected":
            write_mask(path)
        elif state == "damaged":
            path.write_text("damaged")
        elif state == "differs":
            content = json.loads(sidecar_of(path).read_text())
            content["Provenance"]["Algorithm"][phase.name] = 0
            sidecar_of(path).write_text(json.dumps(content))


def plan(made: Made, files: Mapping[str, Path], overrides: frozenset[str]) -> ScanPlan:
    options = {f"override_{name}" for name in overrides}
    return plan_scan(Provenance(made.recipe, SETTINGS, {}), files, overrides=options)


def expected(made: Made) -> set[str]:
    """Phases that run, in other words: by following the files from phase to phase."""
    runs: set[str] = set()
    for phase in made.recipe.order:
        own = (
            made.states[phase.name] in ("lost", "differs", "damaged") or phase.name in made.forced
        )
        from_others = False
        for read in (r for r in phase.reads if r != SCAN):
            maker = made.recipe.maker(read)
            corrected = made.states[maker.name] == "corrected" and read == maker.makes[-1]
            from_others |= maker.name in runs or corrected
        if own or from_others:
            runs.add(phase.name)
    return runs


@settings(deadline=None)
@given(made())
def test_a_phase_runs_if_it_or_what_it_reads_runs_is_lost_differs_or_is_forced(made: Made) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = files_of(made.recipe, Path(folder))
        store(Provenance(made.recipe, SETTINGS, {}), files)
        assert plan(made, files, frozenset()).all_done
        spoil(made, files)
        found = plan(made, files, made.forced)
        assert found.running == expected(made)
        assert found.all_done == (not found.running)
        kept = {r for p in made.recipe.phases if p.name not in found.running for r in p.makes}
        assert dict(found.stored.files) == {name: files[name] for name in kept}
        assert plan(made, files, made.forced) == found, "planning changes nothing"


@settings(deadline=None)
@given(made(), st.randoms())
def test_the_order_of_the_rows_says_nothing(made: Made, order: random.Random) -> None:
    rows = list(made.recipe.phases)
    order.shuffle(rows)
    other = Made(recipe_of(rows), made.states, made.forced)
    with tempfile.TemporaryDirectory() as folder:
        files = files_of(made.recipe, Path(folder))
        store(Provenance(made.recipe, SETTINGS, {}), files)
        spoil(made, files)
        first, second = (plan(one, files, made.forced) for one in (made, other))
        assert {s.phase: s.action for s in first} == {s.phase: s.action for s in second}
        assert first.stored == second.stored
        for recipe in (made.recipe, other.recipe):
            for phase in recipe.phases:
                upstream = [p.name for p in recipe.upstream(phase.name)]
                assert set(upstream) == {p.name for p in made.recipe.upstream(phase.name)}
                assert upstream[-1] == phase.name


@settings(deadline=None)
@given(made(), st.booleans())
def test_after_a_run_everything_is_stored(made: Made, same: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = files_of(made.recipe, Path(folder))
        provenance = Provenance(made.recipe, SETTINGS, {})
        store(provenance, files)
        spoil(made, files)
        running = plan(made, files, made.forced).running
        store(provenance, files, dict.fromkeys(running, "" if same else "new"))
        after = plan(made, files, frozenset())
        assert after.all_done, list(after)
        assert set(after.stored.files) == set(made.recipe.results)
