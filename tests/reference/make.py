"""Pack what the original programs gave into the files of this folder.

    python -m tests.reference.make PARITY GOLDEN LABELS_CSV

PARITY holds inputs and stage dumps of runs of SPINEPS 2.1.3, GOLDEN one file for each call of a
function of the other systems, LABELS_CSV the numbers that all systems give to each structure.
Images are not stored but made anew from their label maps, and the prepared ones are compared by
their digest; of the input of the network every fourth voxel is stored, and of probabilities of the
cord what lies near it.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from TPTBox import NII

from benchmarks.against_spineps.cases import CASES, Case

from .store import (
    HERE,
    PACKAGES,
    RUNS,
    SOME,
    STAGE,
    VECTORS,
    StoredRun,
    coded_image,
    digest,
)

IMAGES: Final = ("02_preprocessed", "03_net_input")
"""Stages that are images; of the first the digest is stored, of the second some voxels."""
CODED: Final = ("coded_t2w", "coded_t2w_tta", "coded_t2w_3fold")
"""Semantic packages whose weights were set by hand, so that grey values are told apart exactly."""
TRAINED: Final = "tiny_instance"
"""Trained on phantoms; only its configuration is stored."""
NOT_OURS: Final = ("map_labels_step2",)
"""Functions that the pipelines of the original do not call."""
SOFT: Final = "soft_cord"
NEAR: Final = 3
"""Voxels around the cord whose probability is stored."""


def pack_run(case: Case) -> dict[str, Any]:
    """All that is stored of a run of SPINEPS."""
    labels = nib.load(case.root / "inputs" / f"{case.packages.image}_sem.nii.gz")
    content: dict[str, Any] = {
        "labels": np.asanyarray(labels.dataobj).astype(np.uint8),
        "labels_affine": labels.affine,
        "data": json.dumps(case.data),
        "points": next((case.folder / "ds").rglob("*ctd.json")).read_text(),
        "prepared": digest(case.nii(IMAGES[0], seg=False)),
        "net_input": case.array(IMAGES[1])[SOME].astype(np.float32),
        "net_input_affine": case.nii(IMAGES[1], seg=False).affine,
        "net_input_shape": case.array(IMAGES[1]).shape,
    }
    for path in sorted(case.folder.glob("*.npz")):
        if path.stem not in IMAGES:
            with np.load(path) as dump:
                content[STAGE + path.stem] = dump["array"]
                if "affine" in dump.files:
                    content[f"{STAGE}{path.stem}/affine"] = dump["affine"]
    made = coded_image(NII(nib.Nifti1Image(content["labels"], content["labels_affine"]), True))
    if not np.array_equal(made.get_array(), case.image.get_array()):
        raise SystemExit(f"{case.name}: the image cannot be made anew from its label map")
    return content


def pack_packages(models: Path) -> None:
    """The packages of the runs, as far as their weights are set by hand."""
    for name in CODED:
        shutil.copytree(models / name, PACKAGES / name)
    (PACKAGES / TRAINED).mkdir()
    configuration = "inference_config.json"
    shutil.copyfile(models / TRAINED / configuration, PACKAGES / TRAINED / configuration)


def near_the_cord(vector: dict[str, Any]) -> dict[str, Any]:
    """Probabilities of the cord, 0 in all slices and columns that are far from it."""
    used = np.argwhere(vector["in_seg"] == 1)
    low, high = np.maximum(used.min(axis=0) - NEAR, 0), used.max(axis=0) + NEAR + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    probability = np.zeros_like(vector["in_prob_channel9"].T)
    probability[box] = vector["in_prob_channel9"].T[box]
    return {**vector, "in_prob_channel9": probability.T}


def main(parity: Path, golden: Path, labels: Path) -> int:
    """Write all files."""
    for folder in (PACKAGES, RUNS, VECTORS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    pack_packages(parity / "models")
    for name in CASES:
        np.savez_compressed(RUNS / f"{name}.npz", **pack_run(Case(name, parity)))
        StoredRun(name)
    for path in sorted(golden.glob("*.npz")):
        if path.stem in NOT_OURS:
            continue
        with np.load(path, allow_pickle=False) as stored:
            vector = {key: stored[key] for key in stored.files}
        if path.stem == SOFT:
            vector = near_the_cord(vector)
        np.savez_compressed(VECTORS / path.name, **vector)
    manifest = json.loads((golden / "manifest.json").read_text())
    manifest = {name: facts for name, facts in manifest.items() if name not in NOT_OURS}
    (VECTORS / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    shutil.copyfile(labels, HERE / "labels.csv")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:])))
