"""Networks that answer without weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from TPTBox import NII

from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.protocols import SemanticPrediction


def config(spacing: Any = (1.0, 1.0, 1.0), **changes: Any) -> ModelConfig:
    """Configuration of a semantic model, or of whatever `changes` make of it."""
    return ModelConfig.from_dict(
        {
            "log_name": "stand-in",
            "modality": ["T2w"],
            "acquisition": "sag",
            "modeltype": "nnunet",
            "model_expected_orientation": ["P", "I", "R"],
            "available_folds": 1,
            "inference_augmentation": False,
            "resolution_range": spacing,
            "default_step_size": 0.5,
            "labels": {},
            **changes,
        }
    )


class CodedSemantic:
    """Reads labels off the intensity: the value of a voxel is its label."""

    def __init__(self, **changes: Any) -> None:
        self.config = config(**changes)
        self.seen: list[NII] = []
        self.options: dict[str, Any] = {}

    def predict(self, image: NII, **options: Any) -> SemanticPrediction:
        self.seen.append(image)
        self.options = options
        array = np.rint(np.clip(image.get_array(), 0, 255)).astype(np.uint8)
        labels = image.set_array(array, seg=True)
        classes = (0, *sorted(int(v) for v in np.unique(array) if v))
        soft = None
        if options.get("probabilities"):
            soft = np.stack([array == c for c in classes]).astype(np.float32)
        return SemanticPrediction(labels, soft, classes)


class RowwiseInstances:
    """Takes every unbroken run of labelled rows for a vertebra."""

    def __init__(self, size: Sequence[int] = (32, 48, 16), **changes: Any) -> None:
        given = {"modality": ["SEG"], "modeltype": "unet", "expected_inputs": ["seg"]}
        self.config = config(**{**given, "cutout_size": list(size), **changes})
        self.batches: list[int] = []

    def predict(
        self, cutouts: Sequence[np.ndarray], *, batch_size: int = 4, **_options: Any
    ) -> list[np.ndarray]:
        assert len(cutouts) <= batch_size
        self.batches.append(len(cutouts))
        return [self._rows(cut) for cut in cutouts]

    @staticmethod
    def _rows(cut: np.ndarray) -> np.ndarray:
        """1 above the run in the middle, 2 the run in the middle, 3 below it."""
        used = (cut > 0).any(axis=(0, 2))
        run = np.cumsum(np.diff(used.astype(int), prepend=0) == 1) * used
        position = run - run[cut.shape[1] // 2] + 2
        position[~used | (position < 1) | (position > 3)] = 0
        return ((cut > 0) * position[None, :, None]).astype(np.uint8)
