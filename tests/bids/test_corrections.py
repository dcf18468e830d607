"""Masks and names that a reader corrected, and what is said about a dataset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spineps_nipype.bids import validation
from spineps_nipype.bids.corrections import Corrections, find_corrections, read_fixed_names
from spineps_nipype.bids.query import find_scans
from spineps_nipype.core.files import file_digest
from spineps_nipype.errors import InputError

SCAN = Path("/bids/sub-a/ses-1/anat/sub-a_ses-1_acq-sag_T2w.nii.gz")


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / "sub-a" / "ses-1" / "anat" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


@pytest.mark.parametrize(
    "name",
    [
        "sub-a_ses-1_acq-sag_mod-T2w_seg-spine_msk.nii.gz",
        "sub-a_ses-1_acq-sag_seg-spine_dseg.nii.gz",
        "sub-a_ses-1_acq-sag_seg-spine_desc-corrected_dseg.nii",
    ],
)
def test_names_of_spineps_and_of_bids(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    found = find_corrections(SCAN, [("mine", tmp_path)])
    assert found.spine == tmp_path / "sub-a/ses-1/anat" / name
    assert found.vert is None
    assert found.sources == (f"bids:mine:sub-a/ses-1/anat/{name}",)
    assert list(found.digests()) == ["spine"]


@pytest.mark.parametrize(
    "name",
    [
        "sub-a_ses-1_acq-sag_mod-T1w_seg-spine_msk.nii.gz",
        "sub-a_ses-2_acq-sag_seg-spine_dseg.nii.gz",
        "sub-a_ses-1_seg-spine_dseg.nii.gz",
        "sub-a_ses-1_acq-sag_run-2_seg-spine_dseg.nii.gz",
        "sub-a_ses-1_acq-sag_mod-T2w_seg-spine-raw_msk.nii.gz",
        "sub-a_ses-1_acq-sag_seg-spine_probseg.nii.gz",
    ],
)
def test_masks_of_other_scans(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    assert not find_corrections(SCAN, [("mine", tmp_path)])


def test_sources_of_a_sidecar_decide(tmp_path: Path) -> None:
    touch(tmp_path, "sub-a_ses-1_acq-sag_seg-vert_dseg.nii.gz")
    sidecar = tmp_path / "sub-a/ses-1/anat/sub-a_ses-1_acq-sag_seg-vert_dseg.json"
    for source, kept in ((SCAN.name, True), (SCAN.name.replace("T2w", "T1w"), False)):
        sidecar.write_text(json.dumps({"Sources": [f"bids:raw:sub-a/ses-1/anat/{source}"]}))
        assert bool(find_corrections(SCAN, [("mine", tmp_path)])) is kept


def test_several_masks_are_refused_and_the_first_dataset_counts(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    name = "sub-a_ses-1_acq-sag_mod-T2w_seg-vert_msk.nii.gz"
    touch(one, name)
    touch(two, name, "sub-a_ses-1_acq-sag_seg-vert_dseg.nii.gz")
    assert find_corrections(SCAN, [("one", one), ("two", two)]).vert is not None
    with pytest.raises(InputError, match="several corrected seg-vert"):
        find_corrections(SCAN, [("two", two)])


def test_masks_of_other_systems(tmp_path: Path) -> None:
    """By their `seg`, or where the system would put them; with or without its folder."""
    name = "sub-a_ses-1_acq-sag_mod-T2w_seg-instance_msk.nii.gz"
    kinds = {"instance": "instance"}
    for root in (tmp_path / "one", tmp_path / "two" / "slices"):
        touch(root, name)
        found = find_corrections(
            SCAN, [("mine", root)], segments=kinds, system="slices"
        ) or find_corrections(SCAN, [("mine", root.parent)], segments=kinds, system="slices")
        assert found.masks == {"instance": root / "sub-a/ses-1/anat" / name}
        assert found.spine is None
    files = {"labels": Path("labels") / "sub-a.nii.gz"}
    for below in ("labels", "tss/labels"):
        root = tmp_path / below.replace("/", "_")
        mask = root / below / "sub-a.nii.gz"
        mask.parent.mkdir(parents=True)
        mask.write_text("x")
        found = find_corrections(SCAN, [("mine", root)], segments={}, files=files, system="tss")
        assert found.masks == {"labels": mask}
        assert found.sources == (f"bids:mine:{below}/sub-a.nii.gz",)
        assert found.digests() == {"labels": file_digest(mask)}
        plain = mask.rename(mask.with_suffix(""))  # saved without compression
        assert plain.name == "sub-a.nii"
        found = find_corrections(SCAN, [("mine", root)], segments={}, files=files, system="tss")
        assert found.masks == {"labels": plain}
        plain.rename(mask)
    (root / "labels").mkdir()
    (root / "labels" / "sub-a.nii.gz").write_text("y")
    with pytest.raises(InputError, match=r"several corrected labels/sub-a.nii.gz .* tss/labels"):
        find_corrections(SCAN, [("mine", root)], segments={}, files=files, system="tss")


def test_the_table_of_a_reader(tmp_path: Path) -> None:
    file = tmp_path / "names.tsv"
    file.write_text(
        "scan\tname\tfound\tx\ty\tz\n"
        f"{SCAN.name}\tL5\tl4\tn/a\tn/a\tn/a\n"
        "sub-a_ses-1_acq-sag_T2w\tT13\t\t1.5\t-2\t3\n"
        "\t\t\t\t\t\n"
        "sub-b_T2w\tC2\tC3\t\t\t\n"
    )
    names = read_fixed_names(file)
    assert names == {
        "sub-a_ses-1_acq-sag_T2w": [(24, 23, None), (28, None, (1.5, -2.0, 3.0))],
        "sub-b_T2w": [(2, 3, None)],
    }
    corrections = find_corrections(SCAN, [], names)
    assert len(corrections.names) == 2
    assert list(corrections.digests()) == ["names"]
    assert corrections.digests() != find_corrections(Path("sub-b_T2w.nii"), [], names).digests()
    assert not Corrections().digests()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "columns are none"),
        ("scan\tname\n", "columns are scan, name"),
        ("scan\tname\tfound\ns\tL9\tL4\n", "line 2: 'L9' is no vertebra"),
        ("scan\tname\tfound\ns\tL4\tL5\n\tL4\tL5\n", "line 3: the scan is missing"),
        ("scan\tname\tx\ty\tz\ns\tL4\ta\tb\tc\n", "line 2: could not convert"),
        ("scan\tname\tx\ty\tz\ns\tL4\t1\t2\t\n", "line 2: '' is no vertebra"),
        ("scan\tname\tx\ty\tz\ns\tL4\t1\tnan\t1e400\n", "line 2: 1, nan, 1e400 is no place"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "names.tsv"
    file.write_text(text)
    with pytest.raises(InputError, match=words) as fault:
        read_fixed_names(file)
    assert "--manual-labels" in str(fault.value)
    assert str(file) in str(fault.value)


def dataset(root: Path) -> Path:
    for name in ("sub-a/anat/sub-a_T2w.nii.gz", "sub-b/anat/sub-b_T2w.nii.gz"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (root / "dataset_description.json").write_text('{"Name": "n", "BIDSVersion": "1.9.0"}')
    return root


def test_excluded_subjects(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    found = find_scans(root, exclude_participant_label=["sub-a"])
    assert [scan.name.subject for scan in found.scans] == ["b"]
    with pytest.raises(InputError, match="--exclude-participant-label z"):
        find_scans(root, exclude_participant_label=["z"])


def test_names_and_description_without_the_validator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation.shutil, "which", lambda _: None)
    root = dataset(tmp_path)
    good, bad = root / "sub-a/anat/sub-a_T2w.nii.gz", root / "sub-a/sub-a_T2w.nii.gz"
    assert validation.validate_dataset(root, [good]) == []
    assert validation.validate_dataset(root, [bad]) == [
        "/sub-a/sub-a_T2w.nii.gz is no BIDS name or place"
    ]
    (root / "dataset_description.json").write_text('{"Name": "n"}')
    assert validation.validate_dataset(root, []) == ["dataset_description.json lacks BIDSVersion"]
    (root / "dataset_description.json").unlink()
    assert validation.validate_dataset(root, []) == ["dataset_description.json is missing"]


def test_errors_of_the_validator_for_the_subjects_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issues = [
        {"code": "A", "severity": "error", "location": "/sub-a/x.nii"},
        {"code": "B", "severity": "error", "location": "/sub-b/x.nii"},
        {"code": "C", "severity": "warning", "location": "/sub-a/y.nii"},
        {"code": "D", "severity": "error", "location": "/dataset_description.json"},
    ]
    program = tmp_path / "validator"
    program.write_text(f"#!/bin/sh\necho '{json.dumps({'issues': {'issues': issues}})}'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(validation.shutil, "which", lambda _: str(program))
    found = validation.validate_dataset(dataset(tmp_path / "bids"), [], {"a"})
    assert found == ["/sub-a/x.nii: A", "/dataset_description.json: D"]
