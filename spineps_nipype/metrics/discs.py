"""Shape of discs: height and volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .bodies import IMAGE_POSTERIOR
from .local_frames import (
    MaskBox,
    Points,
    extent,
    finite_median,
    frame_from,
    grid_covering,
    samples_between,
)

CENTRAL: Final = 0.25
"""Half size of the region over which the height is a median: share of depth and width."""
SAMPLE_MM: Final = 1.0


@dataclass(frozen=True)
class DiscShape:
    """Measures of a disc [mm, mm³]; NaN where the field of view cuts it."""

    height: float
    volume: float
    cut: str


def disc_shape(disc: MaskBox, direction: Points, canal: Points | None) -> DiscShape:
    """Measure a disc (label 100, without endplates).

    Parameters
    ----------
    disc
        Mask of the disc.
    direction
        Normal of the disc: mean inferior axis of the bodies above and below.
    canal
        Centre of the canal behind it [mm]; None if it is not in view.
    """
    points = disc.points
    centre = points.mean(axis=0)
    frame = frame_from(centre, direction, IMAGE_POSTERIOR if canal is None else canal - centre)
    low, high = np.percentile(frame.to_local(points), (1, 99), axis=0)
    frame = frame.shifted((low + high) / 2)
    half = (high - low) * CENTRAL
    inside = disc.sample(
        frame,
        samples_between(-half[0], half[0], SAMPLE_MM),
        grid_covering(low[1] - high[1], high[1] - low[1], disc.step),
        samples_between(-half[2], half[2], SAMPLE_MM),
    )
    height = finite_median(extent(inside, 1, disc.step))
    blank = float("nan")
    return DiscShape(
        blank if disc.cut_at_end else height,
        blank if disc.cut else disc.volume,
        disc.cut,
    )
