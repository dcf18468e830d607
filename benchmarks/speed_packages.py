"""What the speed comparison runs on: packages of real size with random weights, and phantoms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import nibabel as nib
import numpy as np

if TYPE_CHECKING:
    from spineps_nipype.phantom.generate import FieldOfView, Phantom

SEED: Final = 0
SCAN_SPACING: Final = (0.625, 0.625, 4.4)
MODEL_SPACING: Final = (0.75, 0.75, 1.65)
CONFIG: Final[dict[str, Any]] = {
    "log_name": "Seeded",
    "modality": ["T2w"],
    "acquisition": "sag",
    "modeltype": "nnunet",
    "model_expected_orientation": ["P", "I", "R"],
    "available_folds": 1,
    "inference_augmentation": False,
    "resolution_range": list(MODEL_SPACING),
    "default_step_size": 0.5,
    "labels": {
        str(i + 1): v
        for i, v in enumerate((41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 100, 26))
    },
    "expected_inputs": ["img"],
}
FEATURES: Final = (32, 64, 128, 256, 320, 320)
KERNELS: Final = ((1, 3, 3), *[(3, 3, 3)] * 5)
STRIDES: Final = ((1, 1, 1), (1, 2, 2), *[(2, 2, 2)] * 3, (1, 2, 2))
TILE: Final = (48, 128, 128)


class View(NamedTuple):
    """Part of the spine: extent of the image (P, I; voxels; 0 for all), vertebrae in view."""

    extent: tuple[int, int]
    top: str | None
    bottom: str | None


CASES: Final = {
    "small": View((160, 224), "L3", "L4"),
    "lumbar": View((448, 448), "T12", "sacrum"),
    "spine": View((0, 0), None, None),
}
SLICES: Final = 16


PACKAGES: Final = ("sized", "widened", "compact")


def write_packages(kind: str, folder: Path) -> None:
    """Write `semantic`, `instance` and `labeling` packages; what is there is kept.

    Parameters
    ----------
    kind
        ``sized``: networks of the released sizes with seeded random weights; ``widened``: with
        the embedded networks inside; ``compact``: the embedded networks.
    """
    from .seeded_labeling import DENSENET169, PATCH169, write_seeded_labeling
    from .speed_widened import write_compact, write_widened

    if kind == "sized":
        _write_sized(folder)
    else:
        {"widened": write_widened, "compact": write_compact}[kind](folder)
    if not (folder / "labeling").is_dir():
        large = {} if kind == "compact" else {"layers": DENSENET169, "patch": PATCH169}
        write_seeded_labeling(folder / "labeling", **large)


def _write_sized(folder: Path) -> None:
    import torch

    from spineps_nipype.models.export import write_instance_package, write_semantic_package
    from spineps_nipype.models.networks.instance_unet import InstanceUNet
    from spineps_nipype.models.networks.semantic_unet import build_semantic_unet
    from training.common.nnunet import architecture

    if not (folder / "semantic").is_dir():
        torch.manual_seed(SEED)
        described = architecture(FEATURES, KERNELS, STRIDES)
        network = build_semantic_unet({"architecture": described}, 1, 15, "speed")
        write_semantic_package(
            folder / "semantic",
            [network.eval()],
            config=CONFIG,
            architecture=described,
            patch_size=TILE,
            spacing=MODEL_SPACING[::-1],
            class_names=["background", *(f"class{i}" for i in range(1, 15))],
            mirror_axes=(0, 1, 2),
            half=False,
        )
    if not (folder / "instance").is_dir():
        torch.manual_seed(SEED)
        config = {
            **CONFIG,
            "modality": "SEG",
            "modeltype": "unet",
            "labels": {"1": 1, "2": 2, "3": 3},
            "expected_inputs": ["seg"],
            "cutout_size": [248, 304, 64],
        }
        write_instance_package(
            folder / "instance", InstanceUNet(16, 10).eval(), config=config, half=False
        )


def write_inputs(folder: Path, case: str) -> None:
    """Write image, semantic mask on the grid of the models, and masks to clean up.

    Files: `image`, `model_spine`, `spine`, `vert` (.nii.gz), all phantoms of one seed.
    """
    from spineps_nipype.phantom.files import save, to_nii
    from spineps_nipype.phantom.generate import generate

    scan = write_scan(folder / IMAGE, case)
    fine = generate(SEED, spacing=MODEL_SPACING, fov=_window(CASES[case]))
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
    scan = generate(seed, spacing=SCAN_SPACING, fov=_window(view))
    image = _extended(render(scan, seed=seed), view.extent)
    save(to_nii(scan, image, mask=False), path)
    return scan


def _window(view: View) -> FieldOfView:
    from spineps_nipype.phantom.generate import FieldOfView

    return FieldOfView(
        top=view.top, bottom=view.bottom, width=SLICES * SCAN_SPACING[2], anterior=90, posterior=90
    )


IMAGE, MODEL_SPINE = "image.nii.gz", "model_spine.nii.gz"
SPINE, VERT = "spine.nii.gz", "vert.nii.gz"
FAULTS: Final = 60
FAULT_VOXELS: Final = (12, 12, 3)


def write_faulty(spine: np.ndarray, vert: np.ndarray, affine: np.ndarray, folder: Path) -> None:
    """Write masks as networks leave them: vertebrae in any order, with parts missing."""
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
    """Image cut along P and I to a number of voxels, or with air after its end."""
    for axis, size in enumerate(extent):
        if size and image.shape[axis] >= size:
            image = np.take(image, range(size), axis=axis)
        elif size:
            pad = [(0, 0)] * 3
            pad[axis] = (0, size - image.shape[axis])
            image = np.pad(image, pad)
    return image
