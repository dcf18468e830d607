"""Files of the intermediate masks of the instance phase."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...core.images import save_nii
from ...core.volume import Volume


def save_steps(steps: Mapping[str, Volume], folder: str | Path) -> list[Path]:
    """Write one file for each step, named after it."""
    return [save_nii(image, Path(folder) / f"{name}.nii.gz") for name, image in steps.items()]
