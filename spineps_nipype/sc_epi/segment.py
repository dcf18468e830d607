"""Segmentation of the spinal cord in EPI volumes.

Source: Spinal Cord Toolbox 7.0, inference and post-processing of EPISeg.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.volume import Volume
from ..models.protocols import Progress, SemanticModel, SemanticPrediction
from .cleanup import clean_up, keep_largest
from .model import EpiOutput
from .settings import EpiSegSettings
from .sizes import smallest_voxels
from .upstream import upstream

CANAL_SUFFIX: Final = "_canal_seg"
AXIAL: Final = frozenset("SI")
"""Axis codes of the axis across axial slices."""


def segment_epi(
    image: Volume,
    network: SemanticModel,
    outputs: Sequence[EpiOutput],
    settings: EpiSegSettings,
    *,
    progress: Progress | None = None,
) -> dict[str, Volume]:
    """Segment one volume.

    Parameters
    ----------
    image
        3-D image in any orientation and spacing; inference resamples it.
    network
        Network with a configuration that names the orientation it expects.
    outputs
        See `EpiPackage.outputs`.
    settings
        Options; under ``original`` numerics the threshold applies to the mask.

    Returns
    -------
    dict
        Suffix to mask on the grid of the image: uint8, or float32 probabilities for ``thr=0``.

    Raises
    ------
    InputError
        If options contradict each other or do not fit the model.
    """
    chosen = settings.clean_up
    judged = chosen.thr is not None and not upstream(settings.numerics).mask_thresholded
    sizes = [0.0] * len(outputs)
    if chosen.remove_small:
        volume = math.prod(float(z) for z in image.zoom)
        sizes = smallest_voxels(
            chosen.remove_small, len(outputs), volume, numerics=settings.numerics
        )
    turned = image.reorient(network.config.orientation)
    found = network.predict(
        turned,
        tta=settings.tta,
        probabilities=judged,
        progress=progress,
    )
    labels = found.labels.get_array()
    axis = next(i for i, code in enumerate(turned.orientation) if code in AXIAL)
    out = {}
    for output, size in zip(outputs, sizes, strict=True):
        if output.labels is None:
            data: NDArray[Any] = labels
        else:
            mask = np.isin(labels, output.labels)
            if output.suffix == CANAL_SUFFIX:
                mask = keep_largest(mask.astype(np.uint8)) > 0
            data = clean_up(
                mask,
                _probability(found, output.labels),
                chosen,
                min_voxels=size,
                slice_axis=axis,
                numerics=settings.numerics,
            )
        soft = np.issubdtype(data.dtype, np.floating)
        result = turned.set_array(data, seg=not soft)
        out[output.suffix] = result.reorient(image.orientation)
    return out


def _probability(found: SemanticPrediction, labels: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Probability of a class: the sum over the labels of the network that make it up."""
    if found.probabilities is None:
        return None
    channels = [i for i, label in enumerate(found.class_labels) if label in labels]
    total: NDArray[np.float32] = found.probabilities[channels].sum(axis=0)
    return np.clip(total, 0, 1)
