"""What the shells of SPINEPS share."""

from __future__ import annotations

from typing import Any

from ...core.images import load_image
from ...core.volume import Volume
from ...spineps.upstream import upstream


def checked_image(inputs: Any) -> Volume:
    """The image that `Conform` has checked, with voxels of the type that the numerics ask for."""
    integer_voxels = upstream(inputs.numerics).integer_voxels
    return load_image(inputs.in_file, integer_voxels=integer_voxels)
