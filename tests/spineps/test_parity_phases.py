"""The phases up to the instances, stage by stage against dumps of SPINEPS 2.1.3.

Every test starts from the reference's previous stage, so a fault shows where it is made. The
networks themselves are compared with the packages of the reference, where these are present.
"""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from benchmarks.against_spineps.cases import CASES, MR_CLASSES, ORIGINAL, Case
from spineps_nipype.core.components import bounding_box
from spineps_nipype.core.geometry import margin_voxels, rescale
from spineps_nipype.models.loading import load_instance, load_semantic
from spineps_nipype.spineps.instance import finish_instances, segment_instances
from spineps_nipype.spineps.instance_cutouts import (
    map_labels,
    place_seed,
    window_at,
)
from spineps_nipype.spineps.instance_merge import couple_predictions, merge_couples
from spineps_nipype.spineps.instance_seeds import find_seeds
from spineps_nipype.spineps.postprocess import to_image_grid
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.semantic_cleanup import (
    clean_far_components,
    clean_semantic,
    clean_small_components,
)
from spineps_nipype.spineps.settings import InstanceSettings, PreprocessSettings, SemanticSettings
from tests.reference.store import SOME, StoredRun, digest

SEMANTIC_PACKAGE_THERE = ("c6_net", "c6_tilt", "merged", "nosac_tta", "c6_3fold")
INSTANCE_PACKAGE_THERE = ("c6_net", "c6_tilt", "nosac_tta")
NO_N4 = PreprocessSettings(proc_sem_n4_bias_correction=False)
SPACING = (2.0, 2.0, 4.0)
"""Spacing of all reference models in mm."""
SAME_VOXELS = 0.999
"""Smallest part of equal voxels after a network."""
SEED_VOXELS, INSTANCE_VOXELS = 100, 250
"""Cleaning thresholds at a fixed spacing."""


every_case = pytest.mark.parametrize("case", CASES, indirect=True)


def assert_same(ours: NII, reference: NII) -> None:
    assert ours.orientation == reference.orientation
    assert ours.shape == reference.shape
    np.testing.assert_allclose(ours.affine, reference.affine, atol=1e-4)
    np.testing.assert_array_equal(ours.get_array(), reference.get_array())


def prepared(case: StoredRun) -> NII:
    """The input image after pre-processing."""
    return preprocess_input(case.image, NO_N4, is_ct=False, numerics=ORIGINAL)


@every_case
def test_preprocessing(case: StoredRun) -> None:
    assert digest(prepared(case)) == case.prepared_digest


@every_case
def test_model_grid(case: StoredRun) -> None:
    some, affine, shape = case.net_input
    codes = nib.aff2axcodes(affine)
    ours = rescale(prepared(case).reorient(codes), SPACING)
    assert ours.shape == shape
    np.testing.assert_allclose(ours.affine, affine, atol=1e-4)
    np.testing.assert_allclose(ours.get_array()[SOME], some, rtol=1e-5, atol=1e-2)


def labels_of_the_network(case: StoredRun) -> NII:
    """Network classes of the reference in SPINEPS numbers."""
    classes = case.nii("04_net_labels")
    table = np.array(MR_CLASSES, np.uint8)
    return classes.set_array(table[classes.get_array()], seg=True)


@every_case
def test_semantic_cleanup_step_by_step(case: StoredRun) -> None:
    small = clean_small_components(labels_of_the_network(case))
    expected = case.array("05_sem_cc_clean")
    np.testing.assert_array_equal(small.get_array(), expected)
    far = clean_far_components(small.set_array(expected, seg=True))
    assert_same(far, case.nii("06_sem_bbox_clean"))


@every_case
def test_semantic_cleanup(case: StoredRun) -> None:
    ours = clean_semantic(labels_of_the_network(case), SemanticSettings(), ORIGINAL)
    assert_same(ours, case.nii("07_semantic_modelres"))


@every_case
def test_crop_of_the_instance_phase(case: StoredRun) -> None:
    grid = rescale(case.nii("07_semantic_modelres").reorient(("P", "I", "R")), SPACING)
    crop = grid.compute_crop(dist=margin_voxels(3.75, grid.zoom))
    assert_same(grid.apply_crop(crop), case.nii("09_inst_input_crop"))


@every_case
def test_seeds(case: StoredRun) -> None:
    labels = case.array("09_inst_input_crop")
    seeds = find_seeds(labels, SPACING[1], SEED_VOXELS, InstanceSettings())
    np.testing.assert_allclose(seeds, case.data["10_corpus_coms"], atol=1e-9)


@every_case
def test_windows(case: StoredRun) -> None:
    labels = case.array("09_inst_input_crop")
    config = case.instance_config
    volume = map_labels(labels, config.mapping)
    boxes = {seed: box for seed, _, box, _ in case.data["11_predictions"]}
    for number, seed in enumerate(case.data["10_corpus_coms"]):
        window = window_at(place_seed(volume, seed), config.cutout_size, labels.shape)
        assert [[s.start, s.stop] for s in window.box] == boxes[number]


@every_case
def test_couples(case: StoredRun) -> None:
    ours = couple_predictions(case.predictions())
    expected = {
        tuple(tuple(member) for member in couple): agreement
        for couple, agreement in case.data["12_couples"]
    }
    assert list(ours) == list(expected)
    np.testing.assert_allclose(list(ours.values()), list(expected.values()), atol=1e-12)


@every_case
def test_merging(case: StoredRun) -> None:
    couples = {tuple(tuple(m) for m in c): g for c, g in case.data["12_couples"]}
    shape = case.array("09_inst_input_crop").shape
    merged = merge_couples(couples, case.predictions(), shape)
    cleaned = finish_instances(merged, INSTANCE_VOXELS, InstanceSettings(proc_fill_3d_holes=False))
    np.testing.assert_array_equal(cleaned, case.array("13_merged"))


@every_case
def test_final_instances(case: StoredRun) -> None:
    expected = case.nii("14_instance_modelres")
    ours = finish_instances(case.array("13_merged"), 0, InstanceSettings())
    grid = rescale(case.nii("07_semantic_modelres").reorient(("P", "I", "R")), SPACING)
    crop = grid.compute_crop(dist=margin_voxels(3.75, grid.zoom))
    full = np.zeros(grid.shape, ours.dtype)
    full[tuple(crop)] = ours
    assert_same(grid.set_array(full, seg=True), expected)


@every_case
def test_back_to_the_input_grid(case: StoredRun) -> None:
    image = case.image
    spine = to_image_grid(case.nii("07_semantic_modelres"), image, ORIGINAL)
    vert = to_image_grid(case.nii("14_instance_modelres"), image, ORIGINAL)
    box = bounding_box(spine.get_array(), margin_voxels(1.5, image.zoom))
    vert = vert.set_array(vert.get_array() * (spine.get_array() > 0), seg=True)
    assert_same(spine.apply_crop(box), case.nii("20_post_seg_in"))
    assert_same(vert.apply_crop(box), case.nii("20_post_vert_in"))


class Replay:
    """Instance model that answers with the predictions of the reference."""

    def __init__(self, case: StoredRun) -> None:
        self.config = case.instance_config
        self.predictions = case.predictions()
        self.seeds = len(case.data["10_corpus_coms"])
        self.volume = map_labels(case.array("09_inst_input_crop"), self.config.mapping)
        self.windows = [
            window_at(place_seed(self.volume, s), self.config.cutout_size, self.volume.shape)
            for s in case.data["10_corpus_coms"]
        ]
        self.asked = 0

    def predict(self, cutouts: Any, **_options: Any) -> list[np.ndarray]:
        out = []
        for cut in cutouts:
            window = self.windows[self.asked]
            np.testing.assert_array_equal(cut, window.cut(self.volume))
            answer = np.zeros(self.volume.shape, np.uint8)
            for (seed, position), found in self.predictions.items():
                if seed == self.asked:
                    answer[found.box][found.mask] = position + 1
            out.append(window.cut(answer))
            self.asked += 1
        return out


@every_case
def test_instance_phase_with_the_answers_of_the_reference(case: StoredRun) -> None:
    network = Replay(case)
    debug: dict[str, Any] = {}
    ours = segment_instances(
        case.nii("07_semantic_modelres"), network, InstanceSettings(), debug=debug
    )
    assert network.asked == network.seeds
    assert_same(ours, case.nii("14_instance_modelres"))
    assert_same(debug["inst_cropped_Subreg_nii_b"], case.nii("09_inst_input_crop"))


@pytest.mark.slow
@pytest.mark.parametrize("case", SEMANTIC_PACKAGE_THERE, indirect=True)
def test_semantic_phase_with_the_package(case: StoredRun) -> None:
    network = load_semantic(case.package(case.packages.semantic))
    ours = segment_semantic(prepared(case), network, SemanticSettings(), numerics=ORIGINAL)
    expected = case.nii("07_semantic_modelres").get_array()
    assert (ours.mask.get_array() == expected).mean() >= SAME_VOXELS


@pytest.mark.slow
@pytest.mark.parametrize("dumped_case", INSTANCE_PACKAGE_THERE, indirect=True)
def test_instance_phase_with_the_package(dumped_case: Case) -> None:
    network = load_instance(dumped_case.package(dumped_case.packages.instance))
    mask = dumped_case.nii("07_semantic_modelres")
    ours = segment_instances(mask, network, InstanceSettings())
    expected = dumped_case.nii("14_instance_modelres").get_array()
    assert (ours.get_array() == expected).mean() >= SAME_VOXELS
