"""Models as objects that are loaded when they are first used. Source: SPINEPS 2.1.3."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ..errors import ModelError
from ..models.config import Kind, ModelConfig
from ..models.engine_choice import choose_engine
from ..models.finding import find_package
from ..models.loading import load_instance, load_labeling, load_semantic
from ..models.package import ModelPackage
from ..models.systems import SPINEPS
from ..settings import AUTO_ENGINE, EngineSettings
from .enums import Acquisition, Modality

_LOADERS = {"semantic": load_semantic, "instance": load_instance, "labeling": load_labeling}


class UnknownModelError(ModelError, KeyError):
    """No model has this name; also a `KeyError`, which SPINEPS raises."""

    __str__ = ModelError.__str__


class SegmentationModel:
    """A model package and, once loaded, its network.

    Parameters
    ----------
    model_folder
        Folder of the package, or a `ModelPackage`.
    use_cpu
        Do not use the GPU; otherwise CUDA is used if it is available.
    engine
        Inference engine and precision.
    """

    kinds: tuple[Kind, ...] = ("semantic", "instance")

    def __init__(
        self,
        model_folder: str | Path | ModelPackage,
        use_cpu: bool = False,
        engine: EngineSettings = AUTO_ENGINE,
    ) -> None:
        from ..models.package import load_package

        given = isinstance(model_folder, ModelPackage)
        self.package: ModelPackage = model_folder if given else load_package(model_folder)  # type: ignore[assignment,arg-type]
        if self.package.kind not in self.kinds:
            raise ModelError(
                f"The model package {self.package.id!r} is for the {self.package.kind} phase.",
                file=self.package.folder,
                remedy=f"Choose a package for the {' or '.join(self.kinds)} phase.",
            )
        self.use_cpu = use_cpu
        self._wanted = engine
        self.predictor: Any = None
        """The loaded network, None until `load`."""
        self.tta: bool | None = None

    @property
    def model_folder(self) -> Path:
        """Folder of the package."""
        return self.package.folder

    @property
    def inference_config(self) -> ModelConfig:
        """Configuration of the package."""
        return self.package.config

    @property
    def device(self) -> str:
        """Device on which the network runs: ``cpu`` or ``cuda``."""
        import torch

        return "cuda" if torch.cuda.is_available() and not self.use_cpu else "cpu"

    @cached_property
    def engine(self) -> EngineSettings:
        """Engine and precision that are used.

        Raises
        ------
        ResourceError
            If the engine is not installed, or the device does not support the precision.
        """
        return choose_engine(self._wanted, self.device)

    def load(self, folds: Sequence[str] | None = None) -> Self:
        """Load the weights, unless they are loaded already; all folds are used."""
        del folds
        if self.predictor is None:
            self.predictor = _LOADERS[self.package.kind](
                self.package, self.device, engine=self.engine
            )
        return self

    def modalities(self) -> list[Modality]:
        """Modalities that the model accepts."""
        return [Modality[word] for word in self.inference_config.modality]

    def acquisition(self) -> Acquisition:
        """Plane that the model is made for."""
        return Acquisition[self.inference_config.acquisition]

    def modelid(self, include_log_name: bool = False) -> str:
        """Id of the package."""
        name = self.package.id
        return f"{self.inference_config.log_name} -- {name}" if include_log_name else name

    def calc_recommended_resampling_zoom(self, input_zoom: Sequence[float]) -> tuple[float, ...]:
        """Spacing [mm] to which images are resampled, in the axis order of the model."""
        return self.inference_config.target_spacing(input_zoom)

    def set_test_time_augmentation(self, use_tta: bool) -> None:
        """Turn mirroring on or off for the following runs."""
        self.tta = use_tta

    def dict_representation(self) -> dict[str, str]:
        """Description of the model, as in the header of point files."""
        from ..spineps.poi_header import model_entry

        return {**model_entry(self.package), "model_path": str(self.model_folder)}

    def __str__(self) -> str:
        return self.modelid(include_log_name=True)

    __repr__ = __str__


class VertLabelingClassifier(SegmentationModel):
    """A labelling model."""

    kinds = ("labeling",)


Segmentation_Model = SegmentationModel
"""Name before 2.1.3."""


def get_semantic_model(
    model_name: str, use_cpu: bool = False, engine: EngineSettings = AUTO_ENGINE, **_: Any
) -> SegmentationModel:
    """Semantic model by id: that of an installed package, ``compact_semantic``, or ``auto``.

    Raises
    ------
    UnknownModelError
        If there is none; the message lists the available ones. It is also a `KeyError`.
    """
    return SegmentationModel(_found(model_name, "semantic"), use_cpu, engine)


def get_instance_model(
    model_name: str, use_cpu: bool = False, engine: EngineSettings = AUTO_ENGINE, **_: Any
) -> SegmentationModel:
    """Instance model by id; see `get_semantic_model`."""
    return SegmentationModel(_found(model_name, "instance"), use_cpu, engine)


def get_labeling_model(
    model_name: str, use_cpu: bool = False, engine: EngineSettings = AUTO_ENGINE, **_: Any
) -> VertLabelingClassifier:
    """Labelling model by id; see `get_semantic_model`."""
    return VertLabelingClassifier(_found(model_name, "labeling"), use_cpu, engine)


def get_actual_model(
    in_config: str | Path,
    use_cpu: bool = False,
    engine: EngineSettings = AUTO_ENGINE,
    **_: Any,
) -> SegmentationModel:
    """Model in a folder, as an object of the class for its phase.

    Raises
    ------
    ModelError
        If the folder holds no package, or several.
    """
    from ..models.package import load_package

    package = load_package(in_config)
    labels = package.kind == "labeling"
    return (VertLabelingClassifier if labels else SegmentationModel)(package, use_cpu, engine)


def _found(name: str, kind: Kind) -> ModelPackage:
    try:
        return find_package(SPINEPS, kind, name)
    except ModelError as fault:
        if fault.file is not None:  # there is one, but it cannot be used
            raise
        raise UnknownModelError(fault.what, remedy=fault.remedy) from fault
