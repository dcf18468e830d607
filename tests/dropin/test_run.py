"""Scans through `process_img_nii` and `process_dataset`, as programs for SPINEPS call them."""

from __future__ import annotations

import inspect
import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
import pytest
from TPTBox import BIDS_FILE, NII, POI

from spineps_nipype.dropin import (
    Acquisition,
    ErrCode,
    Modality,
    output_paths_from_input,
    process_dataset,
    process_img_nii,
    run,
    segment_image,
)
from spineps_nipype.dropin import dataset as dataset_module
from spineps_nipype.dropin.paths import input_image_path
from spineps_nipype.dropin.storing import Store
from spineps_nipype.spineps.helper_networks import possible_networks
from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.workflows.cli import main

from ..tiny_packages import N_VERTEBRAE, write_scan
from ..workflows.scan_files import plan as plan_scan
from .conftest import Models

QUICK: dict[str, Any] = {"proc_sem_n4_bias_correction": False}
FINAL = ("out_spine", "out_vert", "out_ctd", "out_snap")
RAW = ("out_spine_raw", "out_vert_raw")


def scan_of(dataset: Path) -> BIDS_FILE:
    return BIDS_FILE(next(dataset.glob("rawdata/**/*.nii.gz")), dataset, verbose=False)


def files_of(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def array(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


class Asked(Exception):
    """Settings that a call comes to."""


def asked_settings(monkeypatch: pytest.MonkeyPatch, call: Any, **options: Any) -> dict[str, Any]:
    """Settings that a call plans with; nothing is computed."""

    def provenance(settings: PipelineSettings, *_: Any, **__: Any) -> None:
        raise Asked(settings)

    monkeypatch.setattr(run, "provenance", provenance)
    with pytest.raises(Asked) as stopped:
        call(**options)
    settings: PipelineSettings = stopped.value.args[0]
    return settings.flat()


def changed(name: str, default: Any) -> dict[str, Any]:
    """An argument with another value than its default, and the options that it sets."""
    words: dict[str, tuple[Any, str, Any]] = {
        "crop": ((slice(1, 5), slice(None), slice(2, None)), "crop_box", "1:5,:,2:"),
        "auto_crop_to_spine": (True, "auto_crop_to_spine", "yes"),
        "proc_sem_step_size": (0.25, "proc_sem_step_size", 0.25),
        "numerics": ("seed", "numerics", "seed"),
        "pad_size": (9, "proc_pad_size", 9),
    }
    if name in words:
        value, key, option = words[name]
    else:
        key, value = name, not default if isinstance(default, bool) else default + 1
        option = value
    return {"value": value, "options": {key: option}}


def arguments(function: Any) -> list[tuple[str, Any]]:
    """Arguments of a function that are options of the pipeline, with their defaults."""
    known = {*PipelineSettings().flat(), "crop", "pad_size"}
    found = inspect.signature(function).parameters.items()
    return [(name, parameter.default) for name, parameter in found if name in known]


@pytest.mark.parametrize(("name", "default"), arguments(process_img_nii))
def test_every_argument_is_an_option(
    dataset: Path, models: Models, monkeypatch: pytest.MonkeyPatch, name: str, default: Any
) -> None:
    call = partial(process_img_nii, scan_of(dataset), *models)
    usual = asked_settings(monkeypatch, call)
    wanted = changed(name, default)
    found = asked_settings(monkeypatch, call, **{name: wanted["value"]})
    assert found == {**usual, **wanted["options"]}


@pytest.mark.parametrize(
    ("name", "default"), [a for a in arguments(process_dataset) if a[0] != "tta"]
)
def test_every_argument_for_a_dataset_is_one_for_a_scan(
    dataset: Path, models: Models, monkeypatch: pytest.MonkeyPatch, name: str, default: Any
) -> None:
    """But `tta`, which is written into the model."""
    semantic, instance, labeling = models
    given: list[dict[str, Any]] = []

    def segment(*_: Any, **options: Any) -> tuple[ErrCode]:
        given.append(options)
        return (ErrCode.OK,)

    monkeypatch.setattr(dataset_module, "process_img_nii", segment)
    value = changed(name, default)["value"]
    for options in ({}, {name: value}):
        process_dataset(dataset, instance, semantic, labeling, save_log_data=False, **options)
    key = {"pad_size": "proc_pad_size"}.get(name, name)
    assert given[1] == {**given[0], key: value}
    assert given[0][key] == default


def test_a_scan_as_the_documentation_shows_it(dataset: Path, models: Models) -> None:
    paths, code = process_img_nii(scan_of(dataset), *models, **QUICK)
    assert code == ErrCode.OK
    assert all(paths[key].is_file() for key in (*FINAL, *RAW, "out_labels"))
    bodies = np.unique(array(paths["out_vert"]))
    assert ((bodies > 0) & (bodies < 26)).sum() == N_VERTEBRAE
    assert {49, 100, 52, 53} <= set(np.unique(array(paths["out_spine"])))
    points = POI.load(paths["out_ctd"])
    assert {part for _, part in points.keys()} == {50}  # noqa: SIM118 - a POI is no dict
    info = json.loads(paths["out_ctd"].read_text())[0]
    assert info["source"] == "MRI Segmentation Pipeline"
    assert info["proc_sem_n4_bias_correction"] == "False"
    assert info["models"]["0"]["name"] == "TinySemantic"

    # Nothing is left to do, and nothing is touched.
    before = {p: p.stat().st_mtime_ns for p in dataset.rglob("*") if p.is_file()}
    assert process_img_nii(scan_of(dataset), *models, **QUICK) == (paths, ErrCode.ALL_DONE)
    assert before == {p: p.stat().st_mtime_ns for p in dataset.rglob("*") if p.is_file()}

    # spineps-wf finds the results made the same way, and need not make them again.
    semantic, instance, labeling = models
    settings = PipelineSettings.from_flat({**QUICK, "poi_points": "bodies"})
    plan = plan_scan(
        Path(scan_of(dataset).file["nii.gz"]),
        paths,
        settings=settings,
        models={
            "semantic": semantic.package,
            "instance": instance.package,
            "labeling": labeling.package,
            **possible_networks(settings),
        },
    )
    assert plan.all_done, list(plan)


def sidecars(folder: Path) -> dict[str, dict[str, Any]]:
    """Content of the sidecars, without what names the place of the scan."""
    found = {}
    for path in sorted(folder.glob("sub-*/**/*.json")):
        content = json.loads(path.read_text())
        if isinstance(content, dict):
            content["Sources"][0] = Path(content["Sources"][0]).name
            found[path.relative_to(folder).as_posix()] = content
    return found


def test_sidecars_are_those_of_the_command_line(
    dataset: Path, models: Models, tmp_path: Path
) -> None:
    process_img_nii(scan_of(dataset), *models, save_softmax_logits=True, **QUICK)
    out = tmp_path / "out"
    flags = [
        word
        for kind, model in zip(("semantic", "instance", "labeling"), models, strict=True)
        for word in (f"--model-{kind}", str(model.model_folder))
    ]
    status = main(
        [
            *(str(dataset / "rawdata"), str(out), "participant", "-w", str(tmp_path / "work")),
            *("--plugin", "Linear", "--device", "cpu", "--mem-gb", "4", *flags),
            *("--no-proc-sem-n4-bias-correction", "--poi-points", "bodies"),
            *("--save-softmax-logits", "--skip-bids-validation"),
        ]
    )
    assert status == 0
    ours, theirs = sidecars(dataset / "derivatives_seg"), sidecars(out)
    assert set(ours) == set(theirs)
    for name, content in theirs.items():
        inputs = (content["Provenance"].pop("Inputs"), ours[name]["Provenance"].pop("Inputs"))
        assert inputs[0].keys() == inputs[1].keys(), name
        for record in (content["Provenance"], ours[name]["Provenance"]):
            if name.endswith("_snp.json"):  # its picture shows the place of the header's time
                record.pop("Sha256")
        content["Versions"] = ours[name]["Versions"]
        assert content == ours[name], name


@pytest.mark.parametrize(
    ("lost", "options", "ran"),
    [
        (("out_ctd",), {}, {"out_ctd", "out_snap"}),
        (("out_snap",), {}, {"out_snap"}),
        (("out_vert",), {}, set(FINAL)),
        ((), {"override_ctd": True}, {"out_ctd", "out_snap"}),
        ((), {"override_postpair": True}, set(FINAL)),
        ((), {"override_instance": True}, {"out_vert_raw", *FINAL}),
        ((), {"override_semantic": True}, {*RAW, *FINAL}),
        (("out_spine_raw",), {}, set()),
    ],
    ids=lambda value: "-".join(sorted(map(str, value))) or "nothing",
)
def test_what_runs_again(
    done: Path,
    models: Models,
    lost: tuple[str, ...],
    options: dict[str, bool],
    ran: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan = scan_of(done)
    paths = output_paths_from_input(scan, "derivatives_seg", None, "T2w")
    for key in lost:
        paths[key].unlink()
    made: set[str] = set()  # a file with the same bytes stays, so that its time tells nothing
    for name, keys in STORED_BY.items():
        monkeypatch.setattr(Store, name, noting(getattr(Store, name), keys, made))
    _, code = process_img_nii(scan, *models[:2], **QUICK, **options)
    assert code == (ErrCode.OK if ran else ErrCode.ALL_DONE)
    assert made == ran
    assert all(paths[key].is_file() for key in ran)


STORED_BY: Final[dict[str, tuple[str, ...]]] = {
    "semantic": ("out_spine_raw",),
    "instances": ("out_vert_raw",),
    "masks": ("out_spine", "out_vert"),
    "points": ("out_ctd",),
    "snapshot": ("out_snap",),
}


def noting(
    store: Callable[..., None], keys: tuple[str, ...], made: set[str]
) -> Callable[..., None]:
    """A method of the store that notes what it keeps."""

    def keep(*arguments: Any) -> None:
        made.update(keys)
        store(*arguments)

    return keep


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Path:
    """Dataset whose scan is finished."""
    root = tmp_path_factory.mktemp("finished")
    write_scan(root / "rawdata/sub-x/sub-x_T2w.nii.gz")
    process_img_nii(scan_of(root), *models[:2], **QUICK)
    return root


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_results_say_what_the_header_of_the_scan_says(dataset: Path, models: Models) -> None:
    """Codes, a qform that contradicts the sform, and a warning in sidecars and checks."""
    path = next(dataset.rglob("*_T2w.nii.gz"))
    image = nib.load(path)
    moved = image.affine.copy()
    moved[:3, 3] += 5
    image.set_qform(moved, 4)
    image.set_sform(image.affine, 2)
    image.to_filename(path)
    paths, code = process_img_nii(scan_of(dataset), *models, **QUICK)
    assert code == ErrCode.OK
    for key in ("out_spine", "out_vert"):
        result = nib.load(paths[key])
        for place in ("get_qform", "get_sform"):
            expected, its_code = getattr(image, place)(coded=True)
            found, found_code = getattr(result, place)(coded=True)
            assert found_code == its_code
            np.testing.assert_allclose(found, expected, atol=1e-4)
    sidecar = json.loads(Path(str(paths["out_vert"]).replace(".nii.gz", ".json")).read_text())
    (warning,) = sidecar["InputWarnings"]
    assert "up to 8.66 mm and 0.0 degrees apart" in warning
    assert warning in paths["out_checks"].read_text()


def test_in_memory_nothing_is_written(dataset: Path, models: Models) -> None:
    before = files_of(dataset)
    found = process_img_nii(scan_of(dataset), *models, return_output_instead_of_save=True, **QUICK)
    semantic, vertebra, points, code = found  # type: ignore[misc]
    assert code == ErrCode.OK
    assert isinstance(semantic, NII)
    assert isinstance(points, POI)
    assert vertebra.shape == semantic.shape
    assert points.info["proc_pad_size"] == "4"
    assert files_of(dataset) == before


def test_without_labelling_and_raw_masks(dataset: Path, models: Models) -> None:
    paths, code = segment_image(scan_of(dataset), *models[:2], save_raw=False, **QUICK)
    assert code == ErrCode.OK
    assert not paths["out_raw"].exists()
    assert not paths["out_labels"].exists()
    numbers = [n for n in np.unique(array(paths["out_vert"])) if 0 < n < 26]
    assert numbers == list(range(2, 2 + N_VERTEBRAE))


def test_further_files_and_a_function_of_the_user(dataset: Path, models: Models) -> None:
    def without_sacrum(mask: NII) -> NII:
        values = mask.get_array()
        values[values == 26] = 0
        return mask.set_array(values)

    paths, code = process_img_nii(
        scan_of(dataset),
        *models[:2],
        lambda_semantic=without_sacrum,
        save_softmax_logits=True,
        save_modelres_mask=True,
        save_debug_data=True,
        snapshot_copy_folder=dataset / "pictures",
        **QUICK,
    )
    assert code == ErrCode.OK
    assert 26 not in array(paths["out_spine_raw"])
    assert paths["out_logits"].is_file()
    assert paths["out_modelres"].is_file()
    assert list(paths["out_debug"].glob("vert_arr_return_final_T2w.nii.gz"))
    assert paths["out_snap2"].parent == dataset / "pictures"
    assert paths["out_snap2"].read_bytes() == paths["out_snap"].read_bytes()


def test_a_crop_keeps_the_grid(dataset: Path, models: Models) -> None:
    whole = slice(None)
    scan = scan_of(dataset)
    height = [code in "SI" for code in scan.open_nii().orientation].index(True)
    box = [whole, whole, whole]
    box[height] = slice(20, None)
    paths, code = process_img_nii(scan, *models[:2], crop=tuple(box), **QUICK)  # type: ignore[arg-type]
    assert code == ErrCode.OK
    mask = array(paths["out_vert"])
    assert mask.shape == scan.open_nii().shape
    assert not np.moveaxis(mask, height, 0)[:15].any()


def test_scans_that_cannot_be_done(dataset: Path, models: Models) -> None:
    folder = dataset / "rawdata/sub-y"
    wrong = write_scan(folder / "sub-y_ct.nii.gz")
    paths, code = process_img_nii(BIDS_FILE(wrong, dataset, verbose=False), *models, **QUICK)
    assert code == ErrCode.COMPATIBILITY
    assert not paths["out_spine_raw"].exists()
    image = nib.load(wrong)
    constant = nib.Nifti1Image(np.full(image.shape, 7, np.int16), image.affine)
    nib.save(constant, folder / "sub-y_T2w.nii.gz")
    flat = BIDS_FILE(folder / "sub-y_T2w.nii.gz", dataset, verbose=False)
    assert process_img_nii(flat, *models, **QUICK)[-1] == ErrCode.EMPTY


def test_a_dataset_goes_on_after_a_broken_scan(dataset: Path, models: Models) -> None:
    broken = dataset / "rawdata/sub-a/sub-a_T2w.nii.gz"
    broken.parent.mkdir()
    broken.write_bytes(b"no image")
    write_scan(dataset / "rawdata/sub-x/sub-x_acq-ax_T2w.nii.gz")  # another plane
    write_scan(dataset / "rawdata/sub-x/sub-x_T1w.nii.gz")  # not asked for
    semantic, instance, labeling = models
    found = process_dataset(
        dataset, instance, semantic, labeling, snapshot_copy_folder=True, **QUICK
    )
    assert found == {
        "seen": 2,
        "processed": 1,
        "already_done": 0,
        "failed": 1,
        "failures": [(ErrCode.SHAPE, str(broken))],
    }
    assert len(list((dataset / "snaps_seg").glob("*.png"))) == 1
    (log,) = (dataset / "logs").glob("*_segmentation_pipeline_log.log")
    assert "gzip -t" in log.read_text()
    again = process_dataset(dataset, instance, semantic, labeling, save_log_data=False, **QUICK)
    assert (again["seen"], again["already_done"], again["failed"]) == (2, 1, 1)


def test_odd_entries_of_a_dataset_cost_themselves_only(
    dataset: Path, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, copies, foreign names, deep JSON; folders may have any name, as in SPINEPS."""
    raw = dataset / "rawdata"
    scan = next(raw.rglob("*_T2w.nii.gz"))
    other = raw / "117" / "T2w" / "sub-117_T2w.nii.gz"
    other.parent.mkdir(parents=True)
    shutil.copy(scan, other)
    (scan.parent / "loop").symlink_to("..")
    other.with_name("sub-117_run-1_T2w.nii.gz").symlink_to(other.name)
    other.with_name("sub-117_T2w.nii").write_bytes(b"")
    (raw / "sub-x/sourcedata").mkdir()
    shutil.copy(scan, raw / "sub-x/sourcedata/sub-x_acq-sag_run-2_T2w.nii.gz")
    other.with_name("sub-117_T2w.json").write_text("[" * 200_000)
    open(os.path.join(os.fsencode(other.parent), b"sub-1_acq-\xfc_T2w.nii.gz"), "wb").close()
    seen = []

    def segment(scan: BIDS_FILE, *_: object, **__: object) -> tuple[dict[str, Path], ErrCode]:
        seen.append(input_image_path(scan))
        return {}, ErrCode.OK

    monkeypatch.setattr(dataset_module, "process_img_nii", segment)
    semantic, instance, labeling = models
    done = process_dataset(dataset, instance, semantic, labeling, save_log_data=False)
    assert done["processed"] == 2
    assert sorted(seen) == sorted([scan, other])


def test_pairs_and_models_of_a_dataset_must_fit(dataset: Path, models: Models) -> None:
    semantic, instance, _ = models
    ct = (Modality.CT, Acquisition.sag)
    with pytest.raises(ValueError, match="ignore_model_compatibility"):
        process_dataset(dataset, instance, semantic, modalities=ct)
    with pytest.raises(ValueError, match="2 semantic models"):
        process_dataset(dataset, instance, [semantic, semantic], modalities=[ct])
    with pytest.raises(ValueError, match="empty"):
        process_dataset(dataset, instance, semantic, modalities=[])
    nothing = process_dataset(
        dataset,
        instance,
        semantic,
        modalities=[(Modality.T1w, Acquisition.sag), ([Modality.T1w], Acquisition.sag)],
        save_log_data=False,
    )
    assert nothing["seen"] == 0
