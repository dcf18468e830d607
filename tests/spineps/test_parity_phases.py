"""The phases up to the instances, stage by stage against dumps of SPINEPS 2.1.3.

Every test starts from the reference's previous stage, so a fault shows where it is made. The
networks themselves are compared with the packages of the reference, where these are present.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.core.anatomy import MR_LABELS
from spineps_nipype.core.components import bounding_box
from spineps_nipype.core.geometry import margin_voxels, rescale, to_input_grid
from spineps_nipype.core.images import background_value, load_image
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.loading import load_instance, load_semantic
from spineps_nipype.models.package import load_package
from spineps_nipype.settings import InstanceSettings, PreprocessSettings, SemanticSettings
from spineps_nipype.spineps.instance import finish_instances, segment_instances
from spineps_nipype.spineps.instance_cutouts import (
    Prediction,
    collect_predictions,
    map_labels,
    place_seed,
    window_at,
)
from spineps_nipype.spineps.instance_merge import couple_predictions, merge_couples
from spineps_nipype.spineps.instance_seeds import find_seeds
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.semantic_cleanup import (
    clean_far_components,
    clean_semantic,
    clean_small_components,
)

CASES = (
    "c6_oracle",
    "c6_net",
    "c6_legacy",
    "c6_tilt",
    "c9_exact",
    "c9_lab15",
    "merged",
    "nosac_tta",
    "c6_3fold",
)
SEMANTIC_OF_CASE = {
    "c6_net": "coded_t2w",
    "c6_tilt": "coded_t2w",
    "merged": "coded_t2w",
    "nosac_tta": "coded_t2w_tta",
    "c6_3fold": "coded_t2w_3fold",
}
"""Cases whose images or packages differ, with their semantic package."""
NO_N4 = PreprocessSettings(proc_sem_n4_bias_correction=False)
SPINEPS = "spineps-2.1.3"
SPACING = (2.0, 2.0, 4.0)
"""Spacing of all reference models in mm."""
NETWORK_CUTOUT, ORACLE_CUTOUT = (48, 64, 16), (64, 80, 16)
"""Cut-outs of the reference's instance networks and of its stand-in, in voxels."""
WITH_INSTANCE_NETWORK = ("c6_net", "c6_legacy", "c6_tilt", "nosac_tta")
SAME_VOXELS = 0.999
"""Smallest part of equal voxels after a network."""
SEED_VOXELS, INSTANCE_VOXELS = 100, 250
"""Cleaning thresholds at a fixed spacing."""


class Case:
    """Dumps of one reference run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.data = json.loads((folder / "stages.json").read_text())["data"]

    def array(self, stage: str) -> np.ndarray:
        return np.load(self.folder / f"{stage}.npz")["array"]

    def nii(self, stage: str, seg: bool = True) -> NII:
        dump = np.load(self.folder / f"{stage}.npz")
        return NII(nib.Nifti1Image(dump["array"], dump["affine"]), seg)

    def image_path(self) -> Path:
        return next((self.folder / "ds" / "rawdata").glob("*.nii.gz"))

    def predictions(self) -> dict[tuple[int, int], Prediction]:
        """Predictions of the reference, as the phase holds them."""
        found = {}
        for seed, position, box, size in self.data["11_predictions"]:
            sides = tuple(slice(*side) for side in box)
            mask = self.array(f"11_pred_{seed:02d}_{position}").astype(bool)
            found[seed, position] = Prediction(sides, mask, size)
        return found


@pytest.fixture
def case(request: pytest.FixtureRequest, shared_dir: Path) -> Case:
    folder = shared_dir / "parity" / "reference" / request.param
    if not (folder / "stages.json").is_file():
        pytest.skip("the stage dumps of the reference are absent")
    return Case(folder)


every_case = pytest.mark.parametrize("case", CASES, indirect=True)


def assert_close(ours: NII, reference: NII) -> None:
    assert ours.orientation == reference.orientation
    assert ours.shape == reference.shape
    np.testing.assert_allclose(ours.affine, reference.affine, atol=1e-4)
    np.testing.assert_allclose(ours.get_array(), reference.get_array(), rtol=1e-5, atol=1e-2)


def assert_same(ours: NII, reference: NII) -> None:
    assert ours.orientation == reference.orientation
    assert ours.shape == reference.shape
    np.testing.assert_allclose(ours.affine, reference.affine, atol=1e-4)
    np.testing.assert_array_equal(ours.get_array(), reference.get_array())


@every_case
def test_preprocessing(case: Case) -> None:
    image = load_image(case.image_path(), numerics=SPINEPS)
    ours = preprocess_input(
        image,
        NO_N4,
        is_ct=False,
        background=background_value(case.image_path()),
        numerics=SPINEPS,
    )
    assert_same(ours, case.nii("02_preprocessed", seg=False))


@every_case
def test_model_grid(case: Case) -> None:
    reference = case.nii("03_net_input", seg=False)
    turned = case.nii("02_preprocessed", seg=False).reorient(reference.orientation)
    assert_close(rescale(turned, SPACING), reference)


def labels_of_the_network(case: Case) -> NII:
    """Network classes of the reference in SPINEPS numbers."""
    classes = case.nii("04_net_labels")
    table = np.array([0, *MR_LABELS], np.uint8)
    return classes.set_array(table[classes.get_array()], seg=True)


@every_case
def test_semantic_cleanup_step_by_step(case: Case) -> None:
    small = clean_small_components(labels_of_the_network(case))
    expected = case.array("05_sem_cc_clean")
    np.testing.assert_array_equal(small.get_array(), expected)
    far = clean_far_components(small.set_array(expected, seg=True))
    assert_same(far, case.nii("06_sem_bbox_clean"))


@every_case
def test_semantic_cleanup(case: Case) -> None:
    ours = clean_semantic(labels_of_the_network(case), SemanticSettings())
    assert_same(ours, case.nii("07_semantic_modelres"))


@every_case
def test_crop_of_the_instance_phase(case: Case) -> None:
    grid = rescale(case.nii("07_semantic_modelres").reorient(("P", "I", "R")), SPACING)
    crop = grid.compute_crop(dist=margin_voxels(3.75, grid.zoom))
    assert_same(grid.apply_crop(crop), case.nii("09_inst_input_crop"))


@every_case
def test_seeds(case: Case) -> None:
    labels = case.array("09_inst_input_crop")
    seeds = find_seeds(labels, SPACING[1], SEED_VOXELS, InstanceSettings())
    np.testing.assert_allclose(seeds, case.data["10_corpus_coms"], atol=1e-9)


@every_case
def test_windows(case: Case) -> None:
    labels = case.array("09_inst_input_crop")
    config = instance_config(case)
    volume = map_labels(labels, config.mapping)
    boxes = {seed: box for seed, _, box, _ in case.data["11_predictions"]}
    for number, seed in enumerate(case.data["10_corpus_coms"]):
        window = window_at(place_seed(volume, seed), config.cutout_size, labels.shape)
        assert [[s.start, s.stop] for s in window.box] == boxes[number]


@every_case
def test_couples(case: Case) -> None:
    ours = couple_predictions(case.predictions())
    expected = {
        tuple(tuple(member) for member in couple): agreement
        for couple, agreement in case.data["12_couples"]
    }
    assert list(ours) == list(expected)
    np.testing.assert_allclose(list(ours.values()), list(expected.values()), atol=1e-12)


@every_case
def test_merging(case: Case) -> None:
    couples = {tuple(tuple(m) for m in c): g for c, g in case.data["12_couples"]}
    shape = case.array("09_inst_input_crop").shape
    merged = merge_couples(couples, case.predictions(), shape)
    cleaned = finish_instances(merged, INSTANCE_VOXELS, InstanceSettings(proc_fill_3d_holes=False))
    np.testing.assert_array_equal(cleaned, case.array("13_merged"))


@every_case
def test_final_instances(case: Case) -> None:
    expected = case.nii("14_instance_modelres")
    ours = finish_instances(case.array("13_merged"), 0, InstanceSettings())
    grid = rescale(case.nii("07_semantic_modelres").reorient(("P", "I", "R")), SPACING)
    crop = grid.compute_crop(dist=margin_voxels(3.75, grid.zoom))
    full = np.zeros(grid.shape, ours.dtype)
    full[tuple(crop)] = ours
    assert_same(grid.set_array(full, seg=True), expected)


@every_case
def test_back_to_the_input_grid(case: Case) -> None:
    image = NII(nib.load(case.image_path()), False)
    spine = to_input_grid(case.nii("07_semantic_modelres"), image, SPINEPS)
    vert = to_input_grid(case.nii("14_instance_modelres"), image, SPINEPS)
    box = bounding_box(spine.get_array(), margin_voxels(1.5, image.zoom))
    vert = vert.set_array(vert.get_array() * (spine.get_array() > 0), seg=True)
    assert_same(spine.apply_crop(box), case.nii("20_post_seg_in"))
    assert_same(vert.apply_crop(box), case.nii("20_post_vert_in"))


def instance_config(case: Case) -> ModelConfig:
    cutout = NETWORK_CUTOUT if case.name in WITH_INSTANCE_NETWORK else ORACLE_CUTOUT
    return ModelConfig.from_dict(
        {
            "log_name": "stand-in",
            "modality": ["SEG"],
            "acquisition": "sag",
            "modeltype": "unet",
            "model_expected_orientation": ["P", "I", "R"],
            "available_folds": 1,
            "inference_augmentation": False,
            "resolution_range": list(SPACING),
            "default_step_size": 0.5,
            "labels": {},
            "expected_inputs": ["seg"],
            "cutout_size": list(cutout),
        }
    )


class Replay:
    """Instance model that answers with the predictions of the reference."""

    def __init__(self, case: Case) -> None:
        self.config = instance_config(case)
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
def test_instance_phase_with_the_answers_of_the_reference(case: Case) -> None:
    network = Replay(case)
    debug: dict[str, Any] = {}
    ours = segment_instances(
        case.nii("07_semantic_modelres"), network, InstanceSettings(), debug=debug
    )
    assert network.asked == network.seeds
    assert_same(ours, case.nii("14_instance_modelres"))
    assert_same(debug["inst_cropped_Subreg_nii_b"], case.nii("09_inst_input_crop"))


@pytest.mark.slow
@pytest.mark.parametrize("case", SEMANTIC_OF_CASE, indirect=True)
def test_semantic_phase_with_the_package(case: Case, shared_dir: Path) -> None:
    folder = shared_dir / "parity" / "models" / SEMANTIC_OF_CASE[case.name]
    network = load_semantic(load_package(folder))
    image = case.nii("02_preprocessed", seg=False)
    ours = segment_semantic(image, network, SemanticSettings(), numerics=SPINEPS)
    expected = case.nii("07_semantic_modelres").get_array()
    assert (ours.mask.get_array() == expected).mean() >= SAME_VOXELS


@pytest.mark.slow
@pytest.mark.parametrize("case", ["c6_net", "c6_tilt", "nosac_tta"], indirect=True)
def test_instance_phase_with_the_package(case: Case, shared_dir: Path) -> None:
    network = load_instance(load_package(shared_dir / "parity" / "models" / "tiny_instance"))
    ours = segment_instances(case.nii("07_semantic_modelres"), network, InstanceSettings())
    expected = case.nii("14_instance_modelres").get_array()
    assert (ours.get_array() == expected).mean() >= SAME_VOXELS


def test_predictions_are_kept_in_tight_boxes() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:4, 3:6, 1] = 2
    window = window_at((4, 4, 4), (8, 8, 8), (20, 20, 20))
    found = collect_predictions(3, window, labels, 0)
    assert list(found) == [(3, 1)]
    assert found[3, 1].size == 6
