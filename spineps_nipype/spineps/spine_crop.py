"""Cropping of images to a given box or to the spine.

Source: SPINEPS 2.1.3, automatic crop with VIBESeg (TPTBox).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from ..core.components import bounding_box
from ..core.geometry import margin_voxels, rescale, to_input_grid
from ..core.image_checks import MIN_SLICES
from ..core.volume import Volume, make_volume
from ..errors import EmptyResultError, InputError
from ..models.config import ModelConfig
from ..models.protocols import SemanticModel
from ..models.systems import VIBESEG
from .preprocess import pad
from .settings import CropSettings, Numerics, parse_box
from .upstream import upstream

SPINE_LABELS: Final = (68, 69, 70, 23)
"""Labels of VIBESeg for disc, body, posterior elements and sacrum."""
CROP_MARGIN_MM: Final = 18.75
"""Margin around the spine."""
RANGE_LIMIT, RANGE_TOP = 10_000.0, 1_000.0
"""Images with values above the first are scaled so that the second is their largest one."""
PAD_VOXELS: Final = 5
"""Mirrored border around the input of VIBESeg."""


def wants_crop(image: Volume, settings: CropSettings, config: ModelConfig) -> bool:
    """Whether to crop an image to the spine before the network runs; see `crop_wanted`."""
    return crop_wanted(image.shape, image.zoom, image.orientation, settings, config)


def crop_wanted(
    shape: Sequence[int],
    zooms: Sequence[float],
    axis_codes: Sequence[str],
    settings: CropSettings,
    config: ModelConfig,
) -> bool:
    """Whether to crop an image on a grid to the spine before the network runs.

    By default only large images are cropped for which the network computes on a fine grid.

    Parameters
    ----------
    shape, zooms, axis_codes
        Voxels, spacing [mm] and orientation of its three axes.
    settings, config
        Options of the crop, and the configuration of the semantic model.
    """
    if settings.auto_crop_to_spine == "no":
        return False
    if settings.auto_crop_to_spine == "yes" or config.needs_corp:
        return True
    along = {_line(code): float(zoom) for code, zoom in zip(axis_codes, zooms, strict=True)}
    target = config.target_spacing([along[_line(code)] for code in config.orientation])
    fine = max(target) <= settings.auto_crop_when_max_res_leq
    return fine and math.prod(shape) > settings.auto_crop_req_crop_min_dim**3


def _line(code: str) -> str:
    """Anatomical axis of a direction, without its sense."""
    return next(axis for axis in ("LR", "AP", "SI") if code in axis)


def crop_to_box(image: Volume, box: str, numerics: Numerics = "corrected") -> Volume:
    """Part of an image within a box given by the user.

    Parameters
    ----------
    image
        Grey image; the box counts its voxels along its own axes.
    box
        Start and stop of each axis, such as ``0:200,30:,:``.
    numerics
        Under ``spineps-2.1.3`` the box is applied twice, the second time to its own result.

    Raises
    ------
    InputError
        If the box leaves less than two voxels along an axis.
    """
    for sides in _cuts(image.shape, box, numerics):
        image = image.apply_crop(sides)
    return image


def size_in_box(
    shape: Sequence[int], box: str, numerics: Numerics = "corrected"
) -> tuple[int, ...]:
    """Size of what `crop_to_box` leaves of an image of some shape [voxels]; raises as it does."""
    *_, sides = _cuts(shape, box, numerics)
    return tuple(side.stop - side.start for side in sides)


def _cuts(shape: Sequence[int], box: str, numerics: Numerics) -> Iterator[tuple[slice, ...]]:
    """Boxes that are cut out one after the other, each out of what the one before leaves."""
    for _ in range(2 if upstream(numerics).box_cut_twice else 1):
        ends = [side.indices(n) for side, n in zip(parse_box(box), shape, strict=True)]
        if any(stop - start < MIN_SLICES for start, stop, _ in ends):
            size = " x ".join(map(str, shape))
            raise InputError(
                f"The box {box} leaves nothing of the image of {size} voxels.",
                remedy="Give a box that lies in the image (--crop-box), or none.",
            )
        yield tuple(slice(start, stop) for start, stop, _ in ends)
        shape = [stop - start for start, stop, _ in ends]


def crop_to_spine(
    image: Volume, *, device: str = "cpu", network: SemanticModel | None = None
) -> Volume:
    """Part of an image around the spine.

    Parameters
    ----------
    image
        Grey image.
    device
        Device of torch for VIBESeg.
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
        from ..models.finding import find_package
        from ..models.loading import load_semantic

        network = load_semantic(find_package(VIBESEG, "semantic"), device)
    found = np.isin(spine_mask(image, network).get_array(), SPINE_LABELS)
    if not found.any():
        raise EmptyResultError(
            "No spine was found in the image to crop to.",
            remedy="Turn the crop off (--auto-crop-to-spine no), or check the scan.",
        )
    return image.apply_crop(bounding_box(found, margin_voxels(CROP_MARGIN_MM, image.zoom)))


def spine_mask(image: Volume, network: SemanticModel) -> Volume:
    """Labels of VIBESeg on the grid of the image."""
    array = image.get_array().astype(np.float32)
    if array.max() > RANGE_LIMIT:
        array = array * (RANGE_TOP / array.max())
    turned = make_volume(array, image.affine, seg=False).reorient(network.config.orientation)
    grid = rescale(turned, network.config.target_spacing([float(z) for z in turned.zoom]))
    padded = pad(grid, PAD_VOXELS, 0.0)
    mirrored = np.pad(grid.get_array(), PAD_VOXELS, mode="reflect")
    labels = network.predict(make_volume(mirrored, padded.affine, seg=False), tta=False).labels
    return to_input_grid(labels, image)
