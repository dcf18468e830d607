"""Scans that are odd: every system says the same of them before anything runs."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.files import read_json
from spineps_nipype.core.tables import read_rows
from spineps_nipype.workflows.cli import main
from spineps_nipype.workflows.stored.subject_pages import write_pages

from ..stored_dataset import Stored

Capsys = pytest.CaptureFixture[str]
AFFINE = np.array([[0, 0, 3.3, -20], [-0.9, 0, 0, 30], [0, -0.8, 0, 40], [0, 0, 0, 1.0]])


def write(root: Path, name: str, codes: tuple[int, int] = (1, 1), turned: bool = False) -> Path:
    path = root / f"sub-{name}" / "anat" / f"sub-{name}_T2w.nii.gz"
    path.parent.mkdir(parents=True)
    data = np.random.default_rng(0).integers(0, 99, (40, 50, 12)).astype(np.int16)
    image = nib.Nifti1Image(data, AFFINE)
    qform = AFFINE.copy()
    if turned:
        qform[1:3] = np.array([[0.966, -0.259], [0.259, 0.966]]) @ AFFINE[1:3]
    image.set_qform(qform, codes[0])
    image.set_sform(AFFINE, codes[1])
    image.to_filename(path)
    return path


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    root = tmp_path / "bids"
    root.mkdir()
    (root / "dataset_description.json").write_text(
        json.dumps({"Name": "odd", "BIDSVersion": "1.9.0"})
    )
    return root


def dry(bids: Path, *more: str) -> int:
    out = bids.parent / "out"
    return main([str(bids), str(out), "participant", "--dry-run", "--skip-bids-validation", *more])


@pytest.mark.parametrize("system", ["spineps", "totalspineseg", "sc-epi", "spine-segmentation"])
def test_every_system_judges_headers_alike(bids: Path, system: str, capsys: Capsys) -> None:
    write(bids, "good")
    write(bids, "nocode", codes=(0, 0))
    write(bids, "apart", codes=(1, 2), turned=True)
    pointer = write(bids, "pointer")
    pointer.write_text("/annex/objects/MD5E-s1--0.nii.gz\n")
    plain = write(bids, "plain")
    plain.write_bytes(gzip.decompress(plain.read_bytes()))
    if system == "sc-epi":  # it takes functional images only
        for path in bids.glob("sub-*/anat/*"):
            path.rename(path.with_name(path.name.replace("T2w", "bold")))
    assert dry(bids, "--pipeline", system) == 3
    said = capsys.readouterr().out
    assert "5 scans: 3 would run, 0 are done, 2 cannot run." in said
    assert "cannot run (SHAPE): The header does not say how the image lies in the body" in said
    assert "warning   The header contradicts itself: sform and qform are up to" in said
    assert "cannot run (SHAPE): The file is a pointer of git-annex" in said
    assert "warning   The file is not compressed, though its name ends in .nii.gz" in said
    assert said.count("  warning   ") == 2


def test_a_sheared_scan_is_refused_for_its_shear(bids: Path, capsys: Capsys) -> None:
    path = write(bids, "x")
    affine = AFFINE.copy()
    affine[:3, 0] += 0.3 * AFFINE[:3, 2]
    nib.Nifti1Image(np.asarray(nib.load(path).dataobj), affine).to_filename(path)
    assert dry(bids) == 3
    assert "The grid is sheared" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["T2star", "MTS", "UNIT1", "PDw"])
def test_totalspineseg_takes_any_contrast(bids: Path, word: str, capsys: Capsys) -> None:
    path = write(bids, "x")
    path.rename(path.with_name(f"sub-x_{word}.nii.gz"))
    assert dry(bids, "--pipeline", "totalspineseg") == 1
    assert f"--modalities does not ask for {'PD' if word == 'PDw' else word}" in (
        capsys.readouterr().out
    )
    assert dry(bids, "--pipeline", "totalspineseg", "--modalities", word) == 0
    assert "1 scans: 1 would run" in capsys.readouterr().out
    assert dry(bids, "--modalities", word) == 3  # no model of SPINEPS is for it
    assert "No semantic model is for" in capsys.readouterr().out


def test_entries_that_stop_other_readers_stop_nothing(bids: Path, capsys: Capsys) -> None:
    write(bids, "x")
    open(os.path.join(os.fsencode(bids), b"notiz_M\xfcller.txt"), "wb").close()
    (bids / "deep.json").write_text("[" * 200_000)
    (bids / "dataset_description.json").write_text("[" * 200_000)
    (bids / "sub-x/anat/anat").symlink_to("..")
    out = bids.parent / "out"
    assert main([str(bids), str(out), "participant", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "1 scans: 1 would run" in said.out
    assert "dataset_description.json cannot be read: it is nested too deeply" in said.err


def test_options_may_stand_before_the_places(bids: Path, capsys: Capsys) -> None:
    write(bids, "x")
    write(bids, "y")
    out = str(bids.parent / "out")
    for before in (
        ["--participant-label", "x"],
        ["--modalities", "T1w", "T2w", "--participant_label", "x"],
        ["--dry-run", "--participant-label", "x"],
    ):
        words = [*before, str(bids), out, "participant", "--dry-run", "--skip-bids-validation"]
        assert main(words) == 0
        assert "1 scans: 1 would run" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--participant-label", "x"])
    assert "bids_dir, output_dir, analysis_level" in capsys.readouterr().err


def test_a_file_as_dataset_is_called_one(bids: Path, capsys: Capsys) -> None:
    path = write(bids, "x")
    with pytest.raises(SystemExit):
        main([str(path), str(bids.parent / "out"), "participant"])
    assert f"BIDS_DIR: {path} is a file; give the folder" in capsys.readouterr().err


def test_pages_and_tables_say_what_is_odd_about_a_scan(tmp_path: Path) -> None:
    """Also of systems without checks of their own."""
    stored = Stored(tmp_path, subjects=2)
    paths = stored.paths(stored.scans[0])
    sidecar = paths["out_vert"].with_name(paths["out_vert"].name.replace(".nii.gz", ".json"))
    warning = "The header contradicts itself: sform and qform are up to 50 mm apart."
    sidecar.write_text(json.dumps({**read_json(sidecar), "InputWarnings": [warning]}))
    paths["out_checks"].unlink()
    (page, *_) = write_pages(stored.out, stored.bids, stored.scans)
    assert warning in page.read_text()
    assert main([str(stored.bids), str(stored.out), "group"]) == 0
    row = read_rows(stored.out / "group_scans.tsv")[0]
    assert row["check_header"] == "look"


def test_a_table_of_measures_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    stored = Stored(tmp_path, subjects=2)
    arguments = [str(stored.bids), str(stored.out), "group"]
    assert main(arguments) == 0
    assert (stored.out / "group_metrics.tsv").is_file()
    stored.paths(stored.scans[0])["out_metrics"].unlink()
    assert main(arguments) == 0
    assert (stored.out / "group_scans.tsv").is_file()
    assert not list(stored.out.glob("group_metrics.*"))
