from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spineps_nipype.bids.query import canonical_modality, find_scans, read_filter_file
from spineps_nipype.errors import InputError

Make = Callable[..., Path]


def names(root: Path, **options: object) -> list[str]:
    return [scan.path.name for scan in find_scans(root, **options).scans]  # type: ignore[arg-type]


def test_default_is_sagittal_t2w(dataset: Make) -> None:
    root = dataset(
        "sub-a/anat/sub-a_T2w.nii.gz",
        "sub-a/anat/sub-a_acq-sag_T2w.nii",
        "sub-a/anat/sub-a_acq-ax_T2w.nii.gz",
        "sub-a/anat/sub-a_T1w.nii.gz",
        "sub-b/ses-1/anat/sub-b_ses-1_acq-sagittal_run-1_T2w.nii.gz",
    )
    assert names(root) == [
        "sub-a_T2w.nii.gz",
        "sub-a_acq-sag_T2w.nii",
        "sub-b_ses-1_acq-sagittal_run-1_T2w.nii.gz",
    ]


def test_masks_lesions_and_labels_are_no_scans(dataset: Make) -> None:
    root = dataset(
        "sub-a/anat/sub-a_T2w.nii.gz",
        "sub-a/anat/sub-a_seg-vert_T2w.nii.gz",
        "sub-a/anat/sub-a_label-6_T2w.nii.gz",
        "sub-a/anat/sub-a_lesions-1_T2w.nii.gz",
    )
    found = find_scans(root)
    assert [s.path.name for s in found.scans] == ["sub-a_T2w.nii.gz"]
    assert len(found.skipped) == 3
    assert all(left.expected for left in found.skipped)


@pytest.mark.parametrize(
    "middle", ["rec-W", "rec-fat", "acq-water", "acq-OPP", "rec-outphase", "part-water"]
)
def test_dixon_other_than_in_phase_by_name(dataset: Make, middle: str) -> None:
    root = dataset(f"sub-a/anat/sub-a_{middle}_dixon.nii.gz", "sub-a/anat/sub-a_dixon.nii.gz")
    assert names(root) == ["sub-a_dixon.nii.gz"]


def test_dixon_part_inphase_is_taken(dataset: Make) -> None:
    root = dataset("sub-a/anat/sub-a_part-inphase_dixon.nii.gz")
    assert names(root) == ["sub-a_part-inphase_dixon.nii.gz"]


@pytest.mark.parametrize("kind", ["W", "F", "FAT", "WATER", "OP"])
def test_dixon_other_than_in_phase_by_sidecar(dataset: Make, kind: str) -> None:
    root = dataset(
        "sub-a/anat/sub-a_run-1_dixon.nii.gz",
        "sub-a/anat/sub-a_run-2_dixon.nii.gz",
        **{
            "sub-a/anat/sub-a_run-1_dixon.json": {"ImageType": ["ORIGINAL", "PRIMARY", kind]},
            "sub-a/anat/sub-a_run-2_dixon.json": {"ImageType": ["ORIGINAL", "IN_PHASE"]},
        },
    )
    assert names(root) == ["sub-a_run-2_dixon.nii.gz"]


def test_a_sidecar_further_up_counts(dataset: Make) -> None:
    root = dataset(
        "sub-a/anat/sub-a_acq-sag_dixon.nii.gz",
        **{"acq-sag_dixon.json": {"ImageType": ["F"]}, "T2w.json": {"ImageType": ["M"]}},
    )
    left = find_scans(root)
    assert not left.scans
    assert "ImageType" in left.skipped[0].why


def test_a_broken_sidecar_does_not_stop_the_query(dataset: Make) -> None:
    root = dataset("sub-a/anat/sub-a_dixon.nii.gz")
    (root / "sub-a/anat/sub-a_dixon.json").write_text("{")
    assert names(root) == ["sub-a_dixon.nii.gz"]


def test_several_modalities_in_one_run(dataset: Make) -> None:
    root = dataset(
        *(f"sub-a/anat/sub-a_{word}.nii.gz" for word in ("T2w", "T1w", "ct", "vibe", "bold"))
    )
    assert names(root, modalities=["t1w", "CT"], plane=None) == [
        "sub-a_T1w.nii.gz",
        "sub-a_ct.nii.gz",
    ]
    assert len(names(root, modalities=["T2w", "T1w", "vibe", "ct"], plane=None)) == 4


def test_derivatives_and_sourcedata_are_not_looked_at(dataset: Make) -> None:
    root = dataset(
        "sub-a/anat/sub-a_T2w.nii.gz",
        "derivatives/x/sub-a/anat/sub-a_T2w.nii.gz",
        "sourcedata/sub-a/anat/sub-a_T2w.nii.gz",
    )
    assert len(names(root)) == 1


def test_nothing_is_written_into_the_dataset(dataset: Make) -> None:
    root = dataset("sub-a/anat/sub-a_T2w.nii.gz")
    before = sorted(root.rglob("*"))
    find_scans(root)
    assert sorted(root.rglob("*")) == before


def test_labels_with_and_without_prefix(dataset: Make) -> None:
    root = dataset(
        "sub-a/anat/sub-a_T2w.nii.gz",
        "sub-ab/anat/sub-ab_T2w.nii.gz",
        "sub-b/ses-1/anat/sub-b_ses-1_T2w.nii.gz",
        "sub-b/ses-2/anat/sub-b_ses-2_T2w.nii.gz",
    )
    assert names(root, participant_label=["sub-a"]) == ["sub-a_T2w.nii.gz"]
    assert names(root, session_label=["2"]) == ["sub-b_ses-2_T2w.nii.gz"]
    assert names(root, participant_label=["b"], session_label=["ses-1"]) == [
        "sub-b_ses-1_T2w.nii.gz"
    ]


def test_an_unknown_label_is_named_with_those_there(dataset: Make) -> None:
    root = dataset("sub-a/anat/sub-a_T2w.nii.gz")
    with pytest.raises(InputError, match=r"--participant-label z.*It has a"):
        find_scans(root, participant_label=["z"])
    with pytest.raises(InputError, match="--session-label 9"):
        find_scans(root, session_label=["9"])


def test_names_that_are_not_bids(dataset: Make) -> None:
    root = dataset("myscan.nii.gz", "folder/other.nii", "sub-a/anat/sub-a_seg-vert_msk.nii.gz")
    left = find_scans(root)
    assert not left.scans
    assert any("--ignore-bids-filter" in entry.why for entry in left.skipped)
    assert names(root, ignore_bids_filter=True) == ["other.nii", "myscan.nii.gz"]


def test_filter_file(dataset: Make, tmp_path: Path) -> None:
    root = dataset(
        "sub-a/anat/sub-a_T2w.nii.gz",
        "sub-a/anat/sub-a_acq-sag_T2w.nii.gz",
        "sub-a/anat/sub-a_acq-sag_run-2_T2w.nii.gz",
        "sub-a/anat/sub-a_T1w.nii.gz",
    )

    def passing(entities: dict[str, object]) -> list[str]:
        path = tmp_path / "filter.json"
        path.write_text(json.dumps({"t2w": entities}))
        return names(root, filters=read_filter_file(path))

    assert passing({"acquisition": None}) == ["sub-a_T2w.nii.gz"]
    assert len(passing({"acquisition": "*"})) == 2
    # In a list, as in newer versions of fMRIPrep: absent, or one of the values.
    assert passing({"run": [None, 3]}) == [
        "sub-a_T2w.nii.gz",
        "sub-a_acq-sag_T2w.nii.gz",
    ]
    assert passing({"acquisition": [None, "sag"], "run": ["*"]}) == [
        "sub-a_acq-sag_run-2_T2w.nii.gz"
    ]
    assert passing({"acq": "sag", "run": 2}) == ["sub-a_acq-sag_run-2_T2w.nii.gz"]
    # A filter of one modality leaves the others alone.
    both = names(root, modalities=["T2w", "T1w"], filters={"T2w": {"run": 2}})
    assert both == ["sub-a_T1w.nii.gz", "sub-a_acq-sag_run-2_T2w.nii.gz"]


@pytest.mark.parametrize("text", ["{", "[]", '{"t2w": 1}', '{"bolt": {}}'])
def test_a_bad_filter_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "filter.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_filter_file(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_scans(tmp_path / "absent")


def test_an_unknown_modality_is_refused() -> None:
    assert canonical_modality("t2W") == "T2w"
    with pytest.raises(InputError, match="dwi"):
        canonical_modality("dwi")


def test_planes_that_models_are_for_are_taken(tmp_path: Path) -> None:
    for acq in ("sag", "ax", "cor", "iso"):
        path = tmp_path / "sub-p" / "anat" / f"sub-p_acq-{acq}_T2w.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert names(tmp_path) == ["sub-p_acq-iso_T2w.nii.gz", "sub-p_acq-sag_T2w.nii.gz"]
    assert names(tmp_path, plane={"ax", "cor"}) == [
        "sub-p_acq-ax_T2w.nii.gz",
        "sub-p_acq-cor_T2w.nii.gz",
        "sub-p_acq-iso_T2w.nii.gz",
    ]
    (skipped,) = find_scans(tmp_path, plane={"ax", "cor"}).skipped
    assert "acq-sag names another plane than ax or cor" in skipped.why
