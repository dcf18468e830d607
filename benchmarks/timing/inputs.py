"""Phantoms that the speed comparison runs on: images, and masks as networks leave them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import nibabel as nib
import numpy as np

from benchmarks.timing.sizes import MODEL_SPACING, SEED

if TYPE_CHECKING:
    from spineps_nipype.phantom.generate import FieldOfView, Phantom

SCAN_SPACING: Final = (0.625, 0.625, 4.4)
"""P, I, R in mm."""
SLICES: Final = 16
IMAGE, MODEL_SPINE = "image.nii.gz", "model_spine.nii.gz"
SPINE, VERT = "spine.nii.gz", "vert.nii.gz"
FAULTS: Final = 60
"""Boxes that are missing in the faulty vertebra mask."""
FAULT_VOXELS: Final = (12, 12, 3)
"""Their size in P, I, R."""


class View(NamedTuple):
    """Part of the spine.

    Parameters
    ----------
    extent
        Size of the image in P and I [voxels]; 0 for all.
    top, bottom
        Uppermost and lowest vertebra in view; None for the ends of the spine.
    """

    extent: tuple[int, int]
    top: str | None
    bottom: str | None


CASES: Final = {
    "small": View((160, 224), "L3", "L4"),
    "lumbar": View((448, 448), "T12", "sacrum"),
    "spine": View((0, 0), None, None),
}


def write_inputs(folder: Path, case: str) -> None:
    """Write the image, the semantic mask on the grid of the models, and masks to clean up.

    Files: `image`, `model_spine`, `spine`, `vert` (.nii.gz), all of the phantom of one seed.

    Parameters
    ----------
    case
        One of `CASES`.
    """
    from spineps_nipype.phantom.files import save, to_nii
    from spineps_nipype.phantom.generate import generate

    scan = write_scan(folder / IMAGE, case)
    fine = generate(SEED, spacing=MODEL_SPACING, fov=_field_of_view(CASES[case]))
    save(to_nii(fine, fine.spine, mask=True), folder / MODEL_SPINE)
    extent = CASES[case].extent
    spine, vert = (_extended(mask, extent) for mask in (scan.spine, scan.vert))
    spine[np.isin(spine, (52, 53))] = 62
    write_faulty(spine, vert, scan.affine, folder)


def write_scan(path: Path, case: str, seed: int = SEED) -> Phantom:
    """Write the image of a phantom and return the phantom."""
    from spineps_nipype.phantom.files import save, to_nii
    from spineps_nipype.phantom.generate import generate
    from spineps_nipype.phantom.render import render

    view = CASES[case]
    scan = generate(seed, spacing=SCAN_SPACING, fov=_field_of_view(view))
    image = _extended(render(scan, seed=seed), view.extent)
    save(to_nii(scan, image, mask=False), path)
    return scan


def _field_of_view(view: View) -> FieldOfView:
    from spineps_nipype.phantom.generate import FieldOfView

    return FieldOfView(
        top=view.top, bottom=view.bottom, width=SLICES * SCAN_SPACING[2], anterior=90, posterior=90
    )


def write_faulty(spine: np.ndarray, vert: np.ndarray, affine: np.ndarray, folder: Path) -> None:
    """Write masks as networks leave them: vertebrae in any order, with parts missing.

    Parameters
    ----------
    spine, vert
        Semantic and vertebra mask; not changed.
    folder
        Gets `SPINE` and `VERT`.
    """
    spine, vert = spine.astype(np.uint8), vert.astype(np.uint16)
    spine[np.isin(spine, (52, 53))] = 62
    spine[spine == 50] = 49
    vert[(vert >= 26) & (vert != 28)] = 0
    numbers = [int(v) for v in np.unique(vert) if v]
    rng = np.random.default_rng(SEED)
    table = np.zeros(int(vert.max()) + 1, np.uint16)
    table[numbers] = rng.permutation(len(numbers)) + 1
    vert = table[vert]
    inside = np.argwhere(vert > 0)
    for place in inside[rng.integers(0, len(inside), FAULTS)]:
        low = np.maximum(place - np.array(FAULT_VOXELS) // 2, 0)
        vert[tuple(map(slice, low, low + FAULT_VOXELS))] = 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in ((SPINE, spine), (VERT, vert)):
        nib.save(nib.Nifti1Image(array.astype(np.uint8), affine), folder / name)


def _extended(image: np.ndarray, extent: tuple[int, int]) -> np.ndarray:
    """Image cut along P and I to a number of voxels, or continued with air."""
    for axis, size in enumerate(extent):
        if size and image.shape[axis] >= size:
            image = np.take(image, range(size), axis=axis)
        elif size:
            pad = [(0, 0)] * 3
            pad[axis] = (0, size - image.shape[axis])
            image = np.pad(image, pad)
    return image
