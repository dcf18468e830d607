"""What the phases need of a network; tests put stand-ins in its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.volume import Volume
from .config import ModelConfig

Progress = Callable[[int, int], None]
"""Called with the number of finished and of all parts of a long computation."""


@dataclass(frozen=True)
class SemanticPrediction:
    """Result of a semantic network on the grid of its input.

    Parameters
    ----------
    labels
        Label map in SPINEPS numbers.
    probabilities
        Mean softmax over the folds, shape (classes, *grid), or None when not asked for. Class 0
        is background, class c carries the label `class_labels[c]`.
    class_labels
        SPINEPS label of every network class.
    shares
        Probability of each group of labels that was asked for, shape (groups, *grid); None where
        none was, or where the classes of the network do not exclude each other.
    """

    labels: Volume
    probabilities: NDArray[np.float32] | None
    class_labels: tuple[int, ...]
    shares: NDArray[np.float32] | None = None


class SemanticModel(Protocol):
    """Labels every voxel of an image."""

    @property
    def config(self) -> ModelConfig:
        """Configuration of the package."""

    def predict(
        self,
        image: Volume | Sequence[Volume],
        *,
        step_size: float | None = None,
        tta: bool | None = None,
        probabilities: bool = False,
        groups: Sequence[Collection[int]] = (),
        region: Volume | None = None,
        half_precision: bool = False,
        own_keys: bool = True,
        progress: Progress | None = None,
    ) -> SemanticPrediction:
        """Label an image that lies on the model grid, near a region if one is given.

        Of `groups` of labels the summed probability is returned as well.

        With `half_precision` sums of tiles are float16; without `own_keys` tiles keep their
        size in small images, and what SPINEPS does not know of a package does nothing.
        """


class InstanceModel(Protocol):
    """Finds three vertebrae around the centre of a cut-out."""

    @property
    def config(self) -> ModelConfig:
        """Configuration of the package."""

    def predict(
        self, cutouts: Sequence[NDArray[Any]], *, batch_size: int = 4, amp: bool = False
    ) -> list[NDArray[np.uint8]]:
        """Labels 1 above, 2 centre, 3 below for each cut-out of mapped semantic labels."""


class FormModel(Protocol):
    """Names vertebrae from measures of their parts, and from the image around them."""

    def predict(
        self, forms: NDArray[np.float64], looks: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        """Softmax of every head, shape (vertebrae, classes), from top to bottom."""


class LabelingModel(Protocol):
    """Names vertebrae from image patches."""

    @property
    def config(self) -> ModelConfig:
        """Configuration of the package."""

    @property
    def final_size(self) -> tuple[int, int, int]:
        """Size of a patch in voxels, in model orientation."""

    @property
    def rotate(self) -> bool:
        """Whether patches are turned along the spine."""

    @property
    def heads(self) -> Mapping[str, int]:
        """Head name to number of classes."""

    @property
    def form(self) -> FormModel | None:
        """What names vertebrae by form and look as well; SPINEPS packages have none."""

    def predict(self, patches: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Softmax of every head, shape (patches, classes)."""
