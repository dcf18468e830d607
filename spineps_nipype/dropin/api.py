"""One call for one image. Source: SPINEPS 2.1.3 (`segment`, `SpinepsPipeline`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..bids.names import EXTENSIONS
from ..settings import AUTO_ENGINE, EngineSettings
from ..spineps.settings import Numerics
from .config import InstanceConfig, LabelingConfig, PostConfig, SemanticConfig
from .enums import ErrCode
from .models import (
    SegmentationModel,
    get_actual_model,
    get_instance_model,
    get_labeling_model,
    get_semantic_model,
)
from .run import process_img_nii

if TYPE_CHECKING:
    from typing import TypeAlias

    from TPTBox import BIDS_FILE, NII, POI

    ImageInput: TypeAlias = str | Path | NII | BIDS_FILE
ModelInput = str | Path | SegmentationModel

NO_MODEL = "none"
_GETTERS = {
    "semantic": get_semantic_model,
    "instance": get_instance_model,
    "labeling": get_labeling_model,
}


@dataclass
class SpinepsResult:
    """Result for an image.

    Parameters
    ----------
    errcode
        Outcome.
    semantic, vertebra, centroids
        Masks and points, if they were asked for in memory.
    output_paths
        Otherwise, output files by name.
    """

    errcode: ErrCode
    semantic: NII | None = None
    vertebra: NII | None = None
    centroids: POI | None = None
    output_paths: dict[str, Path] | None = None

    @property
    def success(self) -> bool:
        """Whether all results exist, from this call or an earlier one."""
        return self.errcode in (ErrCode.OK, ErrCode.ALL_DONE)


class SpinepsPipeline:
    """Loaded models that segment any number of images.

    Parameters
    ----------
    model_semantic, model_instance, model_labeling
        Ids, folders (text with a slash, or `Path`) or loaded models. ``auto`` is the released
        model if it is installed, else the embedded compact one. For no labelling model, None or
        "none".
    use_cpu
        Do not use the GPU.
    engine
        Inference engine and precision; models that are loaded already keep theirs.
    numerics
        ``corrected`` anatomy, or the numbers of SPINEPS: ``spineps-2.1.3``, ``seed``.

    Raises
    ------
    ModelError
        If a model is not installed; nothing is downloaded.
    """

    def __init__(
        self,
        model_semantic: ModelInput = "t2w",
        model_instance: ModelInput = "instance",
        model_labeling: ModelInput | None = "t2w_labeling",
        *,
        use_cpu: bool = False,
        engine: EngineSettings = AUTO_ENGINE,
        numerics: Numerics = "corrected",
    ) -> None:
        semantic = _loaded(model_semantic, "semantic", use_cpu, engine)
        instance = _loaded(model_instance, "instance", use_cpu, engine)
        if semantic is None or instance is None:
            raise ValueError("only the labelling model can be left out")
        self.model_semantic, self.model_instance = semantic, instance
        self.model_labeling = _loaded(model_labeling, "labeling", use_cpu, engine)
        self.numerics = numerics

    def segment(
        self,
        image: ImageInput,
        *,
        output_in_memory: bool = False,
        derivative_name: str = "derivatives_seg",
        override: bool = False,
        semantic: SemanticConfig | None = None,
        instance: InstanceConfig | None = None,
        labeling: LabelingConfig | None = None,
        post: PostConfig | None = None,
        verbose: bool = False,
    ) -> SpinepsResult:
        """Segment one image; see `segment`."""
        from TPTBox import NII

        in_memory = output_in_memory or isinstance(image, NII)
        groups = [g for g in (semantic, instance, labeling, post) if g is not None]
        options = {name: value for group in groups for name, value in group.to_kwargs().items()}
        word = self.model_semantic.modalities()[0]
        with _as_bids_file(image, type(word).format_keys(word)[0]) as scan:
            found = process_img_nii(
                scan,
                self.model_semantic,
                self.model_instance,
                self.model_labeling,
                derivative_name=derivative_name,
                override_semantic=override,
                override_instance=override,
                override_postpair=override,
                override_ctd=override,
                return_output_instead_of_save=in_memory,
                verbose=verbose,
                numerics=self.numerics,
                **options,
            )
        if len(found) == 2:
            return SpinepsResult(found[1], output_paths=found[0])
        return SpinepsResult(found[3], found[0], found[1], found[2])


def segment(
    image: ImageInput,
    *,
    model_semantic: ModelInput = "t2w",
    model_instance: ModelInput = "instance",
    model_labeling: ModelInput | None = "t2w_labeling",
    use_cpu: bool = False,
    output_in_memory: bool = False,
    derivative_name: str = "derivatives_seg",
    override: bool = False,
    semantic: SemanticConfig | None = None,
    instance: InstanceConfig | None = None,
    labeling: LabelingConfig | None = None,
    post: PostConfig | None = None,
    verbose: bool = False,
    engine: EngineSettings = AUTO_ENGINE,
    numerics: Numerics = "corrected",
) -> SpinepsResult:
    """Segment one image.

    Parameters
    ----------
    image
        A .nii.gz or .nii file, an image in memory, or a `BIDS_FILE`. Results for an image in
        memory are always returned.
    model_semantic, model_instance, model_labeling, use_cpu, engine, numerics
        See `SpinepsPipeline`.
    output_in_memory
        Return masks and points instead of writing them to ``derivative_name`` beside the file.
    override
        Compute all results again.
    semantic, instance, labeling, post
        Options of each phase.

    Returns
    -------
    SpinepsResult
        Outcome with masks or paths.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file does not exist, or is not NIfTI.
    SpinepsError
        If file or models cannot be used.
    """
    pipeline = SpinepsPipeline(
        model_semantic,
        model_instance,
        model_labeling,
        use_cpu=use_cpu,
        engine=engine,
        numerics=numerics,
    )
    return pipeline.segment(
        image,
        output_in_memory=output_in_memory,
        derivative_name=derivative_name,
        override=override,
        semantic=semantic,
        instance=instance,
        labeling=labeling,
        post=post,
        verbose=verbose,
    )


def _loaded(
    model: ModelInput | None, kind: str, use_cpu: bool, engine: EngineSettings
) -> SegmentationModel | None:
    if model is None or model == NO_MODEL:
        return None
    if isinstance(model, SegmentationModel):
        return model.load()
    if isinstance(model, Path) or "/" in model or "\\" in model:
        return get_actual_model(model, use_cpu=use_cpu, engine=engine).load()
    return _GETTERS[kind](model, use_cpu=use_cpu, engine=engine).load()


@contextmanager
def _as_bids_file(image: ImageInput, word: str) -> Iterator[BIDS_FILE]:
    """The image as a file; one in memory gets the name of a modality that the model accepts."""
    from TPTBox import BIDS_FILE, NII

    if isinstance(image, BIDS_FILE):
        yield image
    elif isinstance(image, NII):
        from ..core.images import save_nii

        with tempfile.TemporaryDirectory() as folder:
            path = save_nii(image, Path(folder) / f"sub-spineps_{word}.nii.gz")
            yield BIDS_FILE(path, dataset=folder, verbose=False)
    else:
        path = Path(image).absolute()
        if not path.name.endswith(EXTENSIONS):
            raise ValueError(f"image must be a .nii.gz or .nii file, not {path}")
        if not path.is_file():
            raise FileNotFoundError(f"there is no image {path}")
        yield BIDS_FILE(path, dataset=path.parent, verbose=False)
