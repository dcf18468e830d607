"""TotalSpineSeg, EPISeg and spine-segmentation from the command line, with tiny networks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from spineps_nipype.models.places import TSS_VARIABLE
from spineps_nipype.workflows.cli import main

from ..sc_epi.tiny_epi import write_archive
from ..spine_segmentation.tiny_onnx import write_networks
from ..totalspineseg.block_spine import DISCS, raw_spine
from ..totalspineseg.tiny_weights import scan_of, write_release

Capsys = pytest.CaptureFixture[str]
AFFINE = np.array([[1, 0, 0, -10], [0, 1, 0, 20], [0, 0, 1, -300], [0, 0, 0, 1.0]])
ALL = ("totalspineseg", "sc-epi", "spine-segmentation")
LUMBAR = DISCS[-5:]


class Lab:
    """A dataset with one spine and one EPI, and tiny networks."""

    def __init__(self, root: Path) -> None:
        self.root, self.bids, self.out = root, root / "bids", root / "out"
        write_release(root / "data", "r20241115")
        write_archive(root / "epi")
        write_networks(root / "onnx")
        write_networks(root / "shifted", lowest=22)
        scan = self.bids / "sub-a" / "anat" / "sub-a_T2w.nii.gz"
        scan.parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(scan_of(raw_spine(LUMBAR, (91, 100))), AFFINE), scan)
        series = np.full((32, 32, 6, 3), 20, np.float32)
        series[14:18, 14:18] = 160
        epi = self.bids / "sub-a" / "func" / "sub-a_task-rest_bold.nii.gz"
        epi.parent.mkdir()
        nib.save(nib.Nifti1Image(series, np.diag([1, 1, 5, 1.0])), epi)
        text = json.dumps({"Name": "blocks", "BIDSVersion": "1.9.0"})
        (self.bids / "dataset_description.json").write_text(text)

    def run(self, *more: str) -> int:
        return main(
            [
                *(str(self.bids), str(self.out), "participant", "-w", str(self.root / "work")),
                *("--plugin", "Linear", "--device", "cpu", "--mem-gb", "8", "--nprocs", "1"),
                *("--tss-data", str(self.root / "data"), "--epi-model", str(self.root / "epi")),
                *("--slice-models", str(self.root / "onnx"), "--no-resample"),
                *("--keep-only", "step1_output", "step2_output", *more),
            ]
        )

    def rows(self, system: str) -> list[dict[str, str]]:
        """Rows of the latest table of a system."""
        tables = (self.out / system).glob("logs/*/scans.tsv")
        latest = max(tables, key=lambda path: path.stat().st_mtime_ns)
        return read(latest)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def labels(path: Path) -> list[int]:
    return [int(n) for n in np.unique(np.asarray(nib.load(path).dataobj)) if n]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def done(lab: Lab) -> Lab:
    """All systems have run once."""
    assert lab.run("--pipeline", *ALL, "--on-4d", "mean") == 0
    return lab


def test_each_system_has_its_folder(done: Lab) -> None:
    tss, epi, slices = (done.out / name for name in ALL)
    numbers = [1, 2, *range(41, 46), 50, *range(92, 96), 100]
    assert labels(tss / "step2_output" / "sub-a_T2w.nii.gz") == numbers
    assert labels(epi / "sub-a/func/sub-a_task-rest_bold_seg.nii.gz") == [1]
    names = slices / "sub-a/anat/sub-a_mod-T2w_seg-instance_msk.nii.gz"
    assert set(labels(names)) >= {37, 39, 41, 43, 45, 49}
    assert labels(slices / "sub-a/anat/sub-a_mod-T2w_seg-semantic_msk.nii.gz") == [1, 2]
    for folder in (tss, epi, slices):
        text = (folder / "dataset_description.json").read_text()
        assert json.loads(text)["DatasetType"] == "derivative"
    sidecar = json.loads((tss / "step2_output" / "sub-a_T2w.json").read_text())
    assert set(sidecar["Provenance"]["Models"]) == {"step1", "step2", "scout"}
    assert (epi / "qc" / "index.html").is_file()
    assert "sub-a_task-rest_bold" in (epi / "qc" / "js" / "datasets.js").read_text()


def test_pages_of_each_system(done: Lab) -> None:
    """Masks of every system are drawn; the comparison stands among the checks of both."""
    for name in ALL:
        text = (done.out / name / "sub-a.html").read_text()
        figures = done.out / name / "sub-a" / "figures"
        (mosaic,) = figures.glob("*_mosaic.png")
        assert f'href="sub-a/figures/{mosaic.name}"' in text
        assert "processed with " + name in text
        assert ("same name for 10 of 10" in text) == (name != "sc-epi")
        with Image.open(mosaic) as opened:
            pixels = np.asarray(opened.convert("RGB")).reshape(-1, 3).astype(int)
        assert (np.ptp(pixels, axis=1) > 30).mean() > 0.001, "no mask is drawn"


def test_the_group_of_several_systems(done: Lab) -> None:
    assert main([str(done.bids), str(done.out), "group"]) == 0
    rows = {row["pipeline"]: row for row in read(done.out / "group_scans.tsv")}
    assert set(rows) == set(ALL)
    assert rows["totalspineseg"]["check_other_systems"] == "pass"
    assert {row["status"] for row in rows.values()} == {"done"}
    assert "step2 " in rows["totalspineseg"]["models"]


def test_the_comparison(done: Lab) -> None:
    folder = done.out / "consensus" / "sub-a" / "anat"
    check = json.loads((folder / "sub-a_mod-T2w_consensus.json").read_text())["Check"]
    assert check.startswith("TotalSpineSeg and spine-segmentation: same name for ")
    rows = {r["structure"]: r for r in read(folder / "sub-a_mod-T2w_overlap.tsv")}
    assert float(rows["disc_L3_L4"]["dice"]) == 1
    assert float(rows["disc_L3_L4"]["surface_mm"]) == 0
    assert (rows["vertebra_L3"]["extent_a"], rows["vertebra_L3"]["extent_b"]) == ("whole", "body")
    assert read(folder / "sub-a_mod-T2w_names.tsv") == []


def test_a_second_run_finds_everything(done: Lab, capsys: Capsys) -> None:
    assert done.run("--pipeline", *ALL, "--on-4d", "mean") == 0
    for name in (*ALL, "consensus"):
        assert [row["code"] for row in done.rows(name)] == ["ALL_DONE"], name
    assert capsys.readouterr().out.strip().endswith("consensus: done.")


def test_other_networks_run_again_and_disagree(done: Lab, capsys: Capsys) -> None:
    more = ("--pipeline", "spine-segmentation", "--slice-models", str(done.root / "shifted"))
    assert done.run(*more, "--dry-run") == 0
    assert "instance model was" in capsys.readouterr().out
    assert done.run(*more) == 0
    assert [row["code"] for row in done.rows("spine-segmentation")] == ["OK"]
    names = read(done.out / "consensus/sub-a/anat/sub-a_mod-T2w_names.tsv")
    pairs = {(row["name_a"], row["name_b"]) for row in names}
    assert ("vertebra_L3", "vertebra_L2") in pairs
    assert "names 10 of them 1 level higher" in capsys.readouterr().out


def test_series_are_refused_with_a_way_out(done: Lab, capsys: Capsys) -> None:
    assert done.run("--pipeline", "sc-epi") == 3
    assert "--on-4d mean" in capsys.readouterr().out
    assert [row["code"] for row in done.rows("sc-epi")] == ["SHAPE"]


def test_absent_networks_say_how_to_get_them(lab: Lab, tmp_path: Path, capsys: Capsys) -> None:
    nothing = str(tmp_path)
    more = ("--tss-data", nothing, "--epi-model", nothing, "--slice-models", nothing)
    assert lab.run("--pipeline", *ALL, *more) == 1
    text = capsys.readouterr().out
    assert TSS_VARIABLE in text
    assert "Unpack" in text
    assert "fetch https://" in text


def test_a_localizer_that_fits_no_scan(lab: Lab, tmp_path: Path, capsys: Capsys) -> None:
    assert lab.run("--pipeline", "totalspineseg", "--loc", str(tmp_path)) == 1
    assert "--loc-suffix" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        lab.run("--pipeline", "totalspineseg", "--loc", str(tmp_path / "no"))
    assert end.value.code == 2
    assert f"argument --loc: there is nothing at {tmp_path / 'no'}" in capsys.readouterr().err


def test_unknown_folders_are_a_wrong_usage(lab: Lab, capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as end:
        lab.run("--pipeline", "totalspineseg", "--keep-only", "step3")
    assert end.value.code == 2
    assert "step3" in capsys.readouterr().err


def edited(source: Path, target: Path, old: int, new: int) -> np.ndarray:
    """A copy of a mask with another label, as a reader saves it."""
    mask = nib.load(source)
    array = np.asarray(mask.dataobj).copy()
    assert (array == old).any()
    array[array == old] = new
    target.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, mask.affine, mask.header), target)
    return array


def test_corrected_masks_of_every_system(done: Lab, tmp_path: Path, capsys: Capsys) -> None:
    """Laid out like the output, they are the results, and a run without them undoes it."""
    usual = ("--on-4d", "mean", "--slice-models", str(done.root / "onnx"))
    assert done.run("--pipeline", *ALL, *usual) == 0  # a test before has used other networks
    names = {
        "totalspineseg": ("step2_output/sub-a_T2w.nii.gz", 45, 44),
        "sc-epi": ("sub-a/func/sub-a_task-rest_bold_seg.nii.gz", 1, 1),
        "spine-segmentation": ("sub-a/anat/sub-a_mod-T2w_seg-instance_msk.nii.gz", 45, 43),
    }
    masks = {
        system: edited(done.out / system / name, tmp_path / system / name, old, new)
        for system, (name, old, new) in names.items()
    }
    own = ("-d", f"mine={tmp_path}", *usual)
    assert done.run("--pipeline", *ALL, *own) == 0
    for system, (name, _, _) in names.items():
        assert [row["code"] for row in done.rows(system)] == ["OK"]
        np.testing.assert_array_equal(
            np.asarray(nib.load(done.out / system / name).dataobj), masks[system]
        )
        sidecar = json.loads(
            (done.out / system / f"{name.removesuffix('.nii.gz')}.json").read_text()
        )
        assert len(sidecar["Provenance"]["Corrections"]) == 1
        assert f"bids:mine:{system}/{name}" in sidecar["Sources"]
        described = json.loads((done.out / system / "dataset_description.json").read_text())
        assert described["DatasetLinks"]["mine"] == tmp_path.as_uri()
    assert done.run("--pipeline", *ALL, *own) == 0
    assert {row["code"] for system in ALL for row in done.rows(system)} == {"ALL_DONE"}
    capsys.readouterr()
    assert done.run("--pipeline", *ALL, *own[2:]) == 0
    assert {row["code"] for system in ALL for row in done.rows(system)} == {"OK"}
