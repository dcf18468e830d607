"""Names of a session in the table and the mask of one scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.core.anatomy import L1, T11, T12, T13
from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.session_names import ScanNames, decision_for, joint_names
from spineps_nipype.core.spine_names import name_of, read_written
from spineps_nipype.core.tables import read_rows, write_table
from spineps_nipype.errors import InputError
from spineps_nipype.spineps.session_names import names_of_table, rename, with_unseen

L2, L3, L4 = L1 + 1, L1 + 2, L1 + 3
POSTERIOR = NamePosterior((((T12, L1, L2), 0.9), ((T11, T12, L1), 0.1)))


def table(*labels: int, **more: Any) -> list[dict[str, Any]]:
    """Table of vertebrae, as stored, that a network judged."""
    return [
        {
            "number": str(place + 2),
            "label": str(label),
            "name": name_of(label),
            "confidence": "0.5",
            "source": "network",
            "x": "1.5",
            "y": "-2",
            "z": str(-30.0 * place),
            "found_sequences": "T11 to L1 (0.6); T12 to L2 (0.4)" if not place else None,
            **more,
        }
        for place, label in enumerate(labels)
    ]


def mask(*labels: int) -> NII:
    """Vertebra mask: each label in a row of its own, then what is no vertebra."""
    array = np.zeros((len(labels) + 1, 4, 4), np.uint8)
    for row, label in enumerate(labels):
        array[row] = label
    return NII.from_numpy(array, np.eye(4), True)


def test_masks_discs_and_endplates_get_the_names() -> None:
    vert = mask(T11, 100 + T11, 200 + T11, T12, 100 + T12, L1, 26, 80)
    result = rename(vert, table(T11, T12, L1), (T12, L1, L2), POSTERIOR)
    expected = [T12, 100 + T12, 200 + T12, L1, 100 + L1, L2, 26, 80, 0]
    assert result.vert.get_array()[:, 0, 0].tolist() == expected
    assert [row["name"] for row in result.table] == ["T12", "L1", "L2"]
    assert [row["found"] for row in result.table] == ["T11", "T12", "L1"]
    assert result.table[0]["confidence"] == pytest.approx(0.9)
    assert result.table[0]["sequences"] == "T12 to L2 (0.90); T11 to L1 (0.10)"
    assert result.table[0]["alternative_1"] == "T11"
    assert result.table[0]["alternative_2"] is None
    assert result.table[0]["found_sequences"] == "T11 to L1 (0.6); T12 to L2 (0.4)"
    assert {row["source"] for row in result.table} == {"session"}


def test_a_second_decision_keeps_what_was_found_first() -> None:
    once = rename(mask(T11, T12, L1), table(T11, T12, L1), (T12, L1, L2), POSTERIOR)
    back = rename(once.vert, once.table, (T11, T12, L1), POSTERIOR)
    assert back.vert.get_array()[:3, 0, 0].tolist() == [T11, T12, L1]
    assert [row["found"] for row in back.table] == ["T11", "T12", "L1"]
    assert {row["source"] for row in back.table} == {"network"}


def test_a_thirteenth_thoracic_vertebra_may_come_in() -> None:
    names = (T12, T13, L1)
    result = rename(mask(T11, T12, L1), table(T11, T12, L1), names, NamePosterior(((names, 1.0),)))
    assert result.vert.get_array()[:3, 0, 0].tolist() == list(names)


def test_vertebrae_without_a_place_are_counted_from_the_others() -> None:
    rows = table(T11, T12, L1, L2)
    for axis in "xyz":
        rows[3][axis] = None
    result = rename(mask(T11, T12, L1, L2), rows, (T12, L1, L2), POSTERIOR)
    assert [row["label"] for row in result.table] == [T12, L1, L2, L3]
    assert result.table[3]["confidence"] == "0.5"


def test_names_of_other_vertebrae_are_refused() -> None:
    for labels in ((L1, L2), (L1, L2, L3, L4)):
        with pytest.raises(InputError, match="not those of the vertebrae"):
            rename(mask(T11, T12, L1), table(T11, T12, L1), labels, POSTERIOR)


def test_a_table_comes_back_from_its_file(tmp_path: Any) -> None:
    path = tmp_path / "labels.tsv"
    write_table(table(T11, T12, L1), path)
    found = names_of_table(read_rows(path), "a")
    assert found is not None
    assert found.points.tolist() == [[1.5, -2, 0], [1.5, -2, -30], [1.5, -2, -60]]
    assert found.posterior == NamePosterior((((T11, T12, L1), 0.6), ((T12, L1, L2), 0.4)))
    assert not found.fixed


def test_a_missed_vertebra_is_an_unseen_row_half_way_between_its_neighbours() -> None:
    told = "T11 to T12, L2 (0.7); T12 to L1, L3 (0.2); T11 to L1 (0.1)"
    found = names_of_table(table(T11, T12, L2, found_sequences=told), "a")
    assert found is not None
    assert found.points[:, 2].tolist() == [0, -30, -45, -60]
    assert found.posterior == NamePosterior((((T11, T12, L1, L2), 0.7), ((T12, L1, L2, L3), 0.2)))
    assert found.unseen == {2}
    assert found.seen((T11, T12, L1, L2)) == (T11, T12, L2)


def test_a_scan_with_a_missed_vertebra_inherits_from_another() -> None:
    """Both lack L1; the small scan takes L2 for L3."""
    heights = np.array([-30.0 * place for place in range(7) if place != 4])
    points = np.stack([np.zeros(6), np.sin(heights / 40), heights], axis=1)
    labels = (T11 - 2, T11 - 1, T11, T12, L2, L3)
    wrong = NamePosterior((((T12, L1, L3, L4), 0.6), ((T11, T12, L2, L3), 0.4)))
    moved = points[2:] + np.array([0, 3, 4])
    scans = [
        with_unseen(ScanNames("large", points, NamePosterior(((labels, 1.0),)))),
        with_unseen(ScanNames("small", moved, wrong)),
    ]
    (joint,) = joint_names(scans)
    assert joint.names == {"large": labels, "small": labels[2:]}
    decision = decision_for("small", joint)
    assert decision.sequences.startswith("T11 to T12, L2 to L3 (")
    posterior = read_written(decision.sequences, 4)
    assert posterior is not None
    result = rename(mask(T12, L1, L3, L4), table(T12, L1, L3, L4), decision.labels, posterior)
    assert [row["name"] for row in result.table] == ["T11", "T12", "L2", "L3"]


def test_names_of_a_reader_are_certain() -> None:
    rows = table(T12, L1, L2, source="counted from reader")
    found = names_of_table(rows, "a")
    assert found is not None
    assert found.fixed
    assert found.posterior == NamePosterior((((T12, L1, L2), 1.0),))


@pytest.mark.parametrize(
    "odd",
    [
        {"x": None},
        {"z": "inf"},
        {"y": "there"},
        {"found_sequences": None},
        {"found_sequences": "T11 to L1 (nan to)"},
        {"found_sequences": "T11 to L3 (1)"},
    ],
)
def test_a_table_that_tells_too_little_is_none(odd: dict[str, Any]) -> None:
    assert names_of_table(table(T11, T12, L1, **odd), "a") is None
    assert names_of_table([], "a") is None
