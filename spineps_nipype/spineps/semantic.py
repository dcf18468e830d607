"""Semantic phase: from the pre-processed image to a mask on the grid of the model.

Source: SPINEPS 2.1.3, phase "semantic".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import bounding_box
from ..core.geometry import rescale
from ..core.volume import Volume, make_volume
from ..errors import EmptyResultError, ModelError
from ..models.protocols import Progress, SemanticModel
from ..models.spine_region import find_spine
from .evidence import STRUCTURES, gather_evidence
from .semantic_cleanup import clean_semantic
from .settings import Numerics, SemanticSettings
from .tile_choice import chosen_tiles
from .upstream import upstream


@dataclass(frozen=True)
class SemanticResult:
    """Results of the semantic phase, all on the grid of the model.

    Parameters
    ----------
    mask
        SPINEPS labels.
    probabilities
        Mean softmax of the classes, shape ``(classes, *grid)``; None unless requested.
    class_labels
        SPINEPS label of each class.
    uncertainty
        Entropy of the probabilities divided by its maximum, from 0 (certain) to 1; None without
        them.
    shares
        Probability of each structure of `evidence.STRUCTURES`, shape ``(structures, *grid)``;
        None where the network does not tell it.
    evidence
        What that and the form of the mask tell of its quality: rows of `evidence.COLUMNS`.
    """

    mask: Volume
    probabilities: NDArray[np.float32] | None = None
    class_labels: tuple[int, ...] = ()
    uncertainty: Volume | None = None
    shares: NDArray[np.float32] | None = None
    evidence: list[dict[str, Any]] = field(default_factory=list)


def to_model_grid(image: Volume, model: SemanticModel, *, own_keys: bool = True) -> Volume:
    """Bring an image to the orientation and spacing that the model expects.

    Parameters
    ----------
    own_keys
        Whether the image is continued beyond its border first, where the package asks for that.
    """
    turned = image.reorient(model.config.orientation)
    if own_keys and model.config.border_mm:
        turned = continued(turned, model.config.border_mm)
    return rescale(turned, model.config.target_spacing([float(z) for z in turned.zoom]))


def continued(image: Volume, mm: float) -> Volume:
    """Repeat the outermost voxels of what is not empty, into the empty space around it.

    A coarser grid would mix the last slices with emptiness, and the network would take the mixture
    for what is not there. The darkest value counts as empty.

    Parameters
    ----------
    mm
        How far, rounded to whole voxels of each axis, as far as there is room. Axes whose voxels
        are as large stay as they are: no coarser grid is laid over them.
    """
    array = image.get_array()
    signal = array > array.min()
    if not signal.any():
        return image
    box = bounding_box(signal)
    widths = [round(mm / float(z)) if float(z) < mm else 0 for z in image.zoom]
    around = [
        (min(wide, part.start), min(wide, size - part.stop))
        for part, size, wide in zip(box, array.shape, widths, strict=True)
    ]
    out = array.copy()
    where = tuple(
        slice(part.start - before, part.stop + behind)
        for part, (before, behind) in zip(box, around, strict=True)
    )
    out[where] = np.pad(array[box], around, mode="edge")
    return image.set_array(out, seg=False)


def segment_semantic(
    image: Volume,
    network: SemanticModel,
    settings: SemanticSettings,
    *,
    scout: SemanticModel | None = None,
    numerics: Numerics = "corrected",
    probabilities: bool = False,
    progress: Progress | None = None,
) -> SemanticResult:
    """Label the structures of the spine.

    Parameters
    ----------
    image
        Pre-processed image.
    network
        Loaded semantic model.
    settings
        Options of this phase.
    scout
        Very small network that finds the spine. Without it all tiles are computed, unless the
        settings insist on those at the spine.
    probabilities
        Whether to return class probabilities and uncertainty.
    progress
        Called with the numbers of finished and of all tiles.

    Raises
    ------
    EmptyResultError
        If nothing is found, before or after cleaning.
    ModelError
        If the model needs several image channels.
    ValueError
        If the settings insist on tiles at the spine and nothing is there to find it.
    """
    if len(network.config.expected_inputs) != 1:
        wanted = ", ".join(network.config.expected_inputs)
        raise ModelError(
            f"The model {network.config.log_name} wants several images ({wanted}).",
            remedy="Choose a model with one input image.",
        )
    rules = upstream(numerics)
    own_keys = not rules.own_keys_ignored
    grid = to_model_grid(image, network, own_keys=own_keys)
    region = None
    if scout is not None and chosen_tiles(settings.tiles, numerics) == "spine":
        region = find_spine(grid, scout)
    elif settings.tiles == "spine":
        raise ValueError("tiles at the spine need a network that finds it")
    prediction = network.predict(
        grid,
        step_size=settings.proc_sem_step_size,
        tta=settings.tta,
        probabilities=probabilities,
        groups=tuple(STRUCTURES.values()),
        region=region,
        half_precision=rules.half_precision,
        own_keys=own_keys,
        progress=progress,
    )
    _require_foreground(prediction.labels, "The network found no structure of the spine.")
    mask = clean_semantic(prediction.labels, settings, numerics)
    _require_foreground(mask, "No structure of the spine is left after cleaning.")
    soft = prediction.probabilities
    uncertainty = None
    if soft is not None:
        # `set_array` of the label map would cut the entropy to whole numbers.
        uncertainty = make_volume(normalised_entropy(soft), prediction.labels.affine, seg=False)
    shares = prediction.shares
    evidence = []
    if shares is not None:
        thickness = max(float(z) for z in image.zoom)
        evidence = gather_evidence(mask.get_array(), shares, mask.zoom, thickness)
    return SemanticResult(mask, soft, prediction.class_labels, uncertainty, shares, evidence)


def normalised_entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Entropy of class probabilities, divided by its maximum.

    Parameters
    ----------
    probabilities
        Shape ``(classes, *grid)``, summing to 1 over the classes.

    Returns
    -------
    array of shape grid, 0 to 1
    """
    entropy = np.zeros(probabilities.shape[1:], dtype=np.float32)
    for p in probabilities:
        entropy -= p * np.log(np.maximum(p, np.finfo(np.float32).tiny))
    out: NDArray[np.float32] = np.clip(entropy / math.log(len(probabilities)), 0, 1)
    return out


def _require_foreground(mask: Volume, what: str) -> None:
    if not mask.get_array().any():
        raise EmptyResultError(
            what,
            remedy="Check that the scan shows a spine and that the model fits its modality; "
            "the model card says what it was made for.",
        )
