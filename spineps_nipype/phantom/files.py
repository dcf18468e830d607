"""Phantoms as NIfTI files, and as scans of a BIDS dataset."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np

from ..bids.made_datasets import describe_made
from ..bids.raw_data import DESCRIPTION
from .generate import FieldOfView, Phantom, generate
from .geometry import Array
from .plan import Anomalies
from .render import render
from .slices import join_slices

DEMO_SPACING: Final = (0.9, 0.9, 1.1)
"""Grid on which the demo scan is drawn: P, I, R in mm."""
DEMO_JOINED: Final = 3
"""Slices of that grid in one of the scan, which is a usual clinical one: 0.9 x 0.9 x 3.3 mm."""
DEMO_SEED: Final = 20240
NAME: Final = "Synthetic spines"
TOLD: Final[dict[str, Any]] = {
    "License": "CC0",
    "GeneratedBy": [{"Name": "spineps_nipype.phantom"}],
}
"""What the description of such a dataset tells."""


def to_nii(phantom: Phantom, array: Array, *, mask: bool) -> nib.Nifti1Image:
    """NIfTI image of an array on the phantom's grid, orientation PIR.

    Parameters
    ----------
    mask
        Store as uint8 labels; else as int16 (values are rounded).
    """
    dtype = np.uint8 if mask else np.int16
    data = array if mask else np.round(array)
    image = nib.Nifti1Image(data.astype(dtype), phantom.affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(phantom.affine, code=1)
    image.set_sform(phantom.affine, code=1)
    return image


def save(image: nib.Nifti1Image, path: Path) -> Path:
    """Write an image atomically; equal images give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))
    partial.replace(path)
    return path


def write_scan(
    bids_root: Path | str,
    subject: str,
    phantom: Phantom,
    image: Array,
    *,
    suffix: str = "T2w",
    acquisition: str = "sag",
    masks: bool = True,
) -> dict[str, Path]:
    """Store an image, and its masks under ``derivatives/phantom``, in a BIDS dataset.

    Parameters
    ----------
    subject
        Label without ``sub-``.
    masks
        Also write ``seg-spine`` and ``seg-vert`` masks.

    Returns
    -------
    dict of Path
        ``image`` and, with masks, ``spine`` and ``vert``.
    """
    root = Path(bids_root)
    stem = f"sub-{subject}_acq-{acquisition}"
    if not (root / DESCRIPTION).exists():
        describe_made(root, NAME, **TOLD)
    anat = root / f"sub-{subject}" / "anat"
    paths = {"image": save(to_nii(phantom, image, mask=False), anat / f"{stem}_{suffix}.nii.gz")}
    if not masks:
        return paths
    derived = root / "derivatives" / "phantom"
    for name, array in (("spine", phantom.spine), ("vert", phantom.vert)):
        path = derived / f"sub-{subject}" / "anat" / f"{stem}_seg-{name}_dseg.nii.gz"
        paths[name] = save(to_nii(phantom, array, mask=True), path)
    describe_made(derived, NAME, kind="derivative", **TOLD)
    return paths


def write_lumbar_demo(
    bids_root: Path | str, subject: str = "demo", *, seed: int = DEMO_SEED, masks: bool = False
) -> Path:
    """Write one synthetic lumbar T2w scan of clinical resolution as a BIDS dataset.

    Returns
    -------
    Path
        Of the image, ``sub-<subject>/anat/sub-<subject>_acq-sag_T2w.nii.gz``.
    """
    phantom = generate(
        seed,
        spacing=DEMO_SPACING,
        fov=FieldOfView(top="T11", bottom="sacrum", width=76.0, below=75.0),
        anomalies=Anomalies(thoracic=12, lumbar=5, fractures=0, scoliosis_deg=3.0),
    )
    image = render(phantom, contrast="T2w", seed=seed, noise=0.02, joined=DEMO_JOINED)
    thick = join_slices(phantom, DEMO_JOINED)
    return write_scan(bids_root, subject, thick, image, masks=masks)["image"]
