"""Dimensions of the vertebrae of a phantom, which a network of forms and looks learns to estimate.

Lengths enter as logarithms. What the generator draws anew for every process is represented by its
mean, see `phantom.vertebra`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from spineps_nipype.phantom.measures import MEAN, SACRAL_DEPTHS, SACRAL_HEIGHTS, SACRAL_WIDTHS
from spineps_nipype.phantom.plan import SpinePlan, Vertebra

MEASURES: Final = 13
"""Height, depth, width, disc below, depth and width of the canal, wedge, pedicle, length and
inclination of the spinous process, transverse process, ribs, height of the spinous process."""
RIB_OF_T13: Final = 0.7
"""Share of 13th thoracic vertebrae with a rib on a side."""

Array = np.ndarray


def plan_measures(plan: SpinePlan) -> dict[str, Array]:
    """Measures of every vertebra and of S1, by name; what is unknown is NaN."""
    found = {v.name: _measures(v, plan.size) for v in plan.vertebrae}
    last = plan.vertebrae[-1]
    sacrum = np.full(MEASURES, np.nan)
    sacrum[:3] = np.log(
        [
            SACRAL_HEIGHTS[0] * plan.size,
            SACRAL_DEPTHS[0] * last.depth,
            SACRAL_WIDTHS[0] * last.width,
        ]
    )
    return found | {"S1": sacrum}


def _measures(vertebra: Vertebra, size: float) -> Array:
    mean, number, region = MEAN[vertebra.name], vertebra.number, vertebra.region
    low_lumbar = 0.75 if number >= 5 else 1.0
    # means of what the generator draws, mm before the size of the spine
    transverse = {"C": 9.0, "T": 19.0 - 0.75 * min(number, 12), "L": 24.5 * low_lumbar}[region]
    tall = {"C": 4.2, "T": 4.6 if number < 11 else 6.8, "L": 10.25 * low_lumbar}[region]
    ribs = (1.0 if number <= 12 else RIB_OF_T13) if region == "T" else 0.0
    lengths = (vertebra.height, vertebra.depth, vertebra.width, vertebra.disc_height)
    return np.array(
        [
            *np.log((*lengths, vertebra.canal_depth, vertebra.canal_width)),
            vertebra.wedge,
            *np.log((mean.pedicle_width * size, mean.spinous_length * size)),
            mean.spinous_angle,
            np.log(transverse * size),
            ribs,
            np.log(tall * size),
        ]
    )
