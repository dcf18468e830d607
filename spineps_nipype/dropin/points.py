"""Points of interest, and the version of the program. Source: SPINEPS 2.1.3."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..spineps.centroids import compute_centroids
from ..spineps.poi_header import NO_MODEL_ENTRY, SOURCE
from ..spineps.settings import Numerics
from .models import SegmentationModel

if TYPE_CHECKING:
    from TPTBox import NII, POI


def predict_centroids_from_both(
    vert_nii_cleaned: NII,
    seg_nii: NII,
    models: Sequence[SegmentationModel | None],
    parameter: Mapping[str, Any],
    numerics: Numerics = "corrected",
) -> POI:
    """Centroids of the vertebral bodies and of the sacrum.

    Parameters
    ----------
    vert_nii_cleaned, seg_nii
        Final vertebra and semantic mask.
    models
        Semantic, instance and labelling model; None for a missing one.
    parameter
        Options to record in ``info``.

    Returns
    -------
    POI
        Points (vertebra, 50) in voxels; ``info`` has source, version, models, time, options.
    """
    points = compute_centroids(seg_nii, vert_nii_cleaned, points="bodies", numerics=numerics)
    points.info.update(
        source=SOURCE,
        version=pipeline_version(),
        models={
            str(i): m.dict_representation() if m else NO_MODEL_ENTRY for i, m in enumerate(models)
        },
        revision=pipeline_revision(),
        timestamp=time.strftime("date-%Y-%m-%d_time-%H-%M-%S"),
    )
    points.info.update({name: str(value) for name, value in parameter.items()})
    return points


def pipeline_version() -> str:
    """Version of this package."""
    return __version__


def pipeline_revision() -> str:
    """Name and version of this package; SPINEPS asks git in the folder of the caller."""
    return f"spineps-nipype::{__version__}"
