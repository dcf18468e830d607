"""Real scans with masks, on the grid of a model.

A BIDS folder holds the images, its `derivatives/manual` their masks (`*_dseg.nii.gz`). Scans are
pre-processed as in the pipeline and kept in a cache folder.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.core.geometry import PIR, rescale
from spineps_nipype.core.images import load_image, load_mask
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.settings import PreprocessSettings

HELD_OUT: Final = Path(__file__).parents[1] / "heldout_spider.txt"
DEVELOPMENT: Final = Path(__file__).parents[1] / "development_spider.txt"
SPINE_MASK, VERTEBRA_MASK = "label-spine", "label-vertebra"
"""In the names of masks of slices: those of all structures of SPIDER, those of vertebrae alone."""


@dataclass(frozen=True)
class RealScan:
    """Image (normalised, float32) and values of its mask, both (P, I, R) on a model grid."""

    subject: str
    image: np.ndarray
    mask: np.ndarray


def held_out_subjects() -> frozenset[str]:
    """Subjects that are for evaluation only."""
    return _listed(HELD_OUT)


def development_subjects() -> frozenset[str]:
    """Subjects by which weights are chosen; training does not see them either."""
    return _listed(DEVELOPMENT)


def kept_from_training() -> frozenset[str]:
    """Subjects for evaluation and for choices."""
    return held_out_subjects() | development_subjects()


def _listed(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def scan_pairs(root: Path) -> list[tuple[str, Path, Path]]:
    """Subject, image and mask of every scan in a BIDS folder that has a mask.

    A mask is called ``…_dseg`` instead of ``…_T2w``, or ``…_T2w_label-spine_dseg``.
    """
    pairs = []
    for image in sorted(root.glob("sub-*/**/*_T*w.nii.gz")):
        relative = image.relative_to(root)
        name = image.name.removesuffix(".nii.gz")
        masks = root / "derivatives" / "manual" / relative.parent
        stem = name.rpartition("_")[0]
        for title in (stem, f"{name}_{SPINE_MASK}", f"{name}_{VERTEBRA_MASK}"):
            mask = masks / f"{title}_dseg.nii.gz"
            if mask.is_file():
                pairs.append((relative.parts[0], image, mask))
                break
    return pairs


def slice_pairs(root: Path, masks: Path) -> list[tuple[str, Path, Path]]:
    """Subject, image and mask of all single slices with square pixels that have a mask.

    Parameters
    ----------
    root
        BIDS folder of slices, with a table ``slices.tsv`` that says which pixels are square.
    masks
        Folder of the masks, such as its ``derivatives/manual``.
    """
    with (root / "slices.tsv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    pairs = []
    for name in sorted(row["file"] for row in rows if row["square_pixel"] == "1"):
        folder = Path(name.partition("_")[0]) / "anat"
        for kind in (SPINE_MASK, VERTEBRA_MASK):
            mask = masks / folder / f"{name}_{kind}_dseg.nii.gz"
            if mask.is_file():
                pairs.append((folder.parts[0], root / folder / f"{name}.nii.gz", mask))
                break
    return pairs


def training_scans(root: Path, spacing: tuple[float, float, float], cache: Path) -> list[RealScan]:
    """All scans of subjects that are kept neither for evaluation nor for choices.

    Parameters
    ----------
    root
        BIDS folder with masks.
    spacing
        Grid of the model: P, I, R in mm.
    cache
        Folder for the prepared scans.
    """
    kept = kept_from_training()
    return [
        load_scan(subject, image, mask, spacing, cache)
        for subject, image, mask in scan_pairs(root)
        if subject not in kept
    ]


def load_scan(
    subject: str, image: Path, mask: Path, spacing: tuple[float, float, float], cache: Path
) -> RealScan:
    """One scan on the grid of a model, prepared once and then read from the cache."""
    stored = cache / f"{image.name.removesuffix('.nii.gz')}.npz"
    if not stored.exists():
        cache.mkdir(parents=True, exist_ok=True)
        settings = PreprocessSettings(proc_pad_size=0)
        grey = preprocess_input(load_image(image), settings, is_ct=False).reorient(PIR)
        labels = load_mask(mask).reorient(PIR)
        partial = stored.with_suffix(".part.npz")
        np.savez(
            partial,
            image=rescale(grey, spacing).get_array().astype(np.float16),
            mask=rescale(labels, spacing).get_array().astype(np.uint8),
        )
        partial.replace(stored)
    with np.load(stored) as content:
        grey, labels = content["image"].astype(np.float32), content["mask"]
    return RealScan(subject, (grey - grey.mean()) / grey.std(), labels)
