"""What the original programs gave for inputs of ours, as it is stored in this folder.

`make.py` packs it; `README.md` says which program made what, and which rule each vector covers.
"""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from TPTBox import NII

from benchmarks.against_spineps.cases import Case
from spineps_nipype.core.geometry import PIR

HERE: Final = Path(__file__).parent
RUNS: Final = HERE / "spineps"
"""One file for each run of SPINEPS 2.1.3."""
PACKAGES: Final = HERE / "models"
"""Packages of these runs whose weights were set by hand; of a trained one the configuration."""
VECTORS: Final = HERE / "vectors"
"""One file for each call of a function of the other systems, and `manifest.json`."""
STAGE: Final = "stage/"
"""Start of the keys of stages in the file of a run."""
CODES: Final = (0, 42, 47, 48, 45, 46, 41, 43, 44, 62, 26, 49, 100, 61, 60)
"""Labels of the input images in the order of their grey values."""
FIRST_CODE, CODE_STEP, AIR = 90.0, 95.0, 60.0
"""Grey value of the first label, distance of the next, and how much darker the first one is."""
SOME: Final = (slice(None, None, 4),) * 3
"""Voxels of the network input that are stored."""
NOISE, SEED = 8.0, 0
"""Standard deviation of the noise, and the seed from which it is drawn."""


def coded_image(labels: NII) -> NII:
    """Image whose grey values encode a label map, as the runs of SPINEPS were given it.

    Parameters
    ----------
    labels
        Label map of a synthetic spine in any orientation; the noise is drawn in P, I, R.
    """
    turned = labels.reorient(PIR)
    array = turned.get_array()
    table = np.zeros(256, np.float32)
    table[list(CODES)] = FIRST_CODE + CODE_STEP * np.arange(len(CODES))
    grey = table[array] + np.random.default_rng(SEED).normal(0, NOISE, array.shape)
    grey[array == 0] -= AIR
    image = nib.Nifti1Image(np.clip(grey, 0, None).astype(np.float32), turned.affine)
    return NII(image, False).reorient(labels.orientation)


class StoredRun(Case):
    """A run of SPINEPS 2.1.3 as it is stored here: label maps, lists, points, digests of images.

    Parameters
    ----------
    name
        Key of `benchmarks.against_spineps.cases.CASES`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, HERE)
        with np.load(RUNS / f"{name}.npz", allow_pickle=False) as stored:
            self._stored = {key: stored[key] for key in stored.files}

    @cached_property
    def data(self) -> dict[str, Any]:
        """Lists and numbers of the run."""
        content: dict[str, Any] = json.loads(str(self._stored["data"]))
        return content

    @cached_property
    def points(self) -> str:
        """Text of the file of centroids."""
        return str(self._stored["points"])

    @cached_property
    def prepared_digest(self) -> str:
        """Digest of the prepared image, see `digest`."""
        return str(self._stored["prepared"])

    @property
    def net_input(self) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """Some voxels of the network input (`SOME`), its affine and its shape."""
        shape = tuple(int(n) for n in self._stored["net_input_shape"])
        return self._stored["net_input"], self._stored["net_input_affine"], shape

    @cached_property
    def image(self) -> NII:
        """Input image, made anew from its label map."""
        labels = nib.Nifti1Image(self._stored["labels"], self._stored["labels_affine"])
        return coded_image(NII(labels, True))

    def has(self, stage: str) -> bool:
        """Whether a stage is stored."""
        return STAGE + stage in self._stored

    def array(self, stage: str) -> np.ndarray:
        """Array of a stage."""
        return self._stored[STAGE + stage]

    def nii(self, stage: str, seg: bool = True) -> NII:
        """Array of a stage with its grid."""
        affine = self._stored[f"{STAGE}{stage}/affine"]
        return NII(nib.Nifti1Image(self.array(stage), affine), seg)


def digest(image: NII) -> str:
    """SHA-256 of the voxels of an image as float32 and of its shape, in its own axes."""
    array = np.ascontiguousarray(image.get_array(), dtype=np.float32)
    return sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()
