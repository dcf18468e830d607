"""Masks of any system as pages show them: in the numbers of SPINEPS, on the grid of the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core.anatomy import CORD, CORPUS_BORDER, DISC
from spineps_nipype.core.convert_labels import convert_labels
from spineps_nipype.core.geometry import to_input_grid
from spineps_nipype.core.images import load_image, load_mask
from spineps_nipype.errors import EmptyResultError

CORD_SHARE: Final = 0.5
"""From this probability, or share of the volumes of a series, a voxel counts as cord."""
Masks = tuple[NII, NII]
"""Semantic and vertebra mask."""


def shown_masks(files: Mapping[str, Path], image: NII) -> Masks | None:
    """Semantic and vertebra mask of a scan; what a system does not tell is empty.

    Parameters
    ----------
    files
        Results by the words of `stored_files`.
    image
        The scan, whose grid the masks get.

    Returns
    -------
    tuple of NII
        None if no result can be shown.

    Raises
    ------
    InputError
        If a mask cannot be read.
    """
    for key, read in _READERS.items():
        if key in files:
            return read(files, key, image)
    return None


def _of_spineps(files: Mapping[str, Path], key: str, image: NII) -> Masks:  # noqa: ARG001
    spine, vert = (
        to_input_grid(load_mask(files[word]), image) if word in files else _empty(image)
        for word in ("spine", "vert")
    )
    return spine, vert


def _of_other(files: Mapping[str, Path], key: str, image: NII) -> Masks:
    labels = to_input_grid(load_mask(files[key]), image).get_array()
    converted = convert_labels(labels, key, "spineps")  # type: ignore[arg-type]
    assert converted.spine is not None
    return _mask(converted.spine, image), _mask(converted.labels, image)


def _of_two_classes(files: Mapping[str, Path], key: str, image: NII) -> Masks:
    classes = to_input_grid(load_mask(files[key]), image).get_array()
    tissue = np.select([classes == 1, classes == 2], [CORPUS_BORDER, DISC], 0)
    return _mask(tissue, image), _empty(image)


def _of_cord(files: Mapping[str, Path], key: str, image: NII) -> Masks:
    try:
        share = load_image(files[key], average_4d=True)
    except EmptyResultError:  # not one voxel of cord
        return _empty(image), _empty(image)
    inside = _mask(np.where(share.get_array() >= CORD_SHARE, CORD, 0), share)
    return to_input_grid(inside, image), _empty(image)


def _empty(image: NII) -> NII:
    return _mask(np.zeros(image.shape), image)


def _mask(labels: np.ndarray, image: NII) -> NII:
    return NII.from_numpy(labels.astype(np.uint8), image.affine, True)


_READERS: Final[Mapping[str, Callable[[Mapping[str, Path], str, NII], Masks]]] = {
    "vert": _of_spineps,
    "spine": _of_spineps,
    "totalspineseg": _of_other,
    "totalspineseg_step1": _of_other,
    "spine_segmentation": _of_other,
    "two_classes": _of_two_classes,
    "cord": _of_cord,
}
MASKS: Final = tuple(_READERS)
"""Results that can be shown, the best first."""
