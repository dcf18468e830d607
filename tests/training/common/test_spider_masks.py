"""Bodies of SPIDER masks, and scans that teach names only where the names are certain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from TPTBox import NII

from spineps_nipype.core.images import save_nii
from training.common.named_scans import named_scans, sacrum_box
from training.common.spider_masks import CANAL, DISC, VERTEBRA, lumbar_names, number_bodies
from training.labeling.samples import LabelingSamples

SPACING = (1.0, 1.0, 2.0)
BODIES = 3


def spider_mask(*, lowest_disc: bool = True) -> np.ndarray:
    """Three bodies with discs below, in front of a canal; arches behind it, which touch."""
    mask = np.zeros((70, 100, 8), np.uint8)
    mask[30:40] = CANAL
    mask[42:50, 5:95] = VERTEBRA
    for k in range(BODIES):
        mask[5:25, 5 + 25 * k : 24 + 25 * k] = VERTEBRA
        if lowest_disc or k < BODIES - 1:
            mask[5:25, 24 + 25 * k : 30 + 25 * k] = DISC
    return mask


def test_bodies_are_numbered_from_the_top_without_their_arches() -> None:
    bodies = number_bodies(spider_mask(), SPACING)
    assert np.unique(bodies).tolist() == [0, 1, 2, 3]
    for number in (1, 2, 3):
        p, i, _ = np.nonzero(bodies == number)
        assert (p.min(), p.max()) == (5, 24)
        assert (i.min(), i.max()) == (5 + 25 * (number - 1), 23 + 25 * (number - 1))


def test_a_bridge_of_bone_before_a_disc_joins_no_bodies() -> None:
    mask = spider_mask()
    mask[5:9, 24:30] = VERTEBRA
    bodies = number_bodies(mask, SPACING)
    assert np.unique(bodies).tolist() == [0, 1, 2, 3]
    assert np.count_nonzero(bodies == 1) == pytest.approx(np.count_nonzero(bodies == 2), rel=0.1)


def test_a_spur_beside_a_disc_is_no_body() -> None:
    mask = spider_mask()
    mask[5:7, 24:29] = VERTEBRA
    assert number_bodies(mask, SPACING).max() == 3


def test_specks_are_no_bodies() -> None:
    mask = spider_mask()
    mask[10:12, 90:92, :2] = VERTEBRA
    assert number_bodies(mask, SPACING).max() == 3


def test_specks_of_canal_where_discs_end_cut_no_body() -> None:
    mask = spider_mask()
    mask[4, 20, 2] = mask[25, 30:33, 3] = CANAL
    np.testing.assert_array_equal(
        number_bodies(mask, SPACING), number_bodies(spider_mask(), SPACING)
    )


def test_a_canal_in_two_parts_counts_whole() -> None:
    mask = spider_mask()
    mask[30:40, 40:60] = 0
    mask[20:30, 60:] = CANAL
    below = number_bodies(mask, SPACING)[:, 60:]
    assert np.nonzero(below == BODIES)[0].max() == 17


def test_a_mask_without_canal_has_no_bodies() -> None:
    assert not number_bodies(np.full((4, 4, 4), VERTEBRA, np.uint8), SPACING).any()


def test_the_lowest_body_is_l5() -> None:
    assert lumbar_names(7) == {1: "T11", 2: "T12", 3: "L1", 4: "L2", 5: "L3", 6: "L4", 7: "L5"}
    assert lumbar_names(0) == {}
    assert lumbar_names(30) == {}


def test_sacrum_lies_below_and_behind() -> None:
    bodies = np.zeros((80, 90, 6), np.uint8)
    bodies[10:30, 20:40, 1:5] = 2
    p, i, r = np.nonzero(sacrum_box(bodies, SPACING))
    assert (p.min(), p.max() + 1) == (10, 60)
    assert (i.min(), i.max() + 1) == (40, 90)
    assert (r.min(), r.max() + 1) == (1, 5)


def write_dataset(root: Path, masks: dict[str, np.ndarray], counts: dict[str, int]) -> None:
    affine = np.array([[0, 0, 2.0, 0], [-1.0, 0, 0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1]])
    for subject, mask in masks.items():
        image, truth = (
            folder / subject / "anat" for folder in (root, root / "derivatives" / "manual")
        )
        image.mkdir(parents=True)
        truth.mkdir(parents=True)
        grey = mask.astype(np.float32) * 50 + 10
        save_nii(NII.from_numpy(grey, affine, False), image / f"{subject}_T2w.nii.gz")
        save_nii(NII.from_numpy(mask, affine, True), truth / f"{subject}_dseg.nii.gz")
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x"}))
    rows = "\n".join(f"{subject}\t{count}" for subject, count in counts.items())
    (root / "participants.tsv").write_text(f"participant_id\tnum_vertebrae\n{rows}\n")


def test_only_scans_with_certain_names_are_used(tmp_path: Path) -> None:
    masks = {
        "sub-good": spider_mask(),
        "sub-count": spider_mask(),
        "sub-cut": spider_mask(lowest_disc=False),
        "sub-007": spider_mask(),  # held out
    }
    write_dataset(tmp_path, masks, dict.fromkeys(masks, 3) | {"sub-count": 4})
    scans = list(named_scans(tmp_path))
    assert [scan.subject for scan in scans] == ["sub-good"]
    assert scans[0].names == {1: "L3", 2: "L4", 3: "L5"}
    assert [scan.subject for scan in named_scans(tmp_path, held_out=True)] == ["sub-007"]
    samples = LabelingSamples(tuple(scans), real_share=1.0)(0, 3)
    assert {int(sample["VERT"]) for sample in samples} <= {21, 22, 23}
    assert all(np.isfinite(sample["x"]).all() for sample in samples)
    again = LabelingSamples(tuple(scans), real_share=1.0)(0, 3)
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(samples, again, strict=True))
