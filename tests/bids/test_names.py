from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.bids.names import output_folder, output_name, output_paths, parse_name

SCAN = "/d/rawdata/sub-x/ses-01/sub-x_ses-01_acq-sag_T2w.nii.gz"
STEM = "sub-x_ses-01_acq-sag_mod-T2w"


def test_names_are_those_of_spineps() -> None:
    paths = output_paths(SCAN, "/d", "/out", snapshot_folder="/snaps")
    folder = Path("/out/sub-x/ses-01")
    raw = folder / "output_raw_T2w"
    assert paths == {
        "out_spine": folder / f"{STEM}_seg-spine_msk.nii.gz",
        "out_vert": folder / f"{STEM}_seg-vert_msk.nii.gz",
        "out_ctd": folder / f"{STEM}_seg-spine_ctd.json",
        "out_snap": folder / f"{STEM}_seg-spine_snp.png",
        "out_snap2": Path("/snaps") / f"{STEM}_seg-spine_snp.png",
        "out_labels": folder / f"{STEM}_seg-vert_labels.tsv",
        "out_metrics": folder / f"{STEM}_seg-spine_metrics.tsv",
        "out_checks": folder / f"{STEM}_seg-spine_checks.tsv",
        "out_evidence": folder / f"{STEM}_seg-spine_evidence.tsv",
        "out_raw": raw,
        "out_spine_raw": raw / f"{STEM}_seg-spine-raw_msk.nii.gz",
        "out_vert_raw": raw / f"{STEM}_seg-vert-raw_msk.nii.gz",
        "out_logits": raw / f"{STEM}_seg-spine_logit.npz",
        "out_probseg": raw / f"{STEM}_seg-spine_probseg.nii.gz",
        "out_unc": raw / f"{STEM}_seg-spine_uncertainty.nii.gz",
        "out_modelres": raw / f"{STEM}_seg-spine-modelres_msk.nii.gz",
        "out_debug": folder / "debug_T2w",
        "out_markups": folder / f"{STEM}_seg-spine_ctd.mrk.json",
        "out_surfaces": folder / f"{STEM}_seg-vert_surfaces.tsv",
        "out_surfaces_stl": folder / f"{STEM}_seg-vert_stl",
        "out_surfaces_gifti": folder / f"{STEM}_seg-vert_gifti",
    }


def test_without_a_snapshot_folder_the_copy_is_the_snapshot() -> None:
    paths = output_paths(SCAN, "/d", "/out")
    assert paths["out_snap2"] == paths["out_snap"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "sub-x_rec-a_echo-1_ce-gd_T2w.nii.gz",
            "sub-x_ce-gd_rec-a_mod-T2w_echo-1_seg-spine_msk.nii.gz",
        ),
        (
            "sub-x_run-2_part-inphase_dixon.nii",
            "sub-x_mod-dixon_part-inphase_seg-spine_run-2_msk.nii.gz",
        ),
        ("sub-x_foo-1_T2w.nii.gz", "sub-x_mod-T2w_seg-spine_foo-1_msk.nii.gz"),
    ],
)
def test_entities_stand_in_the_order_of_spineps(name: str, expected: str) -> None:
    assert output_name(parse_name(name), "msk", ".nii.gz", seg="spine") == expected


def test_a_name_that_is_not_bids_becomes_subject_and_modality() -> None:
    paths = output_paths("/d/myscan.nii.gz", "/d", "/out")
    assert paths["out_spine"] == Path("/out/sub-myscan/sub-myscan_mod-myscan_seg-spine_msk.nii.gz")
    assert paths["out_raw"].name == "output_raw_myscan"


@pytest.mark.parametrize(
    "name", ["my scan_1.nii.gz", "sub-x.nii", "sub-x_T2w_b.nii.gz", "T2w.nii", "..nii.gz"]
)
def test_made_up_names_can_be_file_names(name: str) -> None:
    parsed = parse_name(name)
    assert not parsed.is_bids
    assert parsed.subject
    made = output_name(parsed, "msk", ".nii.gz", seg="vert")
    assert not set(made) & set(" /\\:*")


def test_the_datatype_folder_is_kept() -> None:
    scan = "/d/sub-x/anat/sub-x_T2w.nii.gz"
    assert output_folder(scan, "/d", "/out") == Path("/out/sub-x/anat")


def test_equal_names_in_different_folders_stay_apart() -> None:
    first, second = (output_folder(f"/d/{f}/scan.nii.gz", "/d", "/out") for f in ("a", "b"))
    assert first != second


def test_a_scan_outside_the_dataset_gets_a_folder() -> None:
    scan = "/elsewhere/sub-x_ses-2_T2w.nii.gz"
    assert output_folder(scan, "/d", "/out") == Path("/out/sub-x/ses-2")
