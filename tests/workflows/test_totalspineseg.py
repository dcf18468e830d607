"""TotalSpineSeg from a scan to its output folders, with networks of a few kilobytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel import orientations

from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import ModelError
from spineps_nipype.results.plan import plan_scan
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.scan_output import ScanOutput
from spineps_nipype.totalspineseg.folders import result_paths
from spineps_nipype.totalspineseg.profiles import PROFILES
from spineps_nipype.totalspineseg.recipe import kept_results, recipe, recorded_settings
from spineps_nipype.totalspineseg.settings import FOLDERS, TotalSpineSegSettings
from spineps_nipype.totalspineseg.weights import DATA_VARIABLE, find_weights
from spineps_nipype.workflows.store import init_scan_wf
from spineps_nipype.workflows.totalspineseg import init_totalspineseg_wf

from ..totalspineseg.block_spine import DISCS, found_discs, found_vertebrae, raw_spine
from ..totalspineseg.tiny_weights import scan_of, write_release

LUMBAR = DISCS[-5:]
RAS = np.array([[1, 0, 0, -10], [0, 1, 0, 20], [0, 0, 1, -300], [0, 0, 0, 1.0]])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("data")
    write_release(folder, "r20241115")
    return folder


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lumbar spine of blocks in axes posterior, inferior, right."""
    image = nib.Nifti1Image(scan_of(raw_spine(LUMBAR, (91, 100))), RAS)
    turn = orientations.ornt_transform(
        orientations.io_orientation(RAS), orientations.axcodes2ornt("PIR")
    )
    path = tmp_path_factory.mktemp("scan") / "sub-1_T2w.nii.gz"
    nib.save(image.as_reoriented(turn), path)
    return path


def run(scan: Path, data: Path, base: Path, **options: Any) -> dict[str, Path]:
    """Stored files by their place in the output folder."""
    out = base / "out"
    settings = options.get("settings", TotalSpineSegSettings())
    files = {"scan": scan, **result_paths(out, "sub-1_T2w", options.get("localizer"))}
    profile = PROFILES[settings.release]
    models = {f"step{n}": find_weights(n, profile=profile, data=data) for n in (1, 2)}
    provenance = Provenance(recipe(settings), recorded_settings(settings, "none", False), models)
    plan = plan_scan(provenance, files)
    compute = init_totalspineseg_wf(data_dir=data, stored=plan.stored, **options)
    output = ScanOutput(provenance, files, kept=kept_results(settings))
    workflow = init_scan_wf(compute=compute, plan=plan, output=output)
    workflow.base_dir = str(base / "work")
    workflow.run()
    files = [p for p in sorted(out.rglob("*")) if p.is_file() and p.suffix != ".json"]
    return {str(p.relative_to(out)): p for p in files}


def in_ras(path: Path) -> np.ndarray:
    array: np.ndarray = load_mask(path).reorient(("R", "A", "S")).get_array()
    return array


def test_all_folders(scan: Path, data: Path, tmp_path: Path) -> None:
    files = run(scan, data, tmp_path)
    assert {name.split("/")[0] for name in files} == set(FOLDERS) - {"localizers"}
    assert "input/sub-1_T2w_0000.nii.gz" in files
    assert "step2_input/sub-1_T2w_0001.nii.gz" in files
    assert "preview/sub-1_T2w_sag_0.5_step2_output_tags.jpg" in files
    native = nib.load(scan)
    for name in ("step1_output", "step1_cord", "step1_canal", "step1_levels", "step2_output"):
        found = nib.load(files[f"{name}/sub-1_T2w.nii.gz"])
        assert found.shape == native.shape
        assert np.allclose(found.affine, native.affine)
    out = in_ras(files["step2_output/sub-1_T2w.nii.gz"])
    assert found_discs(out, 5) == list(LUMBAR)
    assert found_vertebrae(out, 5) == [41, 42, 43, 44, 45]
    levels = in_ras(files["step1_levels/sub-1_T2w.nii.gz"])
    assert sorted(levels[levels > 0].tolist()) == [21, 22, 23, 24, 25]


def test_only_what_is_kept(scan: Path, data: Path, tmp_path: Path) -> None:
    settings = TotalSpineSegSettings(keep_only="step1_output,step1_levels", iso=True)
    files = run(scan, data, tmp_path, settings=settings)
    assert list(files) == [
        "step1_levels/sub-1_T2w.nii.gz",
        "step1_output/sub-1_T2w.nii.gz",
    ]
    assert nib.aff2axcodes(nib.load(files["step1_output/sub-1_T2w.nii.gz"]).affine) == (
        "R",
        "A",
        "S",
    )


def test_localizer_is_drawn_and_kept(scan: Path, data: Path, tmp_path: Path) -> None:
    localizer = np.zeros(raw_spine(LUMBAR).shape, dtype=np.uint8)
    localizer[raw_spine(LUMBAR, (100,)) == 5] = 100
    path = tmp_path / "loc.nii.gz"
    nib.save(nib.Nifti1Image(localizer, RAS), path)
    settings = TotalSpineSegSettings(step1=True)
    files = run(scan, data, tmp_path, settings=settings, localizer=path)
    assert "localizers/sub-1_T2w.nii.gz" in files
    assert "preview/sub-1_T2w_sag_0.5_loc_tags.jpg" in files
    assert not [name for name in files if name.startswith("step2")]
    assert found_discs(in_ras(files["step1_output/sub-1_T2w.nii.gz"]), 5) == list(LUMBAR)


def test_weights_that_are_not_installed(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(ModelError, match="Model weights are missing"):
        init_totalspineseg_wf()


@pytest.mark.parametrize(("numerics", "mode"), [("corrected", "smooth"), ("original", "nearest")])
def test_the_original_brings_labels_back_by_the_nearest_voxel(
    data: Path, numerics: Any, mode: str
) -> None:
    settings = TotalSpineSegSettings(numerics=numerics)
    workflow = init_totalspineseg_wf(data_dir=data, settings=settings)
    results = ("step1_output", "step2_output", "step1_levels")
    modes = [workflow.get_node(f"native_{result}").inputs.mode for result in results]
    assert modes == [mode, mode, "label"]


def test_step_2_is_not_built_when_nobody_wants_it(data: Path) -> None:
    names = init_totalspineseg_wf(
        data_dir=data, settings=TotalSpineSegSettings(keep_only="step1_cord")
    ).list_node_names()
    assert "network1" in names
    assert "network2" not in names
    assert not [n for n in names if n.startswith("preview")]
    assert "native_step1_cord" in names
    assert "native_step1_canal" not in names
