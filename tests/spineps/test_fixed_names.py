"""Names that a reader fixed, and those counted from them."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import InputError
from spineps_nipype.spineps.fixed_names import FixedName, count_names, fix_names

T8, T10, T11, T12, T13, L1, L2, L3, L4, L5, L6 = 15, 17, 18, 19, 28, 20, 21, 22, 23, 24, 25


@pytest.mark.parametrize(
    ("found", "fixed", "names"),
    [
        ([L1, L2, L3], {L2: L3}, [L2, L3, L4]),
        ([T12, L1, L2], {L2: L1}, [T11, T12, L1]),
        ([T12, L1, L2], {L1: L1}, [T12, L1, L2]),
        ([L3, L4, L5], {L4: L5}, [L4, L5, L6]),
        ([T11, T12, L1, L2], {T11: T11, L2: L1}, [T11, T12, T13, L1]),  # one more
        ([T10, T11, T12, L1], {T10: T10, T12: L1}, [T10, T11, L1, L2]),  # no T12
        ([T12, T13, L1], {L1: L1}, [T12, T13, L1]),  # an anomaly found stays
        ([L1, L2], {}, [L1, L2]),
        ([T10, T12, L1], {T10: T11}, [T11, L1, L2]),  # a gap that was found stays
        ([T10, T12, L1], {L1: T12}, [T8 + 1, T11, T12]),
        ([T10, T12, L1, L2], {T10: T11, L2: L3}, [T11, L1, L2, L3]),
        ([L1, L2, L3], {L1: T12, L2: L2}, [T12, L2, L3]),  # a reader sees the missed one
    ],
)
def test_others_are_counted(found: list[int], fixed: dict[int, int], names: list[int]) -> None:
    assert count_names(found, fixed) == dict(zip(found, names, strict=True))


@pytest.mark.parametrize(
    ("found", "fixed", "words"),
    [
        ([L1, L2], {L1: L3, L2: L2}, "L2 cannot lie below L3"),
        ([L3, L4, L5], {L3: L5}, "beyond L6"),
        ([1, 2], {2: 1}, "beyond C1"),
        ([L1, L2, L3, L4], {L1: L2, L4: L3}, "2 vertebrae and 0 names"),
    ],
)
def test_names_that_do_not_fit(found: list[int], fixed: dict[int, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        count_names(found, fixed)


def mask() -> NII:
    """Three vertebrae below each other, each 10 mm high, with a disc label between."""
    data = np.zeros((4, 4, 32), dtype=np.uint8)
    for place, label in ((22, L1), (11, L2), (0, L3)):
        data[:, :, place : place + 9] = label
    data[:, :, 20:22] = 120
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-50.0, 10.0, 100.0)
    return NII(nib.Nifti1Image(data, affine), seg=True)


def test_a_point_says_which_vertebra_is_meant() -> None:
    vert = mask()
    point = (-48.0, 12.0, 115.0)  # in L2
    result = fix_names(vert, [], [FixedName(L4, point=point)])
    out, before = result.vert.get_array(), vert.get_array()
    for old, new in ((L1, L3), (L2, L4), (L3, L5), (120, 120)):
        assert np.array_equal(out == new, before == old)
    assert [row["name"] for row in result.table] == ["L3", "L4", "L5"]
    assert [row["found"] for row in result.table] == ["L1", "L2", "L3"]
    assert [row["source"] for row in result.table] == [
        "counted from reader",
        "reader",
        "counted from reader",
    ]


def test_a_point_far_away_and_a_name_that_is_not_there() -> None:
    with pytest.raises(InputError, match="mm from the next vertebra"):
        fix_names(mask(), [], [FixedName(L4, point=(0.0, 0.0, 0.0))])
    with pytest.raises(InputError, match="found as T12; there are L1, L2, L3"):
        fix_names(mask(), [], [FixedName(L4, found=T12)])
    with pytest.raises(InputError, match="is to be L4 and L5"):
        fix_names(mask(), [], [FixedName(L4, found=L2), FixedName(L5, found=L2)])


def test_rows_of_the_network_are_kept() -> None:
    rows = [{"number": 2, "label": L2, "name": "L2", "confidence": 0.4, "source": "network"}]
    result = fix_names(mask(), rows, [FixedName(L2, found=L2)])
    assert result.table[1]["confidence"] == 0.4
    assert result.table[0]["source"] == "count"
    assert np.array_equal(result.vert.get_array(), mask().get_array())
