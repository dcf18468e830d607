from __future__ import annotations

import csv

import pytest

from spineps_nipype.core.anatomy import VERTEBRA_NAMES
from spineps_nipype.core.nomenclature import (
    CODE_COLUMNS,
    OWN_NUMBERS,
    UNNUMBERED,
    Column,
    all_names,
    canonical_numbers,
    code_of,
    meanings,
    plain_meaning,
    structure,
    structures,
)
from tests.reference.store import HERE

HEADINGS: dict[Column, str] = {
    "spineps_vert": "SPINEPS vert (instance)",
    "spineps_spine": "SPINEPS spine (semantic)",
    "totalspineseg": "TotalSpineSeg",
    "spine_segmentation": "spine-segmentation id",
    "totalsegmentator": "TotalSegmentator total",
    "totalsegmentator_mr": "TotalSegm. vertebrae_mr",
    "sct_level": "SCT level (point)",
}
RENAMED = {
    "sacrum (S1)": "sacrum",
    "spinal_canal (without cord)": "spinal_canal",
    "vertebral_arch (arcus)": "vertebral_arch",
    "corpus_border (= body in SPINEPS output)": "corpus_border",
    "costal/transverse_process_left": "costal_process_left",
    "costal/transverse_process_right": "costal_process_right",
}
# Sacral segments go with the sacrum where a system knows no segments: shared numbers of ours.
OURS = {f"vertebra_S{i}" for i in range(1, 7)}


def test_the_table_agrees_with_the_reference() -> None:
    with (HERE / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    compared = 0
    for row in rows:
        name = RENAMED.get(row["canonical"], row["canonical"])
        if name.startswith("endplate"):
            continue
        ours = structure(name)
        for column in CODE_COLUMNS:
            stated = row[HEADINGS[column]].split(" ")[0]
            if name == "sacrum" and column == "spine_segmentation":
                assert stated == "49"
                assert plain_meaning(column)[49] == "vertebra_S1"
            elif name in OURS and not stated:
                assert column in ours.shared or column not in ours.codes
            else:
                code = ours.codes.get(column)
                mark = "*" if column in ours.shared else ""
                assert ("" if code is None else f"{code}{mark}") == stated, (name, column)
            compared += 1
        assert ours.snomed == row["SNOMED-CT"].split(" ")[0]
    assert compared == 7 * (len(rows) - 1)


def test_names_and_numbers_are_unique() -> None:
    assert len(set(all_names())) == len(all_names())
    assert list(canonical_numbers().values()) == list(range(1, len(all_names()) + 1))
    for column in CODE_COLUMNS:
        if column == "spineps_spine":
            continue  # a semantic mask does not tell discs apart
        codes = [s.codes[column] for s in structures() if column in s.codes.keys() - s.shared]
        assert len(set(codes)) == len(codes), column


def test_vertebrae_are_those_of_spineps() -> None:
    for code, name in VERTEBRA_NAMES.items():
        full = {"COCC": "coccyx", "S1": "sacrum"}.get(name, f"vertebra_{name}")
        assert code_of(full, "spineps_vert") == code


def test_numbering_rules() -> None:
    for row in structures():
        if row.kind == "disc" and "spineps_vert" in row.codes:
            above = code_of(f"vertebra_{row.above}", "spineps_vert")
            assert row.codes["spineps_vert"] == 100 + above  # type: ignore[operator]
        if row.kind == "endplate":
            above = code_of(f"vertebra_{row.above}", "spineps_vert")
            assert row.codes["spineps_vert"] == 200 + above  # type: ignore[operator]
    assert code_of("rib_T1", "spineps_vert") == 40
    assert code_of("rib_T13", "spineps_vert") == 53


def test_levels_of_structures() -> None:
    disc = structure("disc_T12_L1")
    assert (disc.kind, disc.above, disc.below) == ("disc", "T12", "L1")
    assert (structure("vertebra_T3").above, structure("vertebra_T3").below) == ("T3", None)
    assert structure("spinal_cord").above is None
    for name in UNNUMBERED:
        assert structure(name).above is structure(name).below is None


@pytest.mark.parametrize(
    ("column", "present", "code", "name"),
    [
        ("totalspineseg", {100}, 100, "disc_L5_S1"),
        ("totalspineseg", {100, 43}, 100, "disc_L5_S1"),
        ("totalspineseg", {100, 43, 44}, 100, "disc_L4_S1"),
        ("totalspineseg", {100, 44, 45}, 100, "disc_L5_S1"),
        ("totalspineseg", {100, 45, 46}, 100, "disc_L6_S1"),
        ("totalspineseg", {96}, 96, "disc_L5_L6"),
        ("spineps_vert", {124, 24, 26}, 124, "disc_L5_S1"),
        ("spineps_vert", {124, 24, 25}, 124, "disc_L5_L6"),
        ("spineps_vert", {123, 23, 26}, 123, "disc_L4_S1"),
        ("spineps_vert", {123, 23}, 123, "disc_L4_L5"),
        ("spineps_vert", {123, 23, 24, 26}, 123, "disc_L4_L5"),
        ("spineps_vert", {119, 19, 20}, 119, "disc_T12_L1"),
        ("spineps_vert", {119, 19, 28}, 119, "disc_T12_T13"),
        ("spineps_vert", {128, 28}, 128, "disc_T13_L1"),
        ("spineps_vert", {125, 25}, 125, "disc_L6_S1"),
        ("spineps_vert", {26}, 26, "sacrum"),
        ("spineps_vert", {26, 29}, 26, "vertebra_S1"),
        ("spine_segmentation", {46, 45}, 46, "disc_L5_S1"),
        ("spine_segmentation", {46, 47}, 46, "disc_L5_L6"),
        ("spine_segmentation", {44, 43, 49}, 44, "disc_L4_S1"),
        ("spine_segmentation", {44, 43}, 44, "disc_L4_L5"),
        ("spine_segmentation", {44, 47, 49}, 44, "disc_L4_L5"),
        ("spine_segmentation", {36, 51}, 36, "disc_T12_T13"),
        ("spine_segmentation", {49}, 49, "vertebra_S1"),
        ("totalsegmentator", {25, 26}, 26, "vertebra_S1"),
        ("totalsegmentator_mr", {1}, 1, "sacrum"),
        ("sct_level", {1, 2, 25}, 25, "disc_L5_S1"),
    ],
)
def test_neighbours_decide_shared_numbers(
    column: Column, present: set[int], code: int, name: str
) -> None:
    found = meanings(column, present)
    assert found[code] == name
    assert set(found) == present


def test_unknown_numbers_mean_nothing() -> None:
    assert meanings("totalspineseg", {99}) == {}


def test_own_numbers_are_those_of_the_package() -> None:
    from spineps_nipype.spine_segmentation.names import ID_OF, names_by_neighbours

    for code, name in plain_meaning("spine_segmentation").items():
        if name.startswith("vertebra_"):
            assert ID_OF[name.removeprefix("vertebra_")] == code
    table = names_by_neighbours([])
    for code, name in OWN_NUMBERS.items():
        assert name.split("_", 1)[1].replace("_", "-") == table[code]
