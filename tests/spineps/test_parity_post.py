"""The phases after the networks, stage by stage against dumps of SPINEPS 2.1.3.

Every test starts from the reference's previous stage, so a fault shows where it is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from TPTBox import NII, POI

from benchmarks.against_spineps.cases import CASES, ORIGINAL, Case
from spineps_nipype.spineps.centroids import compute_centroids
from spineps_nipype.spineps.discs import finalize_arrays, number_discs_and_endplates
from spineps_nipype.spineps.endplates import split_endplates
from spineps_nipype.spineps.frames import pir_view
from spineps_nipype.spineps.instance_order import (
    join_split_top,
    move_posterior_fragments,
    number_from_top,
)
from spineps_nipype.spineps.labeling import label_vertebrae
from spineps_nipype.spineps.labeling_path import find_path
from spineps_nipype.spineps.labeling_scores import score_vertebrae
from spineps_nipype.spineps.missing_parts import assign_missing_parts, unify_articular_processes
from spineps_nipype.spineps.settings import LabelingSettings
from tests.reference.store import StoredRun

LABELLED = ("c6_net", "c6_tilt", "c9_exact", "c9_lab15")
every_case = pytest.mark.parametrize("case", CASES, indirect=True)
labelled_case = pytest.mark.parametrize("case", LABELLED, indirect=True)


@every_case
def test_articular_processes(case: StoredRun) -> None:
    vert, spine = case.array("20_post_vert_in"), case.array("20_post_seg_in")
    unify_articular_processes(vert, spine)
    np.testing.assert_array_equal(vert, case.array("21_post_inconsistency"))


@every_case
def test_missing_parts(case: StoredRun) -> None:
    vert, spine = case.array("21_post_inconsistency"), case.array("20_post_seg_in")
    deleted = assign_missing_parts(vert, spine, assign=True, fast=False)
    np.testing.assert_array_equal(vert, case.array("23_maskclean_vert"))
    np.testing.assert_array_equal(spine, case.array("23_maskclean_seg"))
    assert deleted == case.array("22_missing_cc_deleted").sum()


@every_case
def test_split_top(case: StoredRun) -> None:
    vert, spine = case.nii("23_maskclean_vert"), case.array("23_maskclean_seg")
    array = vert.get_array()
    join_split_top(array, spine, vert.zoom)
    np.testing.assert_array_equal(array, case.array("24_merged_vert"))


@every_case
def test_posterior_fragments(case: StoredRun) -> None:
    vert, spine = case.nii("24_merged_vert"), case.array("23_maskclean_seg")
    array = vert.get_array()
    move_posterior_fragments(
        pir_view(array, vert.orientation), pir_view(spine, vert.orientation), ORIGINAL
    )
    np.testing.assert_array_equal(array, case.array("25_posterior_fix"))


@every_case
def test_numbers_from_the_top(case: StoredRun) -> None:
    vert = case.nii("25_posterior_fix")
    array = vert.get_array().astype(np.uint16)
    numbers = number_from_top(pir_view(array, vert.orientation), 2, ORIGINAL)
    np.testing.assert_array_equal(array, case.array("26_top_to_bottom"))
    assert sorted(numbers.values()) == case.data["26_labels"]


@every_case
def test_reconcile_as_a_whole(case: StoredRun) -> None:
    result = case.reconciled
    np.testing.assert_array_equal(
        result.vert.get_array()[result.crop], case.array("26_top_to_bottom")
    )
    np.testing.assert_array_equal(
        result.spine.get_array()[result.crop], case.array("23_maskclean_seg")
    )


def _numbered(case: StoredRun) -> NII:
    return case.nii("28_labeled" if case.has("28_labeled") else "26_top_to_bottom")


@every_case
def test_discs_and_endplates(case: StoredRun) -> None:
    vert = _numbered(case)
    spine = case.array("23_maskclean_seg")
    array = vert.get_array().astype(np.uint16)
    array[spine == 26] = 26
    spine_pir, vert_pir = (pir_view(a, vert.orientation) for a in (spine, array))
    number_discs_and_endplates(vert_pir, spine_pir, ORIGINAL)
    np.testing.assert_array_equal(array, case.array("30_ivd_vert"))
    plates = np.nonzero(spine_pir == 62)
    split = np.zeros(vert_pir.shape, dtype=int)
    split[plates] = split_endplates(vert_pir, plates, ORIGINAL)
    np.testing.assert_array_equal(split, case.array("29_endplates"))


@every_case
def test_final_masks(case: StoredRun) -> None:
    vert = _numbered(case)
    spine = case.array("23_maskclean_seg")
    array = vert.get_array().astype(np.uint16)
    finalize_arrays(spine, array, vert.orientation, numerics=ORIGINAL)
    for mine, stage in ((spine, "31_seg_final"), (array, "31_vert_final")):
        final = case.array(stage)
        assert np.bincount(mine.ravel()).tolist()[1:] == np.bincount(final.ravel()).tolist()[1:]
        box = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(final))
        own = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(mine))
        np.testing.assert_array_equal(mine[own], final[box])


@every_case
def test_centroids(case: StoredRun, tmp_path: Path) -> None:
    poi = compute_centroids(
        case.nii("31_seg_final"), case.nii("31_vert_final"), points="bodies", numerics=ORIGINAL
    )
    expected = {tuple(map(int, k.split(","))): v for k, v in case.data["40_centroids"].items()}
    mine = {(v, s): c for v, s, c in poi.items()}
    assert mine.keys() == expected.keys()
    for key, point in expected.items():
        np.testing.assert_allclose(mine[key], point, atol=1e-9)
    file = tmp_path / "points.json"
    file.write_text(case.points)
    stored = POI.load(file)
    for key, point in mine.items():
        np.testing.assert_allclose(point, stored[key], atol=0.005)


@labelled_case
def test_scores_and_path(case: StoredRun) -> None:
    path: dict[str, Any] = case.data["27_path"]
    rows = sorted(path["soft"], key=int)
    heads = {
        head: np.array([path["soft"][row][head] for row in rows]) for head in path["soft"][rows[0]]
    }
    scores = score_vertebrae(heads, numerics=ORIGINAL)
    np.testing.assert_allclose(scores.total, path["cost_matrix"], atol=1e-8)
    found = find_path(scores, c1_enabled=False, settings=LabelingSettings(), numerics=ORIGINAL)
    assert found.classes == path["fpath"]
    assert found.labels == path["post"]
    assert found.cost == pytest.approx(path["fcost"], abs=1e-8)
    counted = case.array("26_top_to_bottom")
    table = np.zeros(counted.max() + 1, np.uint16)
    table[[int(row) for row in rows]] = found.labels
    np.testing.assert_array_equal(table[counted], case.array("28_labeled"))


# The reference labelled the tilted case with a copy of this network that turns its patches.
@pytest.mark.parametrize(
    ("dumped_case", "rotate"), [("c6_net", False), ("c6_tilt", True)], indirect=["dumped_case"]
)
def test_labelling_with_the_network(dumped_case: Case, rotate: bool) -> None:
    from spineps_nipype.models.inference.labeling import load_labeling

    network = load_labeling(dumped_case.package("tiny_labeling"))
    network.rotate = rotate
    spine, vert = dumped_case.nii("23_maskclean_seg"), dumped_case.nii("26_top_to_bottom")
    image = dumped_case.image
    final = dumped_case.nii("31_seg_final")
    whole = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(final.get_array()))
    own = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(spine.get_array()))
    offset = [a.start - b.start for a, b in zip(whole, own, strict=True)]
    box = tuple(slice(o, o + n) for o, n in zip(offset, spine.shape, strict=True))
    result = label_vertebrae(
        spine,
        vert,
        image.apply_crop(box),
        tuple(slice(0, n) for n in spine.shape),
        network,
        LabelingSettings(),
        c1_enabled=False,
        numerics=ORIGINAL,
    )
    np.testing.assert_array_equal(result.vert.get_array(), dumped_case.array("28_labeled"))
    for row in result.table:
        for head, expected in dumped_case.data["27_path"]["soft"][str(row["number"])].items():
            np.testing.assert_allclose(row["probabilities"][head], expected, atol=1e-5)


@every_case
def test_corrected_anatomy(case: StoredRun) -> None:
    """What is corrected: nothing is numbered by the sacrum, and every endplate has a side."""
    vert = _numbered(case)
    spine = case.array("23_maskclean_seg")
    array = vert.get_array().astype(np.uint16)
    before = np.bincount(spine.ravel(), minlength=101)
    finalize_arrays(spine, array, vert.orientation)
    after = np.bincount(spine.ravel(), minlength=101)
    assert not np.isin(array, (126, 226)).any()
    assert after[[52, 53, 62]].sum() == before[62]
    after[[52, 53, 62]] = before[[52, 53, 62]]
    np.testing.assert_array_equal(after, before)
