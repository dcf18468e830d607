"""Inference with the two networks.

Both are trained on regions: each class is set where its probability exceeds one half, and later
classes overwrite earlier ones. Source: TotalSpineSeg 20251028, nnU-Net data sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.volume import Volume
from ..models.package import ModelPackage
from ..models.protocols import Progress, SemanticModel
from ..settings import EngineSettings
from .labels import RAW_CANAL_STEP1, RAW_CORD_STEP1
from .profiles import SEED, Profile
from .soft import near_canal

if TYPE_CHECKING:
    from ..models.inference.semantic import SemanticNetwork


@dataclass(frozen=True)
class RawStep1:
    """Result of the first network on the grid of its image.

    Parameters
    ----------
    labels
        Raw classes 1 to 9.
    canal, cord
        Their probabilities.
    """

    labels: Volume
    canal: NDArray[np.float32]
    cord: NDArray[np.float32]

    def near_canal(self, dilation: int) -> RawStep1:
        """The same with probabilities where rules can ask for them only; see `soft.near_canal`."""
        raw, labels = self.labels.get_array(), (RAW_CANAL_STEP1, RAW_CORD_STEP1)
        return RawStep1(
            self.labels,
            near_canal(self.canal, raw, labels, dilation=dilation),
            near_canal(self.cord, raw, labels, dilation=dilation),
        )


def load_step(
    package: ModelPackage,
    *,
    profile: Profile = SEED,
    device: str = "cpu",
    engine: EngineSettings | None = None,
) -> SemanticNetwork:
    """Load the network of a step, from the checkpoint that the release prefers.

    Parameters
    ----------
    engine
        What computes it; torch in float32 when None.
    """
    from ..models.inference.semantic import load_semantic

    return load_semantic(package, device=device, checkpoints=profile.checkpoints, engine=engine)


def segment_step1(
    image: Volume, network: SemanticModel, *, progress: Progress | None = None
) -> RawStep1:
    """Run the first network on a prepared image (RAS+, 1 mm)."""
    turned = _turned(image, network)
    found = network.predict(turned, probabilities=True, progress=progress)
    assert found.probabilities is not None
    classes = list(found.class_labels)
    back = image.orientation
    canal, cord = (
        turned.set_array(found.probabilities[classes.index(label)]).reorient(back).get_array()
        for label in (RAW_CANAL_STEP1, RAW_CORD_STEP1)
    )
    return RawStep1(found.labels.reorient(back), canal, cord)


def segment_step2(
    image: Volume, channel: Volume, network: SemanticModel, *, progress: Progress | None = None
) -> Volume:
    """Run the second network: raw classes 1 to 11.

    Parameters
    ----------
    image
        The prepared image, cropped to the result of step 1.
    channel
        Every second disc (0 or 1) on the same grid.
    """
    channels = [_turned(image, network), _turned(channel, network)]
    return network.predict(channels, progress=progress).labels.reorient(image.orientation)


def _turned(image: Volume, network: SemanticModel) -> Volume:
    """Image in the orientation of the network; that of the releases is the prepared one."""
    return image.reorient(network.config.orientation)
