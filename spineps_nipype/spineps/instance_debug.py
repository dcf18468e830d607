"""Intermediate results of the instance phase as images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.volume import make_volume


@dataclass(frozen=True)
class Recorder:
    """Collects arrays of a crop as images, each with its position in space.

    Parameters
    ----------
    steps
        Receives the images by name; None to keep nothing.
    affine
        Affine of the crop.
    """

    steps: dict[str, Any] | None
    affine: NDArray[np.float64]

    def keep(self, name: str, array: NDArray[Any], start: Sequence[int] = (0, 0, 0)) -> None:
        """Keep a label map whose first voxel is voxel `start` of the crop."""
        if self.steps is None:
            return
        affine = np.array(self.affine, dtype=float)
        affine[:3, 3] += affine[:3, :3] @ np.asarray(start, dtype=float)
        self.steps[name] = make_volume(array.copy(), affine, seg=True)
