"""Which files count as raw data, each once; one bad entry costs itself only."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spineps_nipype.bids.query import Query, canonical_modality, find_scans
from spineps_nipype.bids.raw_data import Skipped, list_images, printable
from spineps_nipype.errors import InputError
from spineps_nipype.workflows.app import messages

Make = Callable[..., Path]
A = "sub-a/anat/sub-a_T2w.nii.gz"


def taken(root: Path, **options: object) -> list[str]:
    found = find_scans(root, **options)  # type: ignore[arg-type]
    return [scan.path.relative_to(root).as_posix() for scan in found.scans]


def left_out(root: Path, **options: object) -> dict[str, str]:
    """Why each image is left out, by its path."""
    found = find_scans(root, **options)  # type: ignore[arg-type]
    return {
        printable(one.path.relative_to(root).as_posix()): one.why
        for one in found.skipped
        if not one.expected
    }


@pytest.mark.parametrize(
    ("copy", "why"),
    [
        ("derivatives_old/sub-a/anat", "derivatives_old/, which holds no raw data"),
        ("Derivatives/x/sub-a/anat", "Derivatives/, which holds no raw data"),
        ("sub-a/sourcedata", "sub-a/sourcedata/, which holds no raw data"),
        ("sub-a/anat/derivatives", "sub-a/anat/derivatives/, which holds no raw data"),
        ("sub-a/old", "sub-a/old/, which is no folder of BIDS"),
        ("sub-a/anat/backup", "sub-a/anat/backup/, which is no folder of BIDS"),
        ("backup/sub-a/anat", "backup/, and raw data lie in sub-*/"),
    ],
)
def test_copies_outside_of_the_raw_data_are_said_and_not_taken(
    dataset: Make, copy: str, why: str
) -> None:
    root = dataset(A, f"{copy}/sub-a_T2w.nii.gz")
    assert taken(root) == [A]
    assert why in left_out(root)[f"{copy}/sub-a_T2w.nii.gz"]


def test_a_dataset_within_the_dataset_is_none_of_it(dataset: Make) -> None:
    root = dataset(
        A, "sub-a/anat/sub-b_T2w.nii.gz", **{"sub-c/dataset_description.json": {"Name": "x"}}
    )
    (root / "sub-c/anat").mkdir()
    (root / "sub-c/anat/sub-c_T2w.nii.gz").touch()
    assert "sub-c/anat/sub-c_T2w.nii.gz" not in taken(root)
    assert "a dataset of its own" in left_out(root)["sub-c/anat/sub-c_T2w.nii.gz"]


@pytest.mark.parametrize(
    "folder", ["sub-a", "sub-a/anat", "sub-a/T2w", "sub-a/dixon", "sub-a/ses-1", "sub-a/ses-1/ct"]
)
def test_folders_of_raw_data(dataset: Make, folder: str) -> None:
    root = dataset(f"{folder}/sub-a_T2w.nii.gz")
    assert taken(root) == [f"{folder}/sub-a_T2w.nii.gz"]
    assert not left_out(root)


def test_any_name_takes_other_folders_but_no_derivatives(dataset: Make) -> None:
    root = dataset(A, "sub-a/old/sub-a_T2w.nii.gz", "x/y.nii", "derivatives_old/z.nii")
    assert taken(root, ignore_bids_filter=True) == [A, "sub-a/old/sub-a_T2w.nii.gz", "x/y.nii"]


def test_links_make_no_second_scan(dataset: Make) -> None:
    root = dataset(A, "sub-b/anat/sub-b_T2w.nii.gz")
    (root / "sub-a/anat/anat").symlink_to(".")
    (root / "sub-a/ses-1").symlink_to("..")
    (root / "sub-a/func").symlink_to(root)
    (root / "sub-0").symlink_to("sub-b")
    (root / "sub-a/anat/sub-a_run-1_T2w.nii.gz").symlink_to("sub-a_T2w.nii.gz")
    (root / "sub-a/perf").symlink_to(root.parent.parent)
    for options in ({}, {"ignore_bids_filter": True}):
        assert taken(root, **options) == [A, "sub-b/anat/sub-b_T2w.nii.gz"]
    said = left_out(root)
    assert said["sub-0"] == "a link to sub-b, which is read already"
    assert said["sub-a/anat/sub-a_run-1_T2w.nii.gz"] == "it is the same file as sub-a_T2w.nii.gz"


def test_links_to_other_places_are_followed(dataset: Make, tmp_path: Path) -> None:
    root = dataset(A)
    store = tmp_path / "store"
    (store / "sub-b/anat").mkdir(parents=True)
    (store / "sub-b/anat/sub-b_T2w.nii.gz").touch()
    (root / "sub-b").symlink_to(store / "sub-b")
    (root / "sub-c/anat").mkdir(parents=True)
    (root / "sub-c/anat/sub-c_T2w.nii.gz").symlink_to(store / "gone.nii.gz")
    assert taken(root) == [A, "sub-b/anat/sub-b_T2w.nii.gz", "sub-c/anat/sub-c_T2w.nii.gz"]


def test_equal_content_in_git_annex_is_not_one_scan(dataset: Make) -> None:
    root = dataset()
    key = root / ".git/annex/objects/aa/bb/MD5E-s1--0/MD5E-s1--0.nii.gz"
    key.parent.mkdir(parents=True)
    key.touch()
    for subject in "ab":
        folder = root / f"sub-{subject}/anat"
        folder.mkdir(parents=True)
        (folder / f"sub-{subject}_T2w.nii.gz").symlink_to(key)
    assert len(taken(root)) == 2


def test_names_that_are_not_utf8_cost_themselves_only(
    dataset: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    root = dataset(A)
    for name in (b"notiz_M\xfcller.txt", b"sub-a/anat/sub-a_acq-\xfc_T2w.nii.gz", b"x\xff/y.nii"):
        path = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").close()
    os.makedirs(os.path.join(os.fsencode(root), b"sub-\xff\xfe/anat"))
    assert taken(root) == [A]
    said = left_out(root)
    assert "not UTF-8" in said["sub-a/anat/sub-a_acq-\\udcfc_T2w.nii.gz"]
    assert "not UTF-8" in said["sub-\\udcff\\udcfe"]
    messages.report_skipped_images(find_scans(root))
    assert "sub-a_acq-\\udcfc_T2w.nii.gz: its name is not UTF-8" in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_costs_itself_only(
    dataset: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = dataset(A, "sub-b/anat/sub-b_T2w.nii.gz")
    scandir = os.scandir

    def locked(folder: str | Path) -> object:
        if Path(folder).parent.name == "sub-b":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr("spineps_nipype.bids.raw_data.os.scandir", locked)
    assert taken(root) == [A]
    assert left_out(root) == {"sub-b/anat": "the folder cannot be read: Permission denied"}


def test_a_root_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("spineps_nipype.bids.raw_data.os.scandir", locked)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        list_images(tmp_path)


def test_deep_json_costs_itself_only(dataset: Make) -> None:
    root = dataset(A, "sub-a/anat/sub-a_dixon.nii.gz")
    for name in ("deep.json", "dataset_description.json", "sub-a/anat/sub-a_T2w.json", "T2w.json"):
        (root / name).write_text("[" * 200_000)
    assert len(taken(root)) == 2


def test_one_scan_stored_twice_is_taken_once(dataset: Make) -> None:
    root = dataset(A, A.removesuffix(".gz"))
    assert taken(root) == [A]
    assert "beside it is the same scan" in left_out(root)[A.removesuffix(".gz")]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sub-a_T2W.nii.gz", "BIDS spells T2W as T2w: rename the file"),
        ("sub-a_t2W.nii.gz", "BIDS spells t2W as T2w"),
        ("sub-a_T1W.nii.gz", "BIDS spells T1W as T1w"),
        ("sub-a_T2w.NII.GZ", "does not end in .nii or .nii.gz in lower case"),
        ("sub-a_T2w.img", "a pair of .hdr and .img"),
        ("sub-a_T2w.nrrd", "not NIfTI"),
        ("sub-a_T2w.nii.bz2", "not NIfTI"),
        ("sub-a_T2w.dcm", "dcm2niix"),
        ("sub-a_T2star.nii.gz", "--modalities does not ask for T2star"),
    ],
)
def test_images_that_somebody_may_miss_are_said(dataset: Make, name: str, why: str) -> None:
    root = dataset(A, f"sub-b/anat/{name}")
    assert taken(root) == [A]
    assert why in left_out(root)[f"sub-b/anat/{name}"]


def test_new_scans_are_found_by_the_next_run(dataset: Make) -> None:
    root = dataset(A)
    assert len(taken(root)) == 1
    dataset("sub-a/ses-2/anat/sub-a_ses-2_T2w.nii.gz", "sub-a/anat/sub-a_run-2_T2w.nii.gz")
    assert len(taken(root)) == 3
    shutil.rmtree(root / "sub-a/ses-2")
    assert len(taken(root)) == 2


@pytest.mark.parametrize("word", ["T2star", "t2STAR", "PDw", "MTS", "UNIT1", "FLAIR", "STIR"])
def test_further_contrasts_can_be_asked_for(dataset: Make, word: str) -> None:
    suffix = {"t2star": "T2star"}.get(word.lower(), word)
    root = dataset(A, f"sub-a/anat/sub-a_{suffix}.nii.gz")
    assert taken(root, modalities=[canonical_modality(word)]) == [
        f"sub-a/anat/sub-a_{suffix}.nii.gz"
    ]


def test_what_is_left_out_as_usual_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    skipped = [Skipped(Path(f"{n}.nii"), "a mask", expected=True) for n in range(3)]
    skipped += [Skipped(Path("new\nline.nii"), "odd")]
    messages.report_skipped_images(Query((), tuple(skipped), (), ()))
    assert capsys.readouterr().err == (
        "not taken: new\\nline.nii: odd\nnot taken, as usual: 3 (a mask)\n"
    )


def test_a_filter_names_entities_that_pybids_knows(dataset: Make) -> None:
    root = dataset("sub-a/anat/sub-a_run-01_T2w.nii.gz", "sub-a/anat/sub-a_run-2_T2w.nii.gz")
    first = ["sub-a/anat/sub-a_run-01_T2w.nii.gz"]
    for wanted in (1, "01", [1, 7]):
        assert taken(root, filters={"T2w": {"run": wanted}}) == first
    for wanted in ("nii.gz", ".nii.gz"):
        assert len(taken(root, filters={"T2w": {"extension": wanted}})) == 2
    assert taken(root, filters={"T2w": {"datatype": "func"}}) == []
    with pytest.raises(InputError, match="'acquisitoin' is no entity; acquisition"):
        taken(root, filters={"T2w": {"acquisitoin": "sag"}})


def test_filters_are_those_of_pybids(dataset: Make) -> None:
    """The same files as pybids finds, for every way to write a value."""
    from bids.layout import BIDSLayout
    from bids.layout import Query as Constants

    root = dataset(
        *(
            f"sub-{s}/anat/sub-{s}{acq}{run}_T2w.nii.gz"
            for s in "ab"
            for acq in ("", "_acq-sag", "_acq-iso")
            for run in ("", "_run-1", "_run-02")
        )
    )
    layout = BIDSLayout(root, validate=False)
    ours = {None: Constants.NONE, "*": Constants.ANY}
    for wanted in (
        {"acquisition": None},
        {"acquisition": "*"},
        {"acquisition": ["sag", None]},
        {"acquisition": ["iso", "sag"], "run": 2},
        {"subject": "b", "run": [None, 1]},
        {"suffix": "T2w", "extension": "nii.gz", "run": "*"},
        {"acquisition": []},
    ):
        theirs = {
            key: [ours.get(v, v) for v in (value if isinstance(value, list) else [value])]
            for key, value in wanted.items()
        }
        expected = {f.relpath for f in layout.get(**{"extension": ".nii.gz", **theirs})}
        found = find_scans(root, filters={"T2w": wanted}).scans
        assert {s.path.relative_to(root).as_posix() for s in found} == expected, json.dumps(wanted)


def test_the_folder_of_a_link_is_named() -> None:
    assert Skipped(Path("/b/sub-a/anat"), "x").shown == "sub-a/anat"
    assert Skipped(Path("/b/sub-a/a.nii"), "x").shown == "a.nii"
