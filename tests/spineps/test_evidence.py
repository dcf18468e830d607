"""Evidence without truth: sure and even masks have more of it than doubtful and ragged ones."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spineps.evidence import COLUMNS, STRUCTURES, gather_evidence

ZOOM = (1.0, 1.0, 2.0)


def column() -> np.ndarray:
    """Four bodies with discs between them before a canal."""
    mask = np.zeros((40, 64, 10), np.uint8)
    mask[22:30, 2:62, 2:8] = 61
    for number in range(4):
        mask[4:20, 2 + 15 * number : 13 + 15 * number, 1:9] = 49
        mask[4:20, 13 + 15 * number : 17 + 15 * number, 1:9] = 100
    return mask


def shares_of(mask: np.ndarray, sure: float = 1.0) -> np.ndarray:
    """A network that gives each voxel so much of its own structure, and the others the rest."""
    own = np.stack([np.isin(mask, labels) for labels in STRUCTURES.values()])
    return np.where(own, sure, (1 - sure) / 10).astype(np.float32)


def rows(mask: np.ndarray, shares: np.ndarray) -> dict[str, dict[str, float]]:
    found = gather_evidence(mask, shares, ZOOM, 3.0)
    assert all(list(row) == list(COLUMNS) for row in found) or all(
        set(row) == set(COLUMNS) for row in found
    )
    return {row["structure"]: row for row in found}


def test_a_certain_network_expects_a_perfect_mask() -> None:
    found = rows(column(), shares_of(column()))
    assert list(found) == ["vertebra", "disc", "canal"]
    for row in found.values():
        assert row["soft_dice"] == pytest.approx(1)
        assert row["inside"] == pytest.approx(1)
        assert row["outside"] == pytest.approx(0, abs=1e-6)
        assert row["border"] == pytest.approx(0, abs=1e-6)
        assert row["slice_thickness"] == 3.0
    assert found["vertebra"]["volume"] == np.count_nonzero(column() == 49) * 2.0
    assert [found[name]["pieces"] for name in found] == [4, 4, 1]
    assert found["canal"]["coverage"] == 1
    assert found["disc"]["coverage"] == pytest.approx(16 / 60)


def test_soft_dice_is_what_the_probabilities_say() -> None:
    mask, sure = column(), 0.8
    share = shares_of(mask, sure)
    own = np.isin(mask, STRUCTURES["disc"])
    box = share[1][:, :, :]  # the margin reaches the border everywhere
    wanted = 2 * box[own].sum() / (own.sum() + box[1:33, :, :].sum())
    assert rows(mask, share)["disc"]["soft_dice"] == pytest.approx(wanted, abs=0.02)


def test_doubt_lowers_all_that_tells_of_it() -> None:
    sure, unsure = (rows(column(), shares_of(column(), p)) for p in (0.95, 0.6))
    for name in STRUCTURES:
        assert unsure[name]["soft_dice"] < sure[name]["soft_dice"]
        assert unsure[name]["inside"] < sure[name]["inside"]
        assert unsure[name]["outside"] > sure[name]["outside"]
        assert unsure[name]["border"] > sure[name]["border"]


def test_a_ragged_mask_shows() -> None:
    even, ragged = column(), column()
    ragged[4:13, 17:28, 1:9] = 0  # half a body
    ragged[36:38, 30:32, 4] = 49  # a speck
    ragged[22:30, 40:45] = 0  # a gap of the canal
    one, other = (rows(m, shares_of(m)) for m in (even, ragged))
    assert other["vertebra"]["irregularity"] > one["vertebra"]["irregularity"]
    assert one["vertebra"]["specks"] == 0 < other["vertebra"]["specks"]
    assert other["canal"]["pieces"] == 2
    assert other["canal"]["coverage"] < one["canal"]["coverage"]


def test_a_disc_that_the_end_of_the_image_cuts_is_no_speck() -> None:
    whole = column()
    speck, cut = whole.copy(), whole.copy()
    speck[30:33, 30, 4] = 100
    cut[8:11, 0, 4] = 100
    assert rows(speck, shares_of(speck))["disc"]["specks"] > 0
    for mask in (cut, cut[:, ::-1]):
        found = rows(mask, shares_of(mask))["disc"]
        assert (found["specks"], found["pieces"]) == (0, 4)


def test_a_missing_body_is_a_gap() -> None:
    whole = column()
    holed = np.where(
        (whole == 49) & (np.arange(64) >= 32)[:, None] & (np.arange(64) < 43)[:, None], 0, whole
    )
    assert rows(whole, shares_of(whole))["vertebra"]["gap"] == pytest.approx(0, abs=0.01)
    found = rows(holed, shares_of(holed))
    assert found["vertebra"]["gap"] == pytest.approx(np.log(30 / 22.5), abs=0.01)
    assert found["canal"]["gap"] == 0


def test_structures_that_are_not_there_have_no_row() -> None:
    mask = column()
    mask[mask == 100] = 0
    assert list(rows(mask, shares_of(mask))) == ["vertebra", "canal"]
    assert gather_evidence(np.zeros_like(mask), shares_of(mask), ZOOM, 3.0) == []
