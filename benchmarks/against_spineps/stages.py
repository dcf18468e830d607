"""Stages of the pipeline, each run from the reference's previous stage and compared with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from TPTBox import NII

from benchmarks.against_spineps.cases import ORIGINAL, Case, Skipped
from spineps_nipype.models.loading import load_instance, load_labeling, load_semantic
from spineps_nipype.spineps.centroids import compute_centroids
from spineps_nipype.spineps.discs import finalize_masks
from spineps_nipype.spineps.instance import finish_instances, predict_seeds, segment_instances
from spineps_nipype.spineps.instance_cutouts import place_seed, window_at
from spineps_nipype.spineps.instance_merge import couple_predictions, merge_couples
from spineps_nipype.spineps.instance_seeds import find_seeds
from spineps_nipype.spineps.labeling import label_vertebrae
from spineps_nipype.spineps.labeling_path import find_path
from spineps_nipype.spineps.labeling_scores import score_vertebrae
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import to_model_grid
from spineps_nipype.spineps.semantic_cleanup import (
    clean_far_components,
    clean_semantic,
    clean_small_components,
)
from spineps_nipype.spineps.settings import (
    InstanceSettings,
    LabelingSettings,
    PreprocessSettings,
    SemanticSettings,
)

NETWORK_AGREEMENT: Final = 0.999
"""Share of voxels in which labels of networks agree."""
POI_VOXELS: Final = 0.005
"""Largest distance of points [voxels]."""
SCORE_TOLERANCE: Final = 1e-5
"""Largest difference of class scores."""
FLOAT_TOLERANCE: Final = 1e-3
"""Largest difference of prepared images [grey values]."""


@dataclass(frozen=True)
class Outcome:
    """How far a stage agrees with the reference.

    Parameters
    ----------
    differing, total
        Voxels, numbers or points that differ, and all that were compared.
    worst
        Largest difference, for numbers.
    passed
        Whether that is within the limits.
    """

    differing: int
    total: int
    passed: bool
    worst: float = 0.0


def compare_labels(mine: np.ndarray, reference: np.ndarray, share: float = 1.0) -> Outcome:
    """Voxels that differ, and whether at least this share agrees."""
    if mine.shape != reference.shape:
        return Outcome(reference.size, reference.size, False)
    differing = int((mine != reference).sum())
    return Outcome(differing, reference.size, differing <= (1 - share) * reference.size)


def _numbers(mine: Any, reference: Any, limit: float) -> Outcome:
    a, b = np.asarray(mine, dtype=float), np.asarray(reference, dtype=float)
    if a.shape != b.shape:
        return Outcome(b.size, b.size, False)
    gap = np.abs(a - b)
    return Outcome(
        int((gap > limit).sum()), b.size, bool((gap <= limit).all()), gap.max(initial=0)
    )


def preprocessing(case: Case) -> Outcome:
    """Normalisation, bias correction if the reference had it, crop and padding."""
    settings = PreprocessSettings(proc_sem_n4_bias_correction=case.n4)
    mine = preprocess_input(
        case.image, settings, is_ct=False, background=case.background, numerics=ORIGINAL
    )
    limit = case.preprocessing_limit
    return _numbers(mine.get_array(), case.array("02_preprocessed"), limit)


def model_grid(case: Case) -> Outcome:
    """Orientation and spacing of the semantic model."""
    network = load_semantic(case.package(case.packages.semantic))
    mine = to_model_grid(case.nii("02_preprocessed", seg=False), network, own_keys=False)
    return _numbers(mine.get_array(), case.array("03_net_input"), FLOAT_TOLERANCE)


def semantic_network(case: Case) -> Outcome:
    """Labels of the semantic network."""
    network = load_semantic(case.package(case.packages.semantic))
    mine = network.predict(
        case.nii("03_net_input", seg=False), half_precision=True, own_keys=False
    )
    reference = np.array(case.class_labels)[case.array("04_net_labels")]
    return compare_labels(mine.labels.get_array(), reference, NETWORK_AGREEMENT)


def _network_labels(case: Case) -> NII:
    raw = case.nii("04_net_labels")
    return raw.set_array(np.array(case.class_labels, np.uint16)[raw.get_array()], seg=True)


def small_components(case: Case) -> Outcome:
    """Small semantic components deleted."""
    mine = clean_small_components(_network_labels(case))
    return compare_labels(mine.get_array(), case.array("05_sem_cc_clean"))


def far_components(case: Case) -> Outcome:
    """Far semantic components deleted."""
    grid = _network_labels(case)
    mine = clean_far_components(grid.set_array(case.array("05_sem_cc_clean"), seg=True))
    return compare_labels(mine.get_array(), case.array("06_sem_bbox_clean"))


def semantic_phase(case: Case) -> Outcome:
    """Whole clean-up with hole filling."""
    mine = clean_semantic(_network_labels(case), SemanticSettings(), ORIGINAL)
    return compare_labels(mine.get_array(), case.array("07_semantic_modelres"))


def seeds(case: Case) -> Outcome:
    """Centres of the vertebral bodies."""
    crop = case.nii("09_inst_input_crop")
    zoom = [float(z) for z in crop.zoom]
    clean = case.instance_config.corpus_cleaning_voxels(zoom)
    settings = InstanceSettings()
    mine = find_seeds(crop.get_array(), zoom[1], clean, settings, numerics=ORIGINAL)
    return _numbers(mine, case.data["10_corpus_coms"], 1e-9)


def instance_network(case: Case) -> Outcome:
    """Predictions of all cut-outs, from the reference's seeds."""
    network = load_instance(case.package(case.packages.instance))
    labels = case.array("09_inst_input_crop")
    points = [(p, i, r) for p, i, r in case.data["10_corpus_coms"]]
    mine = predict_seeds(labels, points, network, InstanceSettings())
    differing = total = 0
    for key, reference in case.predictions().items():
        whole = np.zeros(labels.shape, dtype=bool)
        if key in mine:
            whole[mine[key].box] = mine[key].mask
        outcome = compare_labels(whole[reference.box], reference.mask)
        differing += outcome.differing
        total += outcome.total
    share = differing <= (1 - NETWORK_AGREEMENT) * total
    return Outcome(differing, total, share and len(mine) == len(case.data["11_predictions"]))


def windows(case: Case) -> Outcome:
    """Places of the cut-outs."""
    labels = case.array("09_inst_input_crop")
    size = case.instance_config.cutout_size
    mine, reference = [], []
    for seed, _, box, _ in case.data["11_predictions"]:
        p, i, r = case.data["10_corpus_coms"][seed]
        window = window_at(place_seed(labels, (p, i, r)), size, labels.shape)
        mine += [[side.start, side.stop] for side in window.box]
        reference += box
    return _numbers(mine, reference, 0)


def couples(case: Case) -> Outcome:
    """Groups of predictions and their agreement."""
    mine = couple_predictions(case.predictions())
    reference = case.data["12_couples"]
    same = [[list(map(list, group)), value] for group, value in mine.items()]
    differing = sum(
        a[0] != b[0] or abs(a[1] - b[1]) > 1e-9 for a, b in zip(same, reference, strict=False)
    )
    differing += abs(len(same) - len(reference))
    return Outcome(differing, len(reference), differing == 0)


def merging(case: Case) -> Outcome:
    """Instances from the reference's predictions, cleaned and numbered."""
    crop = case.nii("09_inst_input_crop")
    predictions = case.predictions()
    merged = merge_couples(couple_predictions(predictions), predictions, crop.shape)
    config = case.instance_config
    mine = finish_instances(
        merged, config.vertebra_cleaning_voxels([float(z) for z in crop.zoom]), InstanceSettings()
    )
    whole = case.array("14_instance_modelres")
    box = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(whole))
    own = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(mine))
    return compare_labels(mine[own], whole[box])


def instance_phase(case: Case) -> Outcome:
    """The whole phase with the real network."""
    network = load_instance(case.package(case.packages.instance))
    semantic = case.nii("07_semantic_modelres")
    mine = segment_instances(semantic, network, InstanceSettings(), numerics=ORIGINAL)
    return compare_labels(mine.get_array(), case.array("14_instance_modelres"), NETWORK_AGREEMENT)


def cleaned_semantic(case: Case) -> Outcome:
    """Semantic mask on the grid of the image, without unassigned pieces."""
    result = case.reconciled
    return compare_labels(result.spine.get_array()[result.crop], case.array("23_maskclean_seg"))


def numbered_vertebrae(case: Case) -> Outcome:
    """Vertebrae cleaned and numbered from top to bottom."""
    result = case.reconciled
    return compare_labels(result.vert.get_array()[result.crop], case.array("26_top_to_bottom"))


def label_path(case: Case) -> Outcome:
    """Scores and names from the reference's class probabilities."""
    if "27_path" not in case.data:
        raise Skipped("the reference ran without labelling")
    path = case.data["27_path"]
    rows = sorted(path["soft"], key=int)
    heads = {h: np.array([path["soft"][r][h] for r in rows]) for h in path["soft"][rows[0]]}
    scores = score_vertebrae(heads, numerics=ORIGINAL)
    found = find_path(scores, c1_enabled=False, settings=LabelingSettings(), numerics=ORIGINAL)
    outcome = _numbers(scores.total, path["cost_matrix"], SCORE_TOLERANCE)
    same = found.classes == path["fpath"] and found.labels == path["post"]
    return Outcome(outcome.differing, outcome.total, outcome.passed and same, outcome.worst)


def labelling(case: Case) -> Outcome:
    """Names given by the real network."""
    if not case.has("28_labeled"):
        raise Skipped("the reference ran without labelling")
    network = load_labeling(case.package(case.packages.labeling))
    result = case.reconciled
    mine = label_vertebrae(
        result.spine,
        result.vert,
        case.image,
        result.crop,
        network,
        LabelingSettings(),
        c1_enabled=False,
        numerics=ORIGINAL,
    )
    return compare_labels(mine.vert.get_array()[result.crop], case.array("28_labeled"), 1.0)


def _final(case: Case) -> tuple[NII, NII]:
    result = case.reconciled
    named = "28_labeled" if case.has("28_labeled") else "26_top_to_bottom"
    whole = result.vert.get_array()
    whole[result.crop] = case.array(named)
    vert = result.vert.set_array(whole, seg=True)
    return finalize_masks(
        result.spine, vert, result.crop, sacrum_ids=(26,), metal=(80,), numerics=ORIGINAL
    )


def final_semantic(case: Case) -> Outcome:
    """Final semantic mask with endplates told apart."""
    return compare_labels(_final(case)[0].get_array(), case.array("31_seg_final"))


def final_vertebrae(case: Case) -> Outcome:
    """Final vertebra mask with discs and endplates."""
    return compare_labels(_final(case)[1].get_array(), case.array("31_vert_final"))


def centroids(case: Case) -> Outcome:
    """Points of the vertebral bodies."""
    poi = compute_centroids(
        case.nii("31_seg_final"), case.nii("31_vert_final"), points="bodies", numerics=ORIGINAL
    )
    mine = {f"{v},{s}": list(c) for v, s, c in poi.items()}
    reference = case.data["40_centroids"]
    if mine.keys() != reference.keys():
        return Outcome(len(reference), len(reference), False)
    keys = sorted(reference)
    return _numbers([mine[k] for k in keys], [reference[k] for k in keys], POI_VOXELS)


STAGES: Final[Mapping[str, Callable[[Case], Outcome]]] = {
    "02 pre-processing": preprocessing,
    "03 model grid": model_grid,
    "04 semantic network": semantic_network,
    "05 small components": small_components,
    "06 far components": far_components,
    "07 semantic phase": semantic_phase,
    "10 seeds": seeds,
    "11 windows": windows,
    "11 instance network": instance_network,
    "12 couples": couples,
    "13 merging": merging,
    "14 instance phase": instance_phase,
    "23 semantic clean-up": cleaned_semantic,
    "26 numbering": numbered_vertebrae,
    "27 label path": label_path,
    "28 labelling": labelling,
    "31 final semantic": final_semantic,
    "31 final vertebrae": final_vertebrae,
    "40 centroids": centroids,
}
