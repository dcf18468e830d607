"""Output labels of discs and vertebrae, in the order of the spine.

Source: TotalSpineSeg 20251028, labeller (possible and default labels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .settings import LabelerSettings

VERTEBRAE_ABOVE = 2
"""Number of vertebrae above the first region: C1 and C2 have no numbered disc above them."""


@dataclass(frozen=True)
class SpineOrder:
    """Labels from top to bottom: all that may occur, and those of a normal spine.

    Parameters
    ----------
    discs, usual_discs
        All possible disc labels, and those of a normal spine.
    vertebrae, usual_vertebrae
        The same for vertebrae.
    """

    discs: tuple[int, ...]
    usual_discs: tuple[int, ...]
    vertebrae: tuple[int, ...]
    usual_vertebrae: tuple[int, ...]

    @classmethod
    def of(cls, settings: LabelerSettings) -> SpineOrder:
        """Labels that follow from the sizes of the regions in the settings."""
        most, usual = settings.region_max_sizes, settings.region_default_sizes
        starts, step = settings.disc_landmark_output_labels, settings.disc_output_step
        bones, bone_step = (
            settings.vertebrae_landmark_output_labels,
            settings.vertebrae_output_step,
        )
        above = tuple(bones[0] - bone_step * n for n in range(VERTEBRAE_ABOVE, 0, -1))
        return cls(
            _labels_of_regions(starts, most, step),
            _labels_of_regions(starts, usual, step),
            above + _labels_of_regions(bones, most, bone_step),
            above + _labels_of_regions(bones, usual, bone_step),
        )

    def below(self) -> dict[int, int]:
        """Disc label to the label of the vertebra below it."""
        return dict(zip(self.discs, self.vertebrae[VERTEBRAE_ABOVE:], strict=False))


def _labels_of_regions(starts: Sequence[int], sizes: Sequence[int], step: int) -> tuple[int, ...]:
    return tuple(
        start + step * n for start, size in zip(starts, sizes, strict=True) for n in range(size)
    )
