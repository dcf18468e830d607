"""Files of the intermediate masks that the instance phase hands out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.images import save_nii

if TYPE_CHECKING:
    from TPTBox import NII


def save_steps(steps: Mapping[str, Any], folder: str | Path, grid: NII) -> list[Path]:
    """Write one file a step, named after it.

    Parameters
    ----------
    steps
        Images, or bare arrays of the cropped mask and of cut-outs.
    folder
        Where the files go.
    grid
        Image with the spacing and orientation of the arrays. An array takes the position of an
        image of its shape among the steps; the place of a cut-out is not recorded, so it starts
        at the origin.
    """
    images = {name: step for name, step in steps.items() if not isinstance(step, np.ndarray)}
    paths = []
    for name, step in steps.items():
        image = images.get(name)
        if image is None:
            image = _placed(step, list(images.values()), grid)
        paths.append(save_nii(image, Path(folder) / f"{name}.nii.gz"))
    return paths


def _placed(array: np.ndarray, images: list[NII], grid: NII) -> NII:
    from TPTBox import NII

    affine = grid.affine.copy()
    affine[:3, 3] = 0
    for image in images:
        if image.shape == array.shape:
            affine = image.affine
    return NII.from_numpy(array, affine, True)
