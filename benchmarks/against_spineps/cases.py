"""Reference runs of SPINEPS 2.1.3: what they were made from, and their dumps.

A reference folder holds the dumps of one run: `NN_stage.npz` (array, affine) and `stages.json`
(seeds, couples, label path, centroids).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import nibabel as nib
import numpy as np
from TPTBox import NII

from spineps_nipype.core.images import load_image
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.package import ModelPackage, load_package
from spineps_nipype.spineps.instance_cutouts import Key, Prediction
from spineps_nipype.spineps.postprocess import Reconciled, reconcile
from spineps_nipype.spineps.settings import PostSettings

ORIGINAL: Final = "spineps-2.1.3"
MR_CLASSES: Final = (0, 41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 100, 26)
"""SPINEPS label of every class of the semantic packages of the reference runs."""
NETWORK_CUTOUT, STAND_IN_CUTOUT = (48, 64, 16), (64, 80, 16)
"""Cut-outs of the instance networks of the reference runs and of their stand-in [voxels]."""


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

    n4 = False
    """Whether the reference ran with bias correction."""
    background = 0.0
    """Value of the padding."""
    preprocessing_limit = 1e-3
    """Largest difference of the prepared image that counts as equal [grey values]."""

    @property
    def class_labels(self) -> Sequence[int]:
        """SPINEPS label of every class of the semantic network."""
        return MR_CLASSES

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
        return load_image(path, integer_voxels=True)

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
    def instance_config(self) -> ModelConfig:
        """Configuration of the instance package; a stand-in differs in its cut-outs only."""
        cutout = STAND_IN_CUTOUT if self.packages.instance is None else NETWORK_CUTOUT
        return replace(self.package("tiny_instance").config, cutout_size=cutout)

    def predictions(self) -> dict[Key, Prediction]:
        """Predictions of all cut-outs, as the instance phase holds them."""
        found = {}
        for seed, place, (p, i, r), size in self.data["11_predictions"]:
            box = (slice(*p), slice(*i), slice(*r))
            mask = self.array(f"11_pred_{seed:02d}_{place}").astype(bool)
            found[seed, place] = Prediction(box, mask, size)
        return found

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
