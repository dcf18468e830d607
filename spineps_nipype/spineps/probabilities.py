"""Files of class probabilities: a numpy archive and a 4-D image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.files import whole_file
from ..core.images import save_array
from ..core.volume import Volume


def save_softmax(probabilities: np.ndarray, class_labels: Sequence[int], path: Path) -> None:
    """Write ``probabilities`` (class, P, I, R) in float32, and ``labels``, one for each class."""
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            probabilities=probabilities.astype(np.float32),
            labels=np.asarray(class_labels, dtype=np.uint16),
        )


def save_probability_image(
    probabilities: np.ndarray, grid: Volume, path: Path, *, like: Path | str
) -> None:
    """Write probabilities of shape (class, P, I, R) as a 4-D image with the class last.

    Parameters
    ----------
    probabilities
        Class probabilities on the grid of the semantic mask.
    grid
        The semantic mask, which provides affine and shape.
    path
        File to write (``.nii.gz``).
    like
        Image in whose world the grid lies, see `core.images.save_nii`.
    """
    data = np.moveaxis(probabilities.astype(np.float32), 0, -1)
    save_array(data, grid.affine, path, like=like)
