"""The embedded instance and labelling packages: what their configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from spineps_nipype.models.export import (
    packed_weights,
    write_instance_package,
    write_labeling_package,
)
from spineps_nipype.models.inference.labeling import FORM_FILE
from training.instance import samples as instance_data
from training.labeling import samples as labeling_data

INSTANCE_CONFIG: Final[dict[str, Any]] = {
    "log_name": "Compact instance",
    "modality": ["SEG"],
    "acquisition": "iso",
    "modeltype": "unet",
    "model_expected_orientation": ["P", "I", "R"],
    "available_folds": 1,
    "inference_augmentation": False,
    "resolution_range": list(instance_data.SPACING),
    "default_step_size": 0.5,
    "labels": {"1": 1, "2": 2, "3": 3},
    "expected_inputs": ["seg"],
    "cutout_size": list(instance_data.CUTOUT),
    # cervical bodies are five voxels high here: SPINEPS's erosion by 2 would delete them
    "seed_erosion": 1,
    "corpus_size_cleaning": 40,
    "vert_size_threshold": 60,
}
LABELING_CONFIG: Final[dict[str, Any]] = {
    "log_name": "Compact labelling",
    "modality": ["T2w", "T1w", "CT"],
    "acquisition": "sag",
    "modeltype": "classifier",
    "model_expected_orientation": ["P", "I", "R"],
    "available_folds": 1,
    "inference_augmentation": False,
    "resolution_range": list(labeling_data.SPACING),
    "default_step_size": 0.5,
    "labels": {},
    "expected_inputs": ["img"],
    "cutout_size": list(labeling_data.PATCH),
    "anomaly_cost": 1.0,
    "sacrum_cost": 1.6,
}


def write_instance(folder: Path, network: nn.Module) -> None:
    """Write the instance package."""
    write_instance_package(folder, network, config=INSTANCE_CONFIG)


def write_labeling(folder: Path, network: nn.Module, score: float) -> None:
    """Write the labelling package; older checkpoints in the folder are removed.

    Parameters
    ----------
    score
        Share of right names, for the file name.
    """
    for old in folder.glob("*-weights.ckpt"):
        old.unlink()
    write_labeling_package(
        folder,
        network,
        config=LABELING_CONFIG,
        heads=labeling_data.HEADS,
        final_size=labeling_data.PATCH,
        data_name="phantoms",
        score=score,
    )


def write_form(folder: Path, network: nn.Module) -> None:
    """Add the network of the forms to a labelling package."""
    torch.save({"state_dict": packed_weights(network.state_dict(), True)}, folder / FORM_FILE)
