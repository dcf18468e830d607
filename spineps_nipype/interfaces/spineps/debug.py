"""Files of the intermediate masks of the instance phase."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.images import save_nii

if TYPE_CHECKING:
    from TPTBox import NII


def save_steps(steps: Mapping[str, NII], folder: str | Path) -> list[Path]:
    """Write one file for each step, named after it."""
    return [save_nii(image, Path(folder) / f"{name}.nii.gz") for name, image in steps.items()]
