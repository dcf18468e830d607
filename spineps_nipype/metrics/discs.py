"""Shape of discs: height and volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .bodies import IMAGE_POSTERIOR
from .local_frames import MaskBox, Points, extent, frame_from, middle, spread, steps

MIDDLE: Final = 0.25
"""The height is the median over this share of depth and width, to both sides of the centre."""
SAMPLE_MM: Final = 1.0


@dataclass(frozen=True)
class DiscShape:
    """Measures of a disc [mm, mm³]; NaN where the field of view cuts it."""

    height: float
    volume: float
    cut: str


def disc_shape(disc: MaskBox, direction: Points, canal: Points | None) -> DiscShape:
    """Measure a disc (label 100; endplates do not count).

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
    low, high = np.percentile(frame.local(points), (1, 99), axis=0)
    frame = frame.moved((low + high) / 2)
    half = (high - low) * MIDDLE
    inside = disc.sample(
        frame,
        spread(-half[0], half[0], SAMPLE_MM),
        steps(low[1] - high[1], high[1] - low[1], disc.step),
        spread(-half[2], half[2], SAMPLE_MM),
    )
    height = middle(extent(inside, 1, disc.step))
    blank = float("nan")
    return DiscShape(
        blank if set("SI") & set(disc.cut) else height,
        blank if disc.cut else disc.volume,
        disc.cut,
    )
