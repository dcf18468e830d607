"""TotalSpineSeg from a scan to its output folders, with networks of a few kilobytes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel import orientations

from spineps_nipype import interfaces
from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import ModelError
from spineps_nipype.models.finding import find_packages
from spineps_nipype.models.places import TSS_VARIABLE
from spineps_nipype.models.systems import TOTALSPINESEG
from spineps_nipype.results.plan import ScanPlan, plan_scan
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.scan_output import ScanOutput
from spineps_nipype.totalspineseg.folders import result_paths
from spineps_nipype.totalspineseg.recipe import (
    helper_networks,
    kept_results,
    recipe,
    recorded_settings,
)
from spineps_nipype.totalspineseg.settings import FOLDERS, TotalSpineSegSettings
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


class Run:
    """TotalSpineSeg on one scan, with an output folder and a work folder."""

    def __init__(self, scan: Path, data: Path, base: Path) -> None:
        self.scan, self.data = scan, data
        self.out, self.work = base / "out", base / "work"

    def plan(
        self, settings: TotalSpineSegSettings, masks: dict[str, Path], localizer: Path | None
    ) -> tuple[ScanPlan, ScanOutput]:
        """What is left to do, and where results go."""
        files = {"scan": self.scan, **result_paths(self.out, "sub-1_T2w", localizer)}
        kinds = ("step1", "step2")
        models = find_packages(TOTALSPINESEG, kinds, self.data, release=settings.release)
        recorded = recorded_settings(settings, "none", False)
        given = Corrections(masks).digests()
        models = {**models, **helper_networks(settings, "auto")}
        provenance = Provenance(recipe(settings), recorded, models, given)
        output = ScanOutput(provenance, files, kept=kept_results(settings, masks))
        return plan_scan(provenance, files), output

    def __call__(
        self,
        settings: TotalSpineSegSettings | None = None,
        masks: dict[str, Path] | None = None,
        localizer: Path | None = None,
    ) -> dict[str, Path]:
        """Carry the plan out; stored files by their place in the output folder."""
        settings = settings or TotalSpineSegSettings()
        plan, output = self.plan(settings, masks or {}, localizer)
        compute = init_totalspineseg_wf(
            data_dir=self.data,
            settings=settings,
            localizer=localizer,
            stored=plan.stored,
            corrections=Corrections(masks or {}),
        )
        workflow = init_scan_wf(compute=compute, plan=plan, output=output)
        workflow.base_dir = str(self.work)
        workflow.config["execution"] = {"crashdump_dir": str(self.work)}
        workflow.run()
        files = [p for p in sorted(self.out.rglob("*")) if p.is_file() and p.suffix != ".json"]
        return {str(p.relative_to(self.out)): p for p in files}


def run(scan: Path, data: Path, base: Path, **options: Any) -> dict[str, Path]:
    """Stored files of a first run by their place in the output folder."""
    return Run(scan, data, base)(**options)


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
    monkeypatch.setenv(TSS_VARIABLE, str(tmp_path))
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


@pytest.fixture
def without_networks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, a network that computes is an error."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network computes")

    def start() -> None:
        for name in ("segment_step1", "segment_step2"):
            monkeypatch.setattr(interfaces.totalspineseg.networks, name, refuse)

    return start


def test_another_uppermost_disc_repeats_the_rules_only(
    data: Path, tmp_path: Path, without_networks: Callable[[], None]
) -> None:
    """The scan fails without a landmark; what its network found is kept in the output folder."""
    path = tmp_path / "sub-1_T2w.nii.gz"
    nib.save(nib.Nifti1Image(scan_of(raw_spine(LUMBAR, ())), RAS), path)
    unnamed = Run(path, data, tmp_path)
    with pytest.raises(RuntimeError, match="landmarks must be in"):
        unnamed()
    shutil.rmtree(unnamed.work)
    first = unnamed(TotalSpineSegSettings(default_superior_disc=91))
    found = found_discs(in_ras(first["step2_output/sub-1_T2w.nii.gz"]), 5)
    assert found == [91, 92, 93, 94, 95]
    before = {name: file.read_bytes() for name, file in first.items() if "raw" in name}
    # Now both networks are stored, and the second channel does not change with the names.
    shutil.rmtree(unnamed.work)
    without_networks()
    lower = TotalSpineSegSettings(default_superior_disc=92)
    again = unnamed(lower)
    assert found_discs(in_ras(again["step2_output/sub-1_T2w.nii.gz"]), 5) == list(LUMBAR)
    assert {n: file.read_bytes() for n, file in again.items() if n in before} == before
    assert unnamed.plan(lower, {}, None)[0].all_done


def test_single_lost_results_come_back_with_the_same_bytes(
    scan: Path, data: Path, tmp_path: Path, without_networks: Callable[[], None]
) -> None:
    whole = Run(scan, data, tmp_path)
    before = {name: file.read_bytes() for name, file in whole().items()}
    without_networks()
    for lost in ("step1_output", "step1_levels", "step2_input", "step2_output", "preview"):
        shutil.rmtree(whole.out / lost)
        shutil.rmtree(whole.work)
        assert {name: file.read_bytes() for name, file in whole().items()} == before, lost


def test_a_corrected_label_map_of_step_1_enters_step_2(
    scan: Path, data: Path, tmp_path: Path
) -> None:
    whole = Run(scan, data, tmp_path)
    files = whole()
    source = nib.load(files["step1_output/sub-1_T2w.nii.gz"])
    array = np.asarray(source.dataobj).copy()
    assert (array == LUMBAR[0]).any()
    array[array == LUMBAR[0]] = 0
    corrected = tmp_path / "corrected.nii.gz"
    nib.save(nib.Nifti1Image(array, source.affine, source.header), corrected)
    stored = whole(masks={"step1_output": corrected})
    np.testing.assert_array_equal(
        np.asarray(nib.load(stored["step1_output/sub-1_T2w.nii.gz"]).dataobj), array
    )
    channel = nib.load(stored["step2_input/sub-1_T2w_0001.nii.gz"])
    assert channel.get_fdata().any()
    assert channel.get_fdata().sum() != nib.load(source.get_filename()).get_fdata().sum()
    levels = in_ras(stored["step1_levels/sub-1_T2w.nii.gz"])
    assert 21 not in levels
    assert whole.plan(TotalSpineSegSettings(), {"step1_output": corrected}, None)[0].all_done


def test_a_corrected_label_map_of_step_2_is_the_result(
    scan: Path, data: Path, tmp_path: Path, without_networks: Callable[[], None]
) -> None:
    whole = Run(scan, data, tmp_path)
    source = nib.load(whole()["step2_output/sub-1_T2w.nii.gz"])
    array = np.asarray(source.dataobj).copy()
    array[array == 45] = 44
    corrected = tmp_path / "corrected.nii.gz"
    nib.save(nib.Nifti1Image(array, source.affine, source.header), corrected)
    without_networks()
    stored = whole(masks={"step2_output": corrected})
    found = nib.load(stored["step2_output/sub-1_T2w.nii.gz"])
    np.testing.assert_array_equal(np.asarray(found.dataobj), array)
    sidecar = json.loads((whole.out / "step2_output" / "sub-1_T2w.json").read_text())
    assert set(sidecar["Provenance"]["Corrections"]) == {"step2_output"}
