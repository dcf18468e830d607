"""Which label set a mask is of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks.against_truth.label_sets import (
    FAMILIES,
    LEVELS,
    SPIDER,
    SPIDER_INSTANCES,
    SPINEPS_SPINE,
    SPINEPS_VERT,
    VERSE,
    choose_set,
    find_sets,
)
from spineps_nipype.errors import InputError

AUTO = FAMILIES["auto"]


@pytest.mark.parametrize(
    ("values", "name", "modality", "expected"),
    [
        ({0, 1, 2, 3}, "sub-1_dseg", "T2w", SPIDER),
        ({1, 2}, "sub-1_dseg", "T2w", SPIDER),
        ({1, 2, 3}, "sub-1_seg-vert_msk", "T2w", VERSE),
        ({1, 2, 3}, "sub-1_dseg", "CT", VERSE),
        ({*range(1, 8), 100, *range(201, 208)}, "sub-1_dseg", "T2w", SPIDER_INSTANCES),
        ({1, 2, 103, 100, 201}, "sub-1_dseg", "T2w", SPIDER_INSTANCES),
        ({41, 42, 49, 60, 61, 62, 100, 26}, "sub-1_seg-spine_msk", "T2w", SPINEPS_SPINE),
        ({41, 50}, "sub-1_seg-subreg_msk", "CT", SPINEPS_SPINE),
        ({5, 6, 7, 105, 106, 205, 206, 207}, "sub-1_seg-vert_msk", "T2w", SPINEPS_VERT),
        ({20, 21, 28, 26, 128}, "sub-1_dseg", "T2w", SPINEPS_VERT),
        ({8, 9, 10, 28}, "sub-1_seg-vert_msk", "CT", VERSE),
        ({21, 22, 26}, "sub-1_dseg", "T2w", VERSE),
        ({1, 2, 3000}, "sub-1_dseg", "T2w", None),
        ({0}, "sub-1_dseg", "T2w", None),
    ],
)
def test_recognised(values: set[int], name: str, modality: str, expected: object) -> None:
    assert choose_set(AUTO, values, f"{name}.nii.gz", modality) is expected


def test_a_family_decides_what_the_values_leave_open() -> None:
    ambiguous = {1, 2, 3}
    assert choose_set(find_sets("spider"), ambiguous, "sub-1_dseg.nii.gz", "CT") is SPIDER
    assert choose_set(find_sets("verse"), ambiguous, "sub-1_dseg.nii.gz", "T2w") is VERSE
    assert choose_set(find_sets("spineps"), {41, 49}, "x.nii.gz", "T2w") is SPINEPS_SPINE
    without_canal = choose_set(find_sets("spider"), {1, 2, 3, 4, 201, 202}, "x.nii.gz", "T2w")
    assert without_canal is not None
    assert without_canal.name == SPIDER_INSTANCES.name


def test_slices_have_structures_and_levels() -> None:
    sets = find_sets("slices")
    assert choose_set(sets, {1, 2, 3}, "x_label-spine_dseg.nii.gz", "T2w") is SPIDER
    assert choose_set(sets, {19, 20, 61, 119}, "x_desc-levels_dseg.nii.gz", "T2w") is LEVELS
    assert choose_set(sets, {61}, "x_desc-levels_dseg.nii.gz", "T2w") is None
    assert choose_set(sets, {19, 60}, "x_desc-levels_dseg.nii.gz", "T2w") is None
    # nothing reads them unless asked to
    assert choose_set(AUTO, {19, 61}, "x_desc-levels_dseg.nii.gz", "T2w") is None


def test_levels_of_verse_and_spineps() -> None:
    assert [VERSE.levels[v] for v in (1, 7, 8, 19, 24, 25, 28)] == [
        *("C1", "C7", "T1", "T12", "L5", "L6", "T13"),
    ]
    assert not SPIDER_INSTANCES.levels
    assert 26 not in VERSE.vertebrae


TABLE = {
    "mine": {
        "files": "*_seg-mine_*",
        "vertebrae": ["1-3", 7],
        "discs": "11-12",
        "levels": {"1": "L5"},
        "structures": {"vertebra": {"truth": ["1-3", 7], "result": ["41-50"]}},
    }
}


def test_own_sets_from_json_and_toml(tmp_path: Path) -> None:
    as_json, as_toml = tmp_path / "own.json", tmp_path / "own.toml"
    as_json.write_text(json.dumps(TABLE))
    as_toml.write_text(
        '[mine]\nfiles = "*_seg-mine_*"\nvertebrae = ["1-3", 7]\ndiscs = "11-12"\n'
        'levels = { 1 = "L5" }\n[mine.structures]\n'
        'vertebra = { truth = ["1-3", 7], result = ["41-50"] }\n'
    )
    (mine,) = find_sets(str(as_json))
    assert find_sets(str(as_toml)) == (mine,)
    assert mine.vertebrae == (1, 2, 3, 7)
    assert mine.discs == (11, 12)
    assert mine.levels == {1: "L5"}
    assert mine.structures["vertebra"][1] == tuple(range(41, 51))
    # values that the set does not know are left alone
    assert choose_set((mine,), {1, 99}, "sub-1_seg-mine_msk.nii.gz", "T2w") is mine
    assert choose_set((mine,), {1, 99}, "sub-1_seg-vert_msk.nii.gz", "T2w") is None
    assert choose_set((mine,), {99}, "sub-1_seg-mine_msk.nii.gz", "T2w") is None


@pytest.mark.parametrize("text", ["", "[a]\nvertebra = [1]\n", "[a]\nvertebrae = ['x']\n", "a ="])
def test_files_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="label sets cannot be used"):
        find_sets(str(path))


def test_a_word_that_is_nothing() -> None:
    with pytest.raises(InputError, match="spider, spineps, verse, bodies, slices, auto"):
        find_sets("spdier")
