"""Loading a package as a network of its phase; torch is imported inside these functions only."""

from __future__ import annotations

from typing import cast

from spineps_nipype.settings import EngineSettings

from .package import ModelPackage
from .protocols import InstanceModel, LabelingModel, SemanticModel


def load_semantic(
    package: ModelPackage,
    device: str = "cpu",
    num_threads: int | None = None,
    engine: EngineSettings | None = None,
) -> SemanticModel:
    """Semantic network of a package, see `inference.semantic.load_semantic`."""
    from .inference.semantic import load_semantic as load

    return cast(SemanticModel, load(package, device, num_threads, engine=engine))


def load_instance(
    package: ModelPackage,
    device: str = "cpu",
    num_threads: int | None = None,
    engine: EngineSettings | None = None,
) -> InstanceModel:
    """Instance network of a package, see `inference.instance.load_instance`."""
    from .inference.instance import load_instance as load

    return cast(InstanceModel, load(package, device, num_threads, engine=engine))


def load_labeling(
    package: ModelPackage,
    device: str = "cpu",
    num_threads: int | None = None,
    engine: EngineSettings | None = None,
) -> LabelingModel:
    """Labelling network of a package, see `inference.labeling.load_labeling`."""
    from .inference.labeling import load_labeling as load

    return cast(LabelingModel, load(package, device, num_threads, engine=engine))
