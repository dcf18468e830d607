"""Intensity schemes of nnU-Net plans.

Source: the preprocessing of nnU-Net v2 (ZScore, CT, no, rescale to 0-1, RGB).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spineps_nipype.errors import ModelError

STD_FLOOR = 1e-8
Array = NDArray[np.float32]


def normalize(
    image: Array, scheme: str, properties: Mapping[str, Any], mask: NDArray[np.bool_] | None
) -> Array:
    """Normalise one channel.

    Parameters
    ----------
    image
        Any shape.
    scheme
        Name in ``normalization_schemes`` of the plans.
    properties
        Entry of ``foreground_intensity_properties_per_channel``.
    mask
        Voxels that count for the Z score, all when None; the others become 0.

    Raises
    ------
    ModelError
        If the scheme is unknown.
    """
    x = image.astype(np.float32)
    if scheme == "ZScoreNormalization":
        chosen = x if mask is None else x[mask]
        out = (x - chosen.mean()) / max(float(chosen.std()), STD_FLOOR)
        if mask is not None:
            out[~mask] = 0
        return np.asarray(out, dtype=np.float32)
    if scheme == "CTNormalization":
        low, high = properties["percentile_00_5"], properties["percentile_99_5"]
        scaled = (np.clip(x, low, high) - properties["mean"]) / max(properties["std"], STD_FLOOR)
        return np.asarray(scaled, dtype=np.float32)
    if scheme == "NoNormalization":
        return x
    if scheme == "RescaleTo01Normalization":
        x = x - x.min()
        return np.asarray(x / max(float(x.max()), STD_FLOOR), dtype=np.float32)
    if scheme == "RGBTo01Normalization":
        return np.asarray(x / 255.0, dtype=np.float32)
    raise ModelError(
        f"The plans ask for the unknown intensity scheme {scheme!r}.",
        remedy="Use a package whose plans use a scheme of nnU-Net v2.",
    )
