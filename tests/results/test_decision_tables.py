"""The decision table of every recipe beside that of SPINEPS: what is lost or asked, what runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.results.comparison_recipe import RECIPE as COMPARISON
from spineps_nipype.results.plan import ScanPlan, plan_scan
from spineps_nipype.results.recipe import SCAN, Recipe
from spineps_nipype.results.record import Provenance
from spineps_nipype.sc_epi import recipe as sc_epi
from spineps_nipype.sc_epi.settings import EpiSegSettings
from spineps_nipype.spine_segmentation import recipe as slices
from spineps_nipype.spine_segmentation.settings import NamingSettings, SpineSegmentationSettings
from spineps_nipype.totalspineseg import recipe as totalspineseg
from spineps_nipype.totalspineseg.folders import result_paths
from spineps_nipype.totalspineseg.settings import TotalSpineSegSettings

from ..workflows.scan_files import Package
from .stored_results import store, write_result

TSS = TotalSpineSegSettings()
STEPS = {"step1": Package("one", "a" * 64), "step2": Package("two", "b" * 64)}
CORD = {"cord": Package("epi", "c" * 64)}
ONNX = {k: Package(k, k[0] * 64) for k in ("semantic", "instance", "form")}


def tss(settings: TotalSpineSegSettings = TSS, localizer: str = "none") -> Provenance:
    recorded = totalspineseg.recorded_settings(settings, localizer, localizer != "none")
    return Provenance(totalspineseg.recipe(settings), recorded, STEPS)


def epi(settings: EpiSegSettings = EpiSegSettings()) -> Provenance:  # noqa: B008
    recorded = sc_epi.recorded_settings(settings, "none", True)
    return Provenance(sc_epi.recipe(["_seg"]), recorded, CORD)


def onnx(settings: SpineSegmentationSettings = SpineSegmentationSettings()) -> Provenance:  # noqa: B008
    return Provenance(slices.recipe(settings), slices.recorded_settings(settings), ONNX)


def named(recipe: Recipe, folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.nii.gz" for name in (*recipe.inputs, *recipe.results)}


@dataclass(frozen=True)
class Lab:
    """Stored results of one scan.

    Parameters
    ----------
    provenance
        How they were made.
    files
        The inputs, and where they are.
    """

    provenance: Provenance
    files: Mapping[str, Path]

    def plan(self, provenance: Provenance | None = None, **options: Any) -> ScanPlan:
        return plan_scan(provenance or self.provenance, self.files, **options)


@pytest.fixture
def lab(tmp_path: Path) -> Callable[[Provenance], Lab]:
    """Results of a run that was finished."""

    def made(provenance: Provenance) -> Lab:
        files = named(provenance.recipe, tmp_path)
        if provenance.recipe.system == "totalspineseg":
            files |= result_paths(tmp_path, "sub-x_T2w")
            files.pop("localizers")
            files.pop("preview_loc")
            files.pop("preview_loc_tags")
        for name in provenance.recipe.inputs:
            files[name].write_text(name)
        store(provenance, files)
        for phase in provenance.recipe.phases:
            for extra in (n for n in phase.extras if n in files):
                write_result(files[extra], "a picture")
        lab = Lab(provenance, files)
        assert lab.plan().all_done, list(lab.plan())
        return lab

    return made


def letters(plan: ScanPlan) -> str:
    """First letters of what happens to the phases: r(un), c(heck) or s(tored)."""
    return "".join(step.action[0] for step in plan)


def why(plan: ScanPlan, phase: str) -> str:
    return next(step.why for step in plan if step.phase == phase)


# images network1 step1 network2 step2 previews
@pytest.mark.parametrize(
    ("lost", "overrides", "expected"),
    [
        pytest.param("", (), "ssssss", id="complete"),
        pytest.param("input", (), "rrrcrr", id="image at 1 mm lost"),
        pytest.param("step1_raw", (), "srrcrr", id="network of step 1 lost"),
        pytest.param("step1_raw_cord", (), "srrcrr", id="probability lost"),
        pytest.param("step1_output", (), "ssrcrr", id="label map of step 1 lost"),
        pytest.param("step1_levels", (), "ssrcrr", id="levels lost"),
        pytest.param("step2_input", (), "ssrcrr", id="second channel lost"),
        pytest.param("step2_raw", (), "sssrrr", id="network of step 2 lost"),
        pytest.param("step2_output", (), "ssssrr", id="label map of step 2 lost"),
        pytest.param("preview_step1_raw", (), "sssssr", id="a picture lost"),
        pytest.param("preview_step2_output_tags", (), "sssssr", id="the last picture lost"),
        pytest.param("", ("override_totalspineseg",), "rrrrrr", id="all again"),
        pytest.param("", ("override_totalspineseg_networks",), "srrrrr", id="networks again"),
        pytest.param("", ("override_totalspineseg_labels",), "ssrcrr", id="labels again"),
        pytest.param("", ("override_sc_epi",), "ssssss", id="another system again"),
    ],
)
@pytest.mark.parametrize("reuse", ["same", "any"])
def test_totalspineseg(
    lab: Callable[[Provenance], Lab],
    lost: str,
    overrides: tuple[str, ...],
    expected: str,
    reuse: Any,
) -> None:
    made = lab(tss())
    if lost:
        made.files[lost].unlink()
    plan = made.plan(overrides=overrides, reuse=reuse)
    assert letters(plan) == expected
    if expected[3] == "c":
        assert dict(plan.stored.unless_changed["network2"].files) == {
            "step2_raw": made.files["step2_raw"]
        }
    else:
        assert not plan.stored.unless_changed


@pytest.mark.parametrize(
    ("changed", "expected", "reason"),
    [
        ({"default_superior_disc": 92}, "ssrcrr", "default_superior_disc was 0, is 92"),
        ({"component_dilation": 2}, "ssrcrr", "component_dilation was 5, is 2"),
        ({"soft_dilation": 3}, "srrcrr", "soft_dilation was 1, is 3"),
        ({"crop_margin": 4}, "ssrcrr", "crop_margin was 10, is 4"),
        ({"iso": True}, "ssrcrr", "iso was False, is True"),
        ({"release": "r20260730"}, "srrrrr", "release was r20241115, is r20260730"),
        ({"numerics": "original"}, "rrrrrr", "numerics was corrected, is original"),
        ({"keep_only": "step2_output"}, "sssss", ""),
        ({"step1": True, "keep_only": "step1_output"}, "sss", ""),
    ],
)
def test_options_of_totalspineseg_run_what_depends_on_them(
    lab: Callable[[Provenance], Lab], changed: dict[str, Any], expected: str, reason: str
) -> None:
    made = lab(tss())
    plan = made.plan(tss(replace(TSS, **changed)))
    assert letters(plan) == expected
    if reason:
        first = next(step for step in plan if step.action == "run")
        assert reason in first.why
    assert made.plan(tss(replace(TSS, **changed)), reuse="any").all_done


@pytest.mark.parametrize(("step", "expected"), [("step1", "srrcrr"), ("step2", "sssrrr")])
def test_another_network_of_totalspineseg(
    lab: Callable[[Provenance], Lab], step: str, expected: str
) -> None:
    made = lab(tss())
    other = replace(made.provenance, models={**STEPS, step: Package("new", "d" * 64)})
    plan = made.plan(other)
    assert letters(plan) == expected
    assert f"{step} model was" in next(s.why for s in plan if s.action == "run")


def test_a_localizer_of_totalspineseg_is_a_setting_of_its_rules(
    lab: Callable[[Provenance], Lab],
) -> None:
    made = lab(tss())
    assert letters(made.plan(tss(localizer="e" * 64))) == "ssrcrr"


@pytest.mark.parametrize(
    ("kind", "expected"), [("step1_output", "ssrcrr"), ("step2_output", "ssssrr")]
)
def test_a_corrected_label_map_of_totalspineseg(
    lab: Callable[[Provenance], Lab], kind: str, expected: str
) -> None:
    made = lab(tss())
    corrected = replace(made.provenance, corrections={kind: "f" * 64})
    plan = made.plan(corrected)
    assert letters(plan) == expected
    first = next(step for step in plan if step.action == "run")
    assert f"made without a {totalspineseg.CORRECTIONS[kind]}" in first.why
    record = corrected.record("step2")
    assert record["Corrections"] == {kind: "f" * 64}
    assert set(record["Models"]) == {"step1", "step2"}
    store(corrected, made.files, dict.fromkeys(plan.running, "corrected"))
    assert made.plan(corrected).all_done
    assert not made.plan().all_done, "without the correction the results are made again"


@pytest.mark.parametrize(
    ("make", "result", "override"),
    [
        (epi, "mask_seg", "override_sc_epi"),
        (onnx, "semantic", "override_spine_segmentation"),
        (onnx, "instances", "override_spine_segmentation"),
        (lambda: Provenance(COMPARISON, {}, {}), "summary", "override_consensus"),
        (lambda: Provenance(COMPARISON, {}, {}), "names", "override_consensus"),
    ],
)
@pytest.mark.parametrize("reuse", ["same", "any"])
def test_systems_of_one_phase(
    lab: Callable[[Provenance], Lab],
    make: Callable[[], Provenance],
    result: str,
    override: str,
    reuse: Any,
) -> None:
    made = lab(make())
    (phase,) = made.provenance.recipe.phases
    assert letters(made.plan(reuse=reuse)) == "s"
    assert why(made.plan(overrides=(override,), reuse=reuse), phase.name) == f"{override} is set"
    assert letters(made.plan(overrides=("override_semantic",), reuse=reuse)) == "s"
    made.files[result].unlink()
    assert why(made.plan(reuse=reuse), phase.name) == f"not stored yet: {result}.nii.gz"


@pytest.mark.parametrize(
    ("make", "changed", "reason"),
    [
        (epi, {"tta": True}, "tta was False, is True"),
        (epi, {"on_4d": "each"}, "on_4d was error, is each"),
        (
            onnx,
            {"naming": NamingSettings(naming="shift")},
            "naming.naming was sequence, is shift",
        ),
        (onnx, {"numerics": "original"}, "numerics was corrected, is original"),
    ],
)
def test_other_settings_name_the_setting(
    lab: Callable[[Provenance], Lab],
    make: Callable[..., Provenance],
    changed: dict[str, Any],
    reason: str,
) -> None:
    made = lab(make())
    settings = EpiSegSettings() if make is epi else SpineSegmentationSettings()
    (step,) = made.plan(make(replace(settings, **changed)))
    assert reason in step.why


@pytest.mark.parametrize("kind", ["semantic", "instance", "form"])
def test_every_network_of_spine_segmentation_counts(
    lab: Callable[[Provenance], Lab], kind: str
) -> None:
    made = lab(onnx())
    newer = {**ONNX, kind: Package("newer", "9" * 64)}
    (step,) = made.plan(replace(made.provenance, models=newer))
    assert f"{kind} model was {kind} ({kind[0] * 8}), is newer (99999999)" in step.why
    without = {name: package for name, package in ONNX.items() if name != kind}
    (step,) = made.plan(replace(made.provenance, models=without))
    assert f"{kind} model was {kind} ({kind[0] * 8}), is none" in step.why


@pytest.mark.parametrize(
    ("make", "kind"), [(epi, "mask_seg"), (onnx, "semantic"), (onnx, "instance")]
)
def test_corrected_masks_of_systems_of_one_phase(
    lab: Callable[[Provenance], Lab], make: Callable[[], Provenance], kind: str
) -> None:
    made = lab(make())
    corrected = replace(made.provenance, corrections={kind: "f" * 64})
    (step,) = made.plan(corrected)
    assert f"made without a {made.provenance.recipe.corrections[kind]}" in step.why
    store(corrected, made.files)
    assert made.plan(corrected).all_done
    (step,) = made.plan()
    assert f"made with a {made.provenance.recipe.corrections[kind]}" in step.why


def test_a_comparison_is_made_of_the_systems_that_there_are(
    lab: Callable[[Provenance], Lab],
) -> None:
    made = lab(Provenance(COMPARISON, {}, {}))
    made.files["totalspineseg"].write_text("another result")
    assert why(made.plan(), "compare").endswith("made from another label map of TotalSpineSeg")
    made.files["totalspineseg"].unlink()
    assert why(made.plan(), "compare").endswith("made with label map of TotalSpineSeg")
    store(made.provenance, made.files)
    assert made.plan().all_done
    made.files["totalspineseg"].write_text("it is back")
    assert why(made.plan(), "compare").endswith("made without label map of TotalSpineSeg")


def test_the_scan_is_an_input_of_every_phase() -> None:
    for recipe in (tss().recipe, epi().recipe, onnx().recipe, COMPARISON):
        assert all(SCAN in phase.reads for phase in recipe.phases)
