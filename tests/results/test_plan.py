"""Which stored results are used, and what is said about those that are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.anatomy import CORPUS
from spineps_nipype.results.plan import ScanPlan, plan_after
from spineps_nipype.results.sidecar import sidecar_of
from spineps_nipype.spineps.recipe import provenance, result_files
from spineps_nipype.spineps.settings import (
    CentroidSettings,
    InstanceSettings,
    LabelingSettings,
    OverrideSettings,
    PipelineSettings,
    PreprocessSettings,
    SaveSettings,
)

from ..workflows.scan_files import MODELS, Package, output_paths, store_all
from ..workflows.scan_files import plan as plan_scan
from .stored_results import write_mask

PHASES = ("semantic", "instance", "final", "poi", "snapshot", "metrics")
SETTINGS = PipelineSettings()
RAW = ("out_spine_raw", "out_vert_raw")
ALL_KEYS = ("out_spine", "out_vert", "out_ctd", "out_snap", "out_snap2", "out_metrics", *RAW)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "sub-x_T2w.nii.gz"
    write_mask(path)
    return path


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return output_paths(tmp_path / "out")


def actions(plan: ScanPlan) -> str:
    """First letters of what happens to the five phases: r(un) or s(tored)."""
    return "".join(step.action[0] for step in plan if step.phase in PHASES)


def why(plan: ScanPlan, phase: str) -> str:
    return next(step.why for step in plan if step.phase == phase)


@pytest.mark.parametrize(
    ("absent", "override", "expected"),
    [
        pytest.param(ALL_KEYS, {}, "rrrrrr", id="nothing is stored"),
        pytest.param((), {}, "ssssss", id="complete"),
        pytest.param((), {"override_semantic": True}, "rrrrrr", id="semantic again"),
        pytest.param((), {"override_instance": True}, "srrrrr", id="instance again"),
        pytest.param(
            (), {"override_semantic": True, "override_instance": True}, "rrrrrr", id="both again"
        ),
        pytest.param((), {"override_postpair": True}, "ssrrrr", id="final masks again"),
        pytest.param((), {"override_ctd": True}, "sssrrs", id="centroids again"),
        pytest.param(RAW, {}, "ssssss", id="raw pair missing, finals complete"),
        pytest.param(RAW, {"override_postpair": True}, "rrrrrr", id="raw missing, finals again"),
        pytest.param(RAW, {"override_ctd": True}, "rrrrrr", id="raw missing, centroids again"),
        pytest.param(("out_snap",), {}, "ssssrs", id="only snapshot missing"),
        pytest.param(("out_ctd",), {}, "sssrrs", id="only centroids missing"),
        pytest.param(("out_vert",), {}, "ssrrrr", id="only vertebra mask missing"),
        pytest.param(("out_snap2",), {}, "ssssss", id="complete, copy missing"),
    ],
)
@pytest.mark.parametrize("reuse", ["same", "any"])
def test_decision_table(
    scan: Path,
    paths: dict[str, Path],
    absent: tuple[str, ...],
    override: dict[str, bool],
    expected: str,
    reuse: str,
) -> None:
    store_all(scan, paths, SETTINGS)
    for key in absent:
        paths[key].unlink()
    plan = plan_scan(
        scan,
        paths,
        settings=SETTINGS,
        models=MODELS,
        override=OverrideSettings(**override),
        reuse=reuse,  # type: ignore[arg-type]
    )
    assert actions(plan) == expected
    assert plan.all_done == (expected == "ssssss" and "out_snap2" not in absent)
    if absent == ("out_snap2",):
        assert plan.copies == ((paths["out_snap"], paths["out_snap2"]),)


def test_stored_files_enter_only_for_phases_that_do_not_run(
    scan: Path, paths: dict[str, Path]
) -> None:
    store_all(scan, paths, SETTINGS)
    paths["out_ctd"].unlink()
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert dict(plan.stored.files) == {
        "spine_raw": paths["out_spine_raw"],
        "vert_raw": paths["out_vert_raw"],
        "spine": paths["out_spine"],
        "vert": paths["out_vert"],
        "labels_table": paths["out_labels"],
        "metrics": paths["out_metrics"],
        "checks": paths["out_checks"],
        "evidence": paths["out_evidence"],
    }


@pytest.mark.parametrize(
    ("changed", "expected", "reason"),
    [
        pytest.param(
            {"preprocess": PreprocessSettings(proc_pad_size=8)},
            "rrrrrr",
            "preprocess.proc_pad_size was 4, is 8",
            id="pre-processing",
        ),
        pytest.param(
            {"instance": InstanceSettings(proc_inst_largest_k_cc=1)},
            "srrrrr",
            "instance.proc_inst_largest_k_cc was 0, is 1",
            id="instance",
        ),
        pytest.param(
            {"labeling": LabelingSettings(proc_lab_force_no_tl_anomaly=True)},
            "ssrrrr",
            "labeling.proc_lab_force_no_tl_anomaly was False, is True",
            id="labelling",
        ),
        pytest.param(
            {"centroid": CentroidSettings(poi_points="bodies")},
            "sssrrs",
            "centroid.poi_points was all, is bodies",
            id="centroids",
        ),
        pytest.param(
            {"numerics": "spineps-2.1.3"},
            "rrrrrr",
            "numerics was corrected, is spineps-2.1.3",
            id="numerics",
        ),
        pytest.param(
            {"instance": InstanceSettings(proc_inst_batch_size=1)}, "ssssss", "", id="speed only"
        ),
    ],
)
def test_other_settings_run_the_phase_and_name_the_setting(
    scan: Path, paths: dict[str, Path], changed: dict[str, object], expected: str, reason: str
) -> None:
    store_all(scan, paths, SETTINGS)
    plan = plan_scan(
        scan,
        paths,
        settings=replace(SETTINGS, **changed),  # type: ignore[arg-type]
        models=MODELS,
    )
    assert actions(plan) == expected
    if reason:
        assert reason in why(plan, PHASES[expected.index("r")])
    kept = plan_scan(
        scan,
        paths,
        settings=replace(SETTINGS, **changed),  # type: ignore[arg-type]
        models=MODELS,
        reuse="any",
    )
    assert kept.all_done


@pytest.mark.parametrize(
    ("kind", "expected"), [("semantic", "rrrrrr"), ("instance", "srrrrr"), ("labeling", "ssrrrr")]
)
def test_another_model_runs_its_phase(
    scan: Path, paths: dict[str, Path], kind: str, expected: str
) -> None:
    store_all(scan, paths, SETTINGS)
    models = {**MODELS, kind: Package("better", "d" * 64)}
    plan = plan_scan(scan, paths, settings=SETTINGS, models=models)
    assert actions(plan) == expected
    reason = why(plan, PHASES[expected.index("r")])
    old = MODELS[kind]
    assert old is not None
    assert f"{kind} model was {old.id} ({old.digest[:8]}), is better (dddddddd)" in reason


def test_going_without_labels_is_another_result(scan: Path, paths: dict[str, Path]) -> None:
    store_all(scan, paths, SETTINGS)
    plan = plan_scan(scan, paths, settings=SETTINGS, models={**MODELS, "labeling": None})
    assert actions(plan) == "ssrrrr"
    assert "is none" in why(plan, "final")


def test_same_model_in_another_folder_under_another_name_is_the_same(
    scan: Path, paths: dict[str, Path]
) -> None:
    store_all(scan, paths, SETTINGS)
    models = {**MODELS, "semantic": Package("renamed", "a" * 64, Path("elsewhere"))}
    assert plan_scan(scan, paths, settings=SETTINGS, models=models).all_done


def test_another_image_runs_everything(scan: Path, paths: dict[str, Path]) -> None:
    store_all(scan, paths, SETTINGS)
    scan.write_bytes(b"imagE")
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert actions(plan) == "rrrrrr"
    assert "made from another image" in why(plan, "semantic")


def test_a_corrected_mask_is_kept_and_what_depends_on_it_runs(
    scan: Path, paths: dict[str, Path]
) -> None:
    store_all(scan, paths, SETTINGS)
    write_mask(paths["out_spine_raw"], CORPUS)
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert actions(plan) == "srrrrr"
    assert "correction" in why(plan, "semantic")
    assert "made from another raw semantic mask" in why(plan, "instance")


def test_a_corrected_final_mask_gives_new_centroids(scan: Path, paths: dict[str, Path]) -> None:
    store_all(scan, paths, SETTINGS)
    write_mask(paths["out_vert"])
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert actions(plan) == "sssrrr"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("out_spine_raw", "rrrrrr"),
        ("out_vert_raw", "srrrrr"),
        ("out_spine", "ssrrrr"),
        ("out_labels", "ssrrrr"),
        ("out_ctd", "sssrrs"),
        ("out_snap", "ssssrs"),
        ("out_metrics", "sssssr"),
        ("out_checks", "sssssr"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"half of it"])
@pytest.mark.parametrize("reuse", ["same", "any"])
def test_a_damaged_file_is_made_again(
    scan: Path, paths: dict[str, Path], key: str, expected: str, content: bytes, reuse: str
) -> None:
    store_all(scan, paths, SETTINGS)
    paths[key].write_bytes(content)
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS, reuse=reuse)  # type: ignore[arg-type]
    assert actions(plan) == expected
    first = next(step for step in plan if step.action == "run")
    assert paths[key].name in first.why
    assert "stored, but" in first.why


def _on_another_grid(path: Path) -> None:
    nib.save(nib.Nifti1Image(np.full((2, 3, 5), 20, np.uint8), np.eye(4)), path)


def _elsewhere(path: Path) -> None:
    affine = np.eye(4)
    affine[0, 3] = 1
    nib.save(nib.Nifti1Image(np.full((2, 3, 4), 20, np.uint8), affine), path)


def _fractions(path: Path) -> None:
    nib.save(nib.Nifti1Image(np.full((2, 3, 4), 19.5, np.float32), np.eye(4)), path)


def _without_its_end(path: Path) -> None:
    write_mask(path)
    path.write_bytes(path.read_bytes()[:-9])


def _with_a_wrong_sum(path: Path) -> None:
    write_mask(path)
    whole = bytearray(path.read_bytes())
    whole[-6] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: write_mask(path, 99), "unknown labels: 99"),
        (lambda path: write_mask(path, 0), "no label"),
        (_on_another_grid, "grid of its scan"),
        (_elsewhere, "grid of its scan"),
        (_fractions, "no labels"),
        (_without_its_end, "cannot be read"),
        (_with_a_wrong_sum, "cannot be read"),
    ],
)
def test_a_changed_mask_that_is_no_correction(
    scan: Path, paths: dict[str, Path], spoil: Callable[[Path], None], words: str
) -> None:
    store_all(scan, paths, SETTINGS)
    spoil(paths["out_vert"])
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert actions(plan) == "ssrrrr"
    assert words in why(plan, "final")


def test_moved_points_are_a_correction(scan: Path, paths: dict[str, Path]) -> None:
    store_all(scan, paths, SETTINGS)
    header, points = json.loads(paths["out_ctd"].read_text())
    points["20"]["50"][0] += 1
    paths["out_ctd"].write_text(json.dumps([header, points]))
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert actions(plan) == "ssssrs"
    assert "correction" in why(plan, "poi")


def test_a_copy_of_a_picture_is_made_again_if_it_is_damaged(
    scan: Path, paths: dict[str, Path]
) -> None:
    store_all(scan, paths, SETTINGS)
    paths["out_snap2"].write_bytes(b"")
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert plan.copies == ((paths["out_snap"], paths["out_snap2"]),)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"Provenance": 3}', "[1]"])
def test_a_result_without_a_record_is_made_again(
    scan: Path, paths: dict[str, Path], text: str | None
) -> None:
    store_all(scan, paths, SETTINGS)
    sidecar = sidecar_of(paths["out_spine_raw"])
    sidecar.unlink()
    if text is not None:
        sidecar.write_text(text)
    sidecar_of(paths["out_vert"]).unlink()
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert actions(plan) == "rrrrrr"
    assert "nothing tells how spine_raw was made" in why(plan, "semantic")


def test_an_older_algorithm_is_another_result(scan: Path, paths: dict[str, Path]) -> None:
    store_all(scan, paths, SETTINGS)
    sidecar = sidecar_of(paths["out_snap"])
    content = json.loads(sidecar.read_text())
    content["Provenance"]["Algorithm"]["snapshot"] = 0
    sidecar.write_text(json.dumps(content))
    plan = plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert actions(plan) == "ssssrs"
    assert "another version of the snapshot phase" in why(plan, "snapshot")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("save_uncertainty", "rrrrrr"),
        ("save_softmax_logits", "rrrrrr"),
        ("save_probseg", "rrrrrr"),
        ("save_debug_data", "srrrrr"),
        ("save_modelres_mask", "ssssss"),
    ],
)
def test_an_additional_file_runs_the_phase_that_makes_it_once(
    scan: Path, paths: dict[str, Path], setting: str, expected: str
) -> None:
    settings = replace(SETTINGS, save=SaveSettings(**{setting: True}))
    store_all(scan, paths, settings)
    plan = plan_scan(scan, paths, settings=settings, models=MODELS)
    assert actions(plan) == expected
    assert not plan.all_done
    for key in ("out_unc", "out_logits", "out_probseg", "out_modelres"):
        paths[key].write_text("there")
    paths["out_debug"].mkdir()
    (paths["out_debug"] / "sem_raw_T2w.nii.gz").write_text("there")
    assert plan_scan(scan, paths, settings=settings, models=MODELS).all_done


def test_planning_writes_nothing(scan: Path, paths: dict[str, Path], tmp_path: Path) -> None:
    plan_scan(scan, paths, settings=SETTINGS, models=MODELS)
    assert [p.name for p in tmp_path.iterdir()] == [scan.name]


def test_changed_results_run_with_what_depends_on_them_alone(
    scan: Path, paths: dict[str, Path]
) -> None:
    """No network is asked for, whether or not the raw masks are kept."""
    files = result_files(paths, scan)
    way = provenance(SETTINGS, MODELS)
    steps = {step.phase: step.action for step in plan_after(way, files, "final")}
    assert steps == {
        "semantic": "stored",
        "instance": "stored",
        **dict.fromkeys(("final", "poi", "snapshot", "metrics"), "run"),
    }
