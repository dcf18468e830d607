"""Header of a POI file: the models and options that it was made with."""

from __future__ import annotations

from typing import Any, Final

from spineps_nipype.models.package import ModelPackage
from spineps_nipype.spineps.settings import PipelineSettings

SOURCE: Final = "MRI Segmentation Pipeline"
"""Value that SPINEPS writes, so that programs recognise the files."""
NO_MODEL_ENTRY: Final = {"name": "No Model"}
"""Entry for a model that was not used, as SPINEPS writes it."""


def poi_header(
    settings: PipelineSettings,
    semantic: ModelPackage,
    instance: ModelPackage,
    labeling: ModelPackage | None,
    version: str,
) -> dict[str, Any]:
    """Header of a POI file: source, version, models, and options that begin with ``proc_``.

    There is no time stamp, so that the same input gives the same bytes. Source: SPINEPS 2.1.3,
    file format of the POI.
    """
    models = {str(i): model_entry(p) for i, p in enumerate((semantic, instance, labeling))}
    options = {k: str(v) for k, v in settings.flat().items() if k.startswith("proc_")}
    return {"source": SOURCE, "version": version, "models": models, **options}


def model_entry(package: ModelPackage | None) -> dict[str, str]:
    """Description of a model in the header of a POI file."""
    if package is None:
        return dict(NO_MODEL_ENTRY)
    config = package.config
    bounds = (config.spacing_min, config.spacing_max)
    fixed = bounds[0] == bounds[1]
    return {
        "name": config.log_name,
        "model_path": package.folder.name,  # the place differs between machines
        "modality": f"[{', '.join(f'Modality.{word}' for word in config.modality)}]",
        "aquisition": f"Acquisition.{config.acquisition}",  # the spelling of SPINEPS
        "resolution_range": str(config.spacing_min if fixed else bounds),
    }
