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
from .crop import crop_to_grid
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
    image: Volume,
    network: SemanticModel,
    *,
    region: Volume | None = None,
    progress: Progress | None = None,
) -> RawStep1:
    """Run the first network.

    Parameters
    ----------
    image
        The prepared image (RAS+, 1 mm).
    region
        Where the spine is, on the same grid; what lies outside is background and is not computed,
        as far as tiles allow. All of the image when None.
    """
    turned = _turned(image, network)
    found = network.predict(
        turned, probabilities=True, region=_turned_or_none(region, network), progress=progress
    )
    assert found.probabilities is not None
    classes = list(found.class_labels)
    back = image.orientation
    canal, cord = (
        turned.set_array(found.probabilities[classes.index(label)]).reorient(back)
        for label in (RAW_CANAL_STEP1, RAW_CORD_STEP1)
    )
    return RawStep1(
        _within(found.labels.reorient(back), region),
        _within(canal, region).get_array(),
        _within(cord, region).get_array(),
    )


def segment_step2(
    image: Volume,
    channel: Volume,
    network: SemanticModel,
    *,
    region: Volume | None = None,
    progress: Progress | None = None,
) -> Volume:
    """Run the second network: raw classes 1 to 11.

    Parameters
    ----------
    image
        The prepared image.
    channel
        Every second disc (0 or 1) on a part of its grid, that around the result of step 1.
    region
        Where the spine is, on the grid of the image; see `segment_step1`. It does not count if a
        disc of the channel lies outside: a reader has put it there, and knows better.

    Returns
    -------
    Volume
        On the grid of the channel.
    """
    part = crop_to_grid(image, channel)
    near = None if region is None else crop_to_grid(region, channel)
    if near is not None and (channel.get_array()[near.get_array() == 0] > 0).any():
        near = None
    channels = [_turned(part, network), _turned(channel, network)]
    found = network.predict(channels, region=_turned_or_none(near, network), progress=progress)
    return _within(found.labels.reorient(part.orientation), near)


def _turned(image: Volume, network: SemanticModel) -> Volume:
    """Image in the orientation of the network; that of the releases is the prepared one."""
    return image.reorient(network.config.orientation)


def _turned_or_none(region: Volume | None, network: SemanticModel) -> Volume | None:
    return None if region is None else _turned(region, network)


def _within(result: Volume, region: Volume | None) -> Volume:
    """A result with 0 outside the region, if there is one."""
    if region is None:
        return result
    inside = region.get_array() > 0
    return result.set_array(np.where(inside, result.get_array(), 0))
