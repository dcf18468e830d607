"""Rows of a recipe that fit each other, and those that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from spineps_nipype.results.recipe import SCAN, Phase, Recipe
from spineps_nipype.sc_epi import recipe as sc_epi
from spineps_nipype.spine_segmentation import recipe as slices
from spineps_nipype.spineps.recipe import RECIPE as SPINEPS
from spineps_nipype.totalspineseg.recipe import kept_results, pictures
from spineps_nipype.totalspineseg.recipe import recipe as totalspineseg
from spineps_nipype.totalspineseg.settings import TotalSpineSegSettings

FIRST = Phase("first", makes=("a",), reads=(SCAN,))
SECOND = Phase("second", makes=("b", "c"), reads=(SCAN, "a"))
THIRD = Phase("third", makes=("d",), reads=("a",))


@pytest.mark.parametrize(
    ("phases", "more", "message"),
    [
        ((FIRST, FIRST), {}, "several of a phase: first"),
        ((FIRST, Phase("other", ("a",), (SCAN,))), {}, "several of a result: a"),
        ((Phase("one", (SCAN,), ()),), {}, "several of a result: scan"),
        ((Phase("one", (), (SCAN,)),), {}, "one makes nothing"),
        ((SECOND,), {}, "second reads a, which is unknown"),
        (
            (Phase("one", ("a",), ("b",)), Phase("two", ("b",), ("a",))),
            {},
            "a circle among the phases one, two",
        ),
        ((Phase("one", ("a",), ("a",)),), {}, "a circle among the phases one"),
        ((Phase("one", ("a",), (), replaced_by="mask"),), {}, "one is replaced by mask"),
        ((Phase("one", ("a",), (), takes=("mask",)),), {}, "one is corrected by mask"),
        ((Phase("one", ("a",), (), override="again"),), {}, "one is overridden by again"),
        ((Phase("one", ("a",), (), undescribed=frozenset("b")),), {}, "one does not describe b"),
        ((FIRST,), {"finished": frozenset("z")}, "a finished scan has z"),
        ((FIRST,), {"copies": {"z": "a"}}, "the copies name z"),
        (
            (FIRST, Phase("two", ("b",), ("x",)), Phase("x", ("c",), (), sometimes=("x",))),
            {},
            "two reads x, which is unknown",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    phases: tuple[Phase, ...], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe("test", phases, **more)


def test_what_comes_before_what_follows_from_the_reads() -> None:
    recipe = Recipe("test", (THIRD, SECOND, FIRST))
    assert [phase.name for phase in recipe.order] == ["first", "third", "second"]
    assert [phase.name for phase in recipe.upstream("third")] == ["first", "third"]
    assert recipe.maker("c") == SECOND
    assert recipe.wanted == {"a", "b", "c", "d"}
    with pytest.raises(KeyError, match="no phase 'fourth'"):
        recipe["fourth"]


def test_an_override_that_no_phase_names_is_for_all() -> None:
    own = Phase("own", ("e",), ("a",), override="again_own")
    recipe = Recipe("test", (FIRST, own), overrides={"again": "all", "again_own": "one"})
    assert recipe.forced(()) == {}
    assert recipe.forced({"again_own"}) == {"own": "again_own"}
    assert recipe.forced({"again"}) == {"first": "again", "own": "again"}
    assert recipe.forced({"again", "again_own", "another"}) == {
        "first": "again",
        "own": "again_own",
    }


def test_spineps_has_six_phases() -> None:
    assert [phase.name for phase in SPINEPS.order] == [
        *("semantic", "instance", "final", "poi", "snapshot", "metrics"),
    ]
    assert [phase.name for phase in SPINEPS.upstream("metrics")] == [
        *("semantic", "instance", "final", "metrics"),
    ]


@pytest.mark.parametrize(
    ("settings", "phases"),
    [
        ({}, "images network1 step1 network2 step2 previews"),
        ({"step1": True}, "images network1 step1 previews"),
        ({"keep_only": "step2_output"}, "images network1 step1 network2 step2"),
        ({"keep_only": "step1_cord,preview"}, "images network1 step1 previews"),
    ],
)
def test_phases_of_totalspineseg(settings: dict[str, Any], phases: str) -> None:
    chosen = TotalSpineSegSettings(**settings)
    recipe = totalspineseg(chosen)
    assert [phase.name for phase in recipe.order] == phases.split()
    assert recipe.wanted <= kept_results(chosen)
    kept = chosen.kept()
    assert ("preview_input" in kept_results(chosen)) == ("preview" in kept)
    assert (
        {"step2_input", "step2_output"} <= set(recipe.results)
        or chosen.step1
        or ("step2_output" not in kept)
    )
    assert len(pictures(chosen)) == (11 if chosen.runs_step2 else 7)


def test_a_model_with_several_classes_has_no_mask_to_correct() -> None:
    assert sc_epi.recipe(["_seg"]).corrections == {"mask_seg": "corrected mask"}
    several = sc_epi.recipe(["_lesion_seg", "_sc_seg"])
    assert several.phases[0].makes == ("mask_lesion_seg", "mask_sc_seg")
    assert not several.corrections


def test_two_classes_have_no_names() -> None:
    from spineps_nipype.spine_segmentation.settings import SpineSegmentationSettings

    whole = slices.recipe(SpineSegmentationSettings())
    assert whole.results == ("semantic", "instances", "names", "vertebrae")
    assert whole.phases[0].models == ("semantic", "instance", "form")
    two = slices.recipe(SpineSegmentationSettings(only_2class=True))
    assert two.results == ("semantic",)
    assert two.phases[0].models == ("semantic",)
