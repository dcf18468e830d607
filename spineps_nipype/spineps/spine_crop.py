"""Crop of images to a given box, and of large, fine ones to the spine.

Source: SPINEPS 2.1.3, automatic crop with VIBESeg (TPTBox).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from TPTBox import NII

from ..core.components import bounding_box
from ..core.geometry import margin_voxels, rescale, to_input_grid
from ..core.image_checks import MIN_SLICES
from ..errors import EmptyResultError, InputError
from ..models.config import ModelConfig
from ..models.protocols import SemanticModel
from .preprocess import pad
from .settings import CropSettings, Numerics, parse_box
from .upstream import upstream

SPINE_LABELS: Final = (68, 69, 70, 23)
"""VIBESeg numbers of disc, body, posterior elements and sacrum."""
CROP_MARGIN_MM: Final = 18.75
RANGE_LIMIT, RANGE_TOP = 10_000.0, 1_000.0
"""Images that reach beyond the first value are shrunk to the second."""
PAD_VOXELS: Final = 5


def wants_crop(image: NII, settings: CropSettings, config: ModelConfig) -> bool:
    """Whether the image is to be cropped to the spine before the network runs."""
    if settings.auto_crop_to_spine == "no":
        return False
    if settings.auto_crop_to_spine == "yes" or config.needs_corp:
        return True
    turned = image.reorient(config.orientation)
    target = config.target_spacing([float(z) for z in turned.zoom])
    fine = max(target) <= settings.auto_crop_when_max_res_leq
    return fine and math.prod(image.shape) > settings.auto_crop_req_crop_min_dim**3


def crop_to_box(image: NII, box: str, numerics: Numerics = "corrected") -> NII:
    """The part of the image in a box that the user gave.

    Parameters
    ----------
    image
        Grey image; the box counts its voxels along its own axes.
    box
        Start and stop of each axis, as ``0:200,30:,:``.
    numerics
        Under ``spineps-2.1.3`` the box is cut twice, the second time out of the first part.

    Raises
    ------
    InputError
        If the box leaves less than two voxels along an axis.
    """
    for _ in range(2 if upstream(numerics).box_cut_twice else 1):
        ends = [side.indices(n) for side, n in zip(parse_box(box), image.shape, strict=True)]
        if any(stop - start < MIN_SLICES for start, stop, _ in ends):
            size = " x ".join(map(str, image.shape))
            raise InputError(
                f"The box {box} leaves nothing of the image of {size} voxels.",
                remedy="Give a box that lies in the image (--crop-box), or none.",
            )
        image = image.apply_crop(tuple(slice(start, stop) for start, stop, _ in ends))
    return image


def crop_to_spine(image: NII, *, device: str = "cpu", network: SemanticModel | None = None) -> NII:
    """The part of the image around the spine.

    Parameters
    ----------
    image
        Grey image.
    device
        torch device for VIBESeg.
    network
        Network to use instead of the installed VIBESeg.

    Raises
    ------
    ModelError
        If the VIBESeg weights are not installed.
    EmptyResultError
        If no spine is found.
    """
    if network is None:
        from ..models.loading import load_semantic
        from ..models.vibeseg import find_vibeseg

        network = load_semantic(find_vibeseg(), device)
    found = np.isin(spine_mask(image, network).get_array(), SPINE_LABELS)
    if not found.any():
        raise EmptyResultError(
            "No spine was found in the image to crop to.",
            remedy="Turn the crop off (--auto-crop-to-spine no), or check the scan.",
        )
    return image.apply_crop(bounding_box(found, margin_voxels(CROP_MARGIN_MM, image.zoom)))


def spine_mask(image: NII, network: SemanticModel) -> NII:
    """Labels of VIBESeg on the grid of the image."""
    array = image.get_array().astype(np.float32)
    if array.max() > RANGE_LIMIT:
        array = array * (RANGE_TOP / array.max())
    turned = NII.from_numpy(array, image.affine, False).reorient(network.config.orientation)
    grid = rescale(turned, network.config.target_spacing([float(z) for z in turned.zoom]))
    padded = pad(grid, PAD_VOXELS, 0.0)
    mirrored = np.pad(grid.get_array(), PAD_VOXELS, mode="reflect")
    labels = network.predict(NII.from_numpy(mirrored, padded.affine, False), tta=False).labels
    return to_input_grid(labels, image)
