"""VIBESeg, the network that finds the spine in large images: where its weights are.

Source: TPTBox 1.1.0 (`run_vibeseg`), dataset 100. Weights are never downloaded by a run.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import ModelError

from .config import ModelConfig
from .lookup import MODELS_VARIABLE
from .package import ModelPackage

WEIGHTS_VARIABLE: Final = "VIBESEG_WEIGHTS_PATH"
DATASET: Final = "100"
WEIGHTS_URL: Final = (
    "https://github.com/robert-graf/VibeSegmentator/releases/download/v1.0.0/100.zip"
)
STEP_SIZE: Final = 0.5


def weights_folder() -> Path:
    """Folder below which VIBESeg weights are looked for.

    That of the variable, else the one in the models folder, else that of TPTBox.
    """
    named = os.environ.get(WEIGHTS_VARIABLE)
    if named:
        return Path(named)
    models = os.environ.get(MODELS_VARIABLE)
    if models and (Path(models) / "vibeseg").is_dir():
        return Path(models) / "vibeseg"
    spec = find_spec("TPTBox")
    home = Path(spec.origin).parent if spec and spec.origin else Path()
    return home / "segmentation" / "nnUNet" / "nnUNet_results"


def find_vibeseg() -> ModelPackage:
    """The installed VIBESeg network as a package.

    Raises
    ------
    ModelError
        If its weights are not installed; the message says where they go.
    """
    home = weights_folder()
    for dataset in sorted(home.glob(f"*{DATASET}*")):
        for pattern in ("*__nnUNet*ResEnc*", "*__nnUNetPlans*"):
            for folder in sorted(dataset.glob(pattern)):
                if (folder / "plans.json").is_file():
                    return ModelPackage("vibeseg", folder, _config(folder), "")
    raise ModelError(
        "The crop to the spine needs the VIBESeg weights, which are not installed.",
        file=home,
        remedy=f"Install them (spineps-wf-models fetch vibeseg), or download {WEIGHTS_URL} on a "
        f"machine with internet and unzip it there (or in a folder of {WEIGHTS_VARIABLE}), "
        "or turn the crop off (--auto-crop-to-spine no).",
    )


def _config(folder: Path) -> ModelConfig:
    plans: dict[str, Any] = json.loads((folder / "plans.json").read_text("utf-8"))
    dataset: dict[str, Any] = json.loads((folder / "dataset.json").read_text("utf-8"))
    spacing = plans["configurations"]["3d_fullres"]["spacing"]
    # Plans are in network axes; images count their axes the other way round.
    image_order = [float(spacing[a]) for a in plans["transpose_backward"]][::-1]
    orientation = dataset.get("orientation") or ("R", "A", "S")
    low = (image_order[0], image_order[1], image_order[2])
    return ModelConfig(
        log_name="VIBESeg",
        modality=("Vibe",),
        acquisition="ax",
        modeltype="nnunet",
        orientation=(orientation[0], orientation[1], orientation[2]),
        folds=tuple(p.name.removeprefix("fold_") for p in sorted(folder.glob("fold_*"))),
        mirroring=False,
        spacing_min=low,
        spacing_max=low,
        step_size=STEP_SIZE,
        labels={},
    )
