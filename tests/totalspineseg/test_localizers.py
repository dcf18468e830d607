"""Each image finds its localizer by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.totalspineseg.localizers import case_name, find_localizers, match_localizers


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "name", ["sub-1_T2w.nii.gz", "sub-1_T2w.nii", "a/sub-1_T2w_0000.nii.gz", "sub-1_T2w"]
)
def test_case_name(name: str) -> None:
    assert case_name(name) == "sub-1_T2w"


def test_one_file_serves_all_images(tmp_path: Path) -> None:
    touch(tmp_path, "any.nii.gz")
    found = match_localizers(["a.nii.gz", "b.nii"], tmp_path / "any.nii.gz")
    assert found == {"a": tmp_path / "any.nii.gz", "b": tmp_path / "any.nii.gz"}


def test_a_folder_with_one_file_serves_its_own_image_only(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz")
    assert list(match_localizers(["a.nii.gz", "b.nii"], tmp_path)) == ["a"]


def test_suffixes(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "sub-1_loc.nii.gz",
        "sub-2/anat/sub-2_loc.nii",
        "sub-3_other.nii.gz",
    )
    assert len(find_localizers(tmp_path, "_loc")) == 2
    images = ["sub-1_acq-top_T2w.nii.gz", "sub-1_T2w.nii.gz", "sub-2_T1w.nii.gz", "sub-3_T1w.nii"]
    found = match_localizers(images, tmp_path, suffixes=("_T2w", "_T1w"), loc_suffix="_loc")
    assert {case: path.name for case, path in found.items()} == {
        "sub-1_T2w": "sub-1_loc.nii.gz",
        "sub-2_T1w": "sub-2_loc.nii",
    }


def test_image_without_any_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "x_loc.nii.gz")
    assert match_localizers(["x_T2w.nii"], tmp_path, suffixes=("_T1w",), loc_suffix="_loc") == {}


def test_signs_in_suffixes_are_letters(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].nii.gz", "a1.nii.gz")
    assert [p.name for p in find_localizers(tmp_path, "[1]")] == ["a[1].nii.gz"]
