"""Networks that answer without weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class NumberedInstances:
    """Sees the true instances through a second channel: a volume that the cut-outs come from.

    `truth` holds the instances 1, 2, … from cranial to caudal on the grid of the crop; `locate`
    says which of them the next cut-out is centred on.
    """

    def __init__(
        self, locate: Callable[[np.ndarray], np.ndarray], size: Sequence[int], **changes: Any
    ) -> None:
        self.config = config(
            modality=["SEG"],
            modeltype="unet",
            expected_inputs=["seg"],
            cutout_size=list(size),
            **changes,
        )
        self.locate = locate
        self.batches: list[int] = []

    def predict(
        self, cutouts: Sequence[np.ndarray], *, batch_size: int = 4, **_options: Any
    ) -> list[np.ndarray]:
        assert len(cutouts) <= batch_size
        self.batches.append(len(cutouts))
        return [self.locate(cut) for cut in cutouts]
