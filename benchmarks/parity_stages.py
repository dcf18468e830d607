"""Stages of the pipeline, each run from the reference's previous stage and compared with it.

A reference folder holds the dumps of one run of SPINEPS 2.1.3: `NN_stage.npz` (array, affine) and
`stages.json` (seeds, couples, label path, centroids).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import nibabel as nib
import numpy as np
from TPTBox import NII

from spineps_nipype.core.images import load_image
from spineps_nipype.models.loading import load_instance, load_labeling, load_semantic
from spineps_nipype.models.package import ModelPackage, load_package
from spineps_nipype.settings import (
    InstanceSettings,
    LabelingSettings,
    PostSettings,
    PreprocessSettings,
    SemanticSettings,
)
from spineps_nipype.spineps.centroids import compute_centroids
from spineps_nipype.spineps.discs import finalize_masks
from spineps_nipype.spineps.instance import finish_instances, predict_seeds, segment_instances
from spineps_nipype.spineps.instance_cutouts import Prediction, place_seed, window_at
from spineps_nipype.spineps.instance_merge import couple_predictions, merge_couples
from spineps_nipype.spineps.instance_seeds import find_seeds
from spineps_nipype.spineps.labeling import label_vertebrae
from spineps_nipype.spineps.labeling_path import find_path
from spineps_nipype.spineps.labeling_scores import score_vertebrae
from spineps_nipype.spineps.postprocess import Reconciled, reconcile
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import to_model_grid
from spineps_nipype.spineps.semantic_cleanup import (
    clean_far_components,
    clean_semantic,
    clean_small_components,
)

ORIGINAL: Final = "spineps-2.1.3"
MR_CLASSES: Final = (0, 41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 100, 26)
"""SPINEPS label of every class of the semantic packages of the reference runs."""
NETWORK_AGREEMENT: Final = 0.999
POI_VOXELS: Final = 0.005
SCORE_TOLERANCE: Final = 1e-5
FLOAT_TOLERANCE: Final = 1e-3


class Packages(NamedTuple):
    """Image and packages of a reference run; ``oracle`` and None have no weights."""

    image: str
    semantic: str
    instance: str | None = None
    labeling: str | None = None


CASES: Final[Mapping[str, Packages]] = {
    "c6_oracle": Packages("coded6_iso", "coded_t2w"),
    "c6_net": Packages("coded6_iso", "coded_t2w", "tiny_instance", "tiny_labeling"),
    "c6_legacy": Packages("coded6_iso", "coded_t2w", "tiny_instance_legacy"),
    "c6_tilt": Packages("coded6", "coded_t2w", "tiny_instance", "tiny_labeling_rot"),
    "c9_exact": Packages("coded9_iso", "coded_t2w", None, "tiny_labeling_exact"),
    "c9_lab15": Packages("coded9_iso", "coded_t2w"),
    "merged": Packages("coded_merged_iso", "coded_t2w"),
    "nosac_tta": Packages("coded_nosac_iso", "coded_t2w_tta", "tiny_instance"),
    "c6_3fold": Packages("coded6_iso", "coded_t2w_3fold"),
}


class Skipped(Exception):
    """A stage cannot be run here; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """How far a stage agrees with the reference.

    Parameters
    ----------
    differing, total
        Voxels, numbers or points.
    worst
        Largest difference, for numbers.
    passed
        Whether that is within the limits.
    """

    differing: int
    total: int
    passed: bool
    worst: float = 0.0


class Case:
    """Dumps of one reference run, and the packages it used.

    Parameters
    ----------
    name
        Key of `CASES`.
    root
        Folder with inputs, models and reference.
    extra
        Folder with packages that the root lacks.
    """

    def __init__(self, name: str, root: Path, extra: Path | None = None) -> None:
        self.name, self.root, self.extra = name, root, extra
        self.packages = CASES[name]
        self.folder = root / "reference" / name

    @cached_property
    def data(self) -> dict[str, Any]:
        """Lists and numbers of `stages.json`."""
        content: dict[str, Any] = json.loads((self.folder / "stages.json").read_text())["data"]
        return content

    def has(self, stage: str) -> bool:
        """Whether the reference has a dump of this stage."""
        return (self.folder / f"{stage}.npz").is_file()

    def array(self, stage: str) -> np.ndarray:
        """Array of a dump."""
        return np.asarray(np.load(self.folder / f"{stage}.npz")["array"])

    def nii(self, stage: str, seg: bool = True) -> NII:
        """Dump with its grid."""
        dump = np.load(self.folder / f"{stage}.npz")
        return NII(nib.Nifti1Image(dump["array"], dump["affine"]), seg)

    @cached_property
    def image(self) -> NII:
        """Input image."""
        path = self.root / "inputs" / f"{self.packages.image}_img.nii.gz"
        return load_image(path, numerics=ORIGINAL)

    def package(self, name: str | None) -> ModelPackage:
        """A package by folder name.

        Raises
        ------
        Skipped
            If the run used a stand-in, or the package is not there.
        """
        if name is None:
            raise Skipped("the reference used a stand-in without weights")
        for home in (self.root / "models", self.extra):
            if home is not None and (home / name).is_dir():
                return load_package(home / name)
        raise Skipped(f"package {name} is absent (see --extra-models)")

    @cached_property
    def instance_config(self) -> Any:
        """Configuration of the instance package; stand-ins have the same spacing."""
        return self.package("tiny_instance").config

    @cached_property
    def reconciled(self) -> Reconciled:
        """Masks after the clean-up, from the raw masks of the reference."""
        return reconcile(
            self.nii("07_semantic_modelres"),
            self.nii("14_instance_modelres"),
            self.image,
            PostSettings(),
            has_c1=False,
            is_ct=False,
            numerics=ORIGINAL,
        )


def _labels(mine: np.ndarray, reference: np.ndarray, share: float = 1.0) -> Outcome:
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
    """Normalise, crop, pad (the reference ran without N4)."""
    settings = PreprocessSettings(proc_sem_n4_bias_correction=False)
    mine = preprocess_input(case.image, settings, is_ct=False, numerics=ORIGINAL)
    return _numbers(mine.get_array(), case.array("02_preprocessed"), FLOAT_TOLERANCE)


def model_grid(case: Case) -> Outcome:
    """Orientation and spacing of the semantic model."""
    network = load_semantic(case.package(case.packages.semantic))
    mine = to_model_grid(case.nii("02_preprocessed", seg=False), network)
    return _numbers(mine.get_array(), case.array("03_net_input"), FLOAT_TOLERANCE)


def semantic_network(case: Case) -> Outcome:
    """Labels of the semantic network."""
    network = load_semantic(case.package(case.packages.semantic))
    mine = network.predict(case.nii("03_net_input", seg=False), numerics=ORIGINAL)
    reference = np.array(MR_CLASSES)[case.array("04_net_labels")]
    return _labels(mine.labels.get_array(), reference, NETWORK_AGREEMENT)


def _network_labels(case: Case) -> NII:
    raw = case.nii("04_net_labels")
    return raw.set_array(np.array(MR_CLASSES, np.uint16)[raw.get_array()], seg=True)


def small_components(case: Case) -> Outcome:
    """Small semantic components deleted."""
    mine = clean_small_components(_network_labels(case))
    return _labels(mine.get_array(), case.array("05_sem_cc_clean"))


def far_components(case: Case) -> Outcome:
    """Far semantic components deleted."""
    grid = _network_labels(case)
    mine = clean_far_components(grid.set_array(case.array("05_sem_cc_clean"), seg=True))
    return _labels(mine.get_array(), case.array("06_sem_bbox_clean"))


def semantic_phase(case: Case) -> Outcome:
    """Whole clean-up with hole filling."""
    mine = clean_semantic(_network_labels(case), SemanticSettings())
    return _labels(mine.get_array(), case.array("07_semantic_modelres"))


def seeds(case: Case) -> Outcome:
    """Centres of the vertebral bodies."""
    crop = case.nii("09_inst_input_crop")
    zoom = [float(z) for z in crop.zoom]
    clean = case.instance_config.corpus_cleaning_voxels(zoom)
    mine = find_seeds(crop.get_array(), zoom[1], clean, InstanceSettings())
    return _numbers(mine, case.data["10_corpus_coms"], 1e-9)


def _reference_predictions(case: Case) -> dict[tuple[int, int], Prediction]:
    found = {}
    for seed, place, box, size in case.data["11_predictions"]:
        mask = case.array(f"11_pred_{seed:02d}_{place}")
        sides = tuple(slice(*side) for side in box)
        found[seed, place] = Prediction(sides, mask, size)  # type: ignore[arg-type]
    return found


def instance_network(case: Case) -> Outcome:
    """Predictions of all cut-outs, from the reference's seeds."""
    network = load_instance(case.package(case.packages.instance))
    labels = case.array("09_inst_input_crop")
    points = [(p, i, r) for p, i, r in case.data["10_corpus_coms"]]
    mine = predict_seeds(labels, points, network, InstanceSettings())
    differing = total = 0
    for key, reference in _reference_predictions(case).items():
        whole = np.zeros(labels.shape, dtype=bool)
        if key in mine:
            whole[mine[key].box] = mine[key].mask
        outcome = _labels(whole[reference.box], reference.mask)
        differing += outcome.differing
        total += outcome.total
    share = differing <= (1 - NETWORK_AGREEMENT) * total
    return Outcome(differing, total, share and len(mine) == len(case.data["11_predictions"]))


def windows(case: Case) -> Outcome:
    """Places of the cut-outs."""
    labels = case.array("09_inst_input_crop")
    size = (48, 64, 16)
    if case.packages.instance is None:
        size = (64, 80, 16)
    mine, reference = [], []
    for seed, _, box, _ in case.data["11_predictions"]:
        p, i, r = case.data["10_corpus_coms"][seed]
        window = window_at(place_seed(labels, (p, i, r)), size, labels.shape)
        mine += [[side.start, side.stop] for side in window.box]
        reference += box
    return _numbers(mine, reference, 0)


def couples(case: Case) -> Outcome:
    """Groups of predictions and their agreement."""
    mine = couple_predictions(_reference_predictions(case))
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
    predictions = _reference_predictions(case)
    merged = merge_couples(couple_predictions(predictions), predictions, crop.shape)
    config = case.instance_config
    mine = finish_instances(
        merged, config.vertebra_cleaning_voxels([float(z) for z in crop.zoom]), InstanceSettings()
    )
    whole = case.array("14_instance_modelres")
    box = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(whole))
    own = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(mine))
    return _labels(mine[own], whole[box])


def instance_phase(case: Case) -> Outcome:
    """The whole phase with the real network."""
    network = load_instance(case.package(case.packages.instance))
    mine = segment_instances(case.nii("07_semantic_modelres"), network, InstanceSettings())
    return _labels(mine.get_array(), case.array("14_instance_modelres"), NETWORK_AGREEMENT)


def cleaned_semantic(case: Case) -> Outcome:
    """Semantic mask on the grid of the image, without unassigned pieces."""
    result = case.reconciled
    return _labels(result.spine.get_array()[result.crop], case.array("23_maskclean_seg"))


def numbered_vertebrae(case: Case) -> Outcome:
    """Vertebrae cleaned and numbered from top to bottom."""
    result = case.reconciled
    return _labels(result.vert.get_array()[result.crop], case.array("26_top_to_bottom"))


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
    return _labels(mine.vert.get_array()[result.crop], case.array("28_labeled"), 1.0)


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
    return _labels(_final(case)[0].get_array(), case.array("31_seg_final"))


def final_vertebrae(case: Case) -> Outcome:
    """Final vertebra mask with discs and endplates."""
    return _labels(_final(case)[1].get_array(), case.array("31_vert_final"))


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
