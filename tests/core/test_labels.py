"""Label tables: those of BIDS, and those that viewers read."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from io import StringIO

import pytest

from spineps_nipype.core.anatomy import SPINE_NAMES, VERTEBRA_NAMES
from spineps_nipype.core.colours import structure_colours, vertebra_colours
from spineps_nipype.core.labels import Label, spine_labels, system_labels, vertebra_labels
from spineps_nipype.core.lookup_tables import (
    bids_table,
    freesurfer_table,
    itksnap_table,
    slicer_table,
    table_files,
)
from spineps_nipype.core.nomenclature import CODE_COLUMNS, plain_meaning

TABLES = {
    "spine": spine_labels(),
    "vert": vertebra_labels(),
    **{column: system_labels(column) for column in CODE_COLUMNS},
}
EACH = pytest.mark.parametrize("labels", TABLES.values(), ids=TABLES)
ITKSNAP = re.compile(r'(\d+) (\d+) (\d+) (\d+) ([01]) ([01]) ([01]) "([^"]+)"')


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text), delimiter="\t"))


@EACH
def test_the_table_of_bids_has_its_columns_and_each_number_once(labels: list[Label]) -> None:
    rows = rows_of(bids_table(labels))
    assert list(rows[0]) == ["index", "name", "abbreviation", "color", "mapping"]
    for column in ("index", "name", "abbreviation"):
        values = [row[column] for row in rows]
        assert len(set(values)) == len(values)
        assert all(values)
    assert all(re.fullmatch("#[0-9a-f]{6}", row["color"]) for row in rows)
    assert {row["mapping"] for row in rows} <= {"4", "5", "n/a"}


@pytest.mark.parametrize(
    ("labels", "shown"),
    [("spine", structure_colours()), ("vert", vertebra_colours())],
)
def test_colours_are_those_of_the_pages(
    labels: str, shown: dict[int, tuple[str, tuple[int, int, int]]]
) -> None:
    for label in TABLES[labels]:
        assert label.colour == shown[label.index][1], label.name


def test_every_number_of_spineps_has_a_row() -> None:
    assert [x.index for x in TABLES["spine"]] == sorted(SPINE_NAMES)
    assert {x.index for x in TABLES["vert"] if x.index < 100} == set(VERTEBRA_NAMES)


def test_one_structure_has_one_colour_in_all_systems() -> None:
    """What pages show in a colour has it in the masks of the other systems, too."""
    own = {label.index: label.colour for label in vertebra_labels()}
    for column, at in (("totalspineseg", 43), ("spine_segmentation", 41)):
        names = {label.index: label for label in TABLES[column]}
        assert names[at].abbreviation == "L3"
        assert names[at].colour == own[22]
    assert {x.index: x for x in TABLES["totalspineseg"]}[93].colour == own[121]  # disc L2-L3
    cords = {x.colour for key in ("totalspineseg", "totalsegmentator") for x in TABLES[key]
             if x.name == "spinal_cord"}  # fmt: skip
    assert cords == {structure_colours()[60][1]}


@pytest.mark.parametrize(
    ("number", "abbreviation", "tissue"),
    [(20, "L1", 4), (124, "IVD_L5", 5), (224, "EP_L5", 4), (26, "S1", 4), (27, "COCC", 4)],
)
def test_abbreviation_and_tissue(number: int, abbreviation: str, tissue: int) -> None:
    label = next(x for x in TABLES["vert"] if x.index == number)
    assert (label.abbreviation, label.mapping) == (abbreviation, tissue)


def test_cord_canal_and_metal_have_no_common_label_in_bids() -> None:
    assert {x.index for x in TABLES["spine"] if x.mapping is None} == {60, 61, 80}
    assert "\tn/a\n" in bids_table(TABLES["spine"])


def test_names_of_the_system_stand_in_place_of_the_canonical_ones() -> None:
    rows = system_labels("spine_segmentation", {46: "L5-S1", 45: "L5"})
    assert [(x.index, x.name) for x in rows] == [(45, "L5"), (46, "L5-S1")]
    assert set(plain_meaning("totalspineseg")) == {x.index for x in TABLES["totalspineseg"]}


@EACH
def test_itksnap_reads_eight_fields(labels: list[Label]) -> None:
    lines = [x for x in itksnap_table(labels).splitlines() if not x.startswith("#")]
    assert lines[0] == '0 0 0 0 0 0 0 "Clear Label"'
    matches = [ITKSNAP.fullmatch(line) for line in lines[1:]]
    found = {int(m[1]): (m[8], tuple(map(int, m.groups()[1:4]))) for m in matches if m}
    assert found == {x.index: (x.name, x.colour) for x in labels}


@EACH
@pytest.mark.parametrize(("write", "alpha"), [(slicer_table, 255), (freesurfer_table, 0)])
def test_slicer_and_freesurfer_read_six_words(
    labels: list[Label], write: Callable[[list[Label]], str], alpha: int
) -> None:
    words = [line.split() for line in write(labels).splitlines() if not line.startswith("#")]
    assert all(len(line) == 6 for line in words)
    assert [int(line[0]) for line in words] == [0, *sorted(x.index for x in labels)]
    found = {int(a): (name, (int(r), int(g), int(b))) for a, name, r, g, b, _ in words[1:]}
    assert found == {x.index: (x.name, x.colour) for x in labels}
    assert {int(line[5]) for line in words[1:]} == {alpha}


def test_names_with_spaces_are_one_word_in_slicer() -> None:
    label = Label(7, "left rib", "R", (1, 2, 3), None)
    assert slicer_table([label]).splitlines()[-1] == "7 left_rib 1 2 3 255"
    assert itksnap_table([label]).endswith('7 1 2 3 1 1 1 "left rib"\n')


def test_files_are_called_like_the_table() -> None:
    files = table_files("seg-vert_dseg.tsv", TABLES["vert"])
    assert list(files) == [
        "seg-vert_dseg.tsv",
        "seg-vert_itksnap.txt",
        "seg-vert_slicer.ctbl",
        "seg-vert_freesurfer.txt",
    ]
