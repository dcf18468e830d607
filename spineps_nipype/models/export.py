"""Writing model packages in the layout of the SPINEPS releases.

Training uses this for the embedded packages, tests for tiny ones. Half precision halves the
files; SPINEPS and this package widen the numbers again when they load them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import Tensor, nn

TRAINER: Final = "nnUNetTrainer"
CONFIGURATION: Final = "3d_fullres"
RESAMPLING: Final = "resample_data_or_seg_to_shape"
BACKBONES: Final = {
    "DENSENET121": ((6, 12, 24, 16), 64, (32, 128)),
    "DENSENET169": ((6, 12, 32, 32), 64, (32, 128)),
}
"""Backbones that SPINEPS builds: layers of each block, first width, growth and bottleneck."""
LIGHTNING_VERSION: Final = "2.0.8"
"""Version that the checkpoint layout belongs to."""


def write_semantic_package(
    folder: Path,
    networks: Sequence[nn.Module],
    *,
    config: Mapping[str, Any],
    architecture: Mapping[str, Any],
    patch_size: Sequence[int],
    spacing: Sequence[float],
    class_names: Sequence[str],
    normalization: str = "ZScoreNormalization",
    properties: Mapping[str, float] | None = None,
    channels: int = 1,
    mirror_axes: Sequence[int] | None = None,
    half: bool = True,
) -> None:
    """Write an nnU-Net result folder with one fold a network.

    Parameters
    ----------
    folder
        Made when absent.
    networks
        One trained network a fold.
    config
        Content of `inference_config.json`.
    architecture
        ``network_class_name``, ``arch_kwargs`` and ``_kw_requires_import`` as in `plans.json`.
    patch_size, spacing
        Of the network, in its own axis order (z, y, x); voxels and mm.
    class_names
        Name of every output class, background first.
    normalization, properties
        Intensity scheme and its statistics.
    channels
        Of the input; nnU-Net looks for the statistics of each.
    mirror_axes
        Axes that may be mirrored at inference; None when left and right differ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "inference_config.json", config)
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    plans = {
        "dataset_name": "Dataset000_Compact",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "original_median_spacing_after_transp": list(spacing),
        "original_median_shape_after_transp": list(patch_size),
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            str(channel): dict(properties or {}) for channel in range(channels)
        },
        "configurations": {
            CONFIGURATION: {
                "data_identifier": f"nnUNetPlans_{CONFIGURATION}",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": list(patch_size),
                "median_image_size_in_voxels": list(patch_size),
                "spacing": list(spacing),
                "normalization_schemes": [normalization],
                "use_mask_for_norm": [False],
                "resampling_fn_data": RESAMPLING,
                "resampling_fn_seg": RESAMPLING,
                "resampling_fn_probabilities": RESAMPLING,
                "resampling_fn_data_kwargs": resampling,
                "resampling_fn_seg_kwargs": {**resampling, "is_seg": True, "order": 1},
                "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
                "architecture": dict(architecture),
                "batch_dice": False,
            }
        },
    }
    _write_json(folder / "plans.json", plans)
    dataset = {
        "channel_names": {"0": "image"},
        "labels": {name: number for number, name in enumerate(class_names)},
        "numTraining": 0,
        "file_ending": ".nii.gz",
    }
    _write_json(folder / "dataset.json", dataset)
    for fold, network in enumerate(networks):
        content = {
            "network_weights": packed_weights(network.state_dict(), half),
            "trainer_name": TRAINER,
            "init_args": {"configuration": CONFIGURATION},
            "inference_allowed_mirroring_axes": (
                None if mirror_axes is None else tuple(mirror_axes)
            ),
        }
        _save(content, folder / f"fold_{fold}" / "checkpoint_final.pth")


def write_instance_package(
    folder: Path, network: nn.Module, *, config: Mapping[str, Any], half: bool = True
) -> None:
    """Write an instance package; `network` is an `InstanceUNet`.

    Parameters
    ----------
    config
        Content of `inference_config.json` (modality SEG, modeltype unet).
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "inference_config.json", config)
    weights = {f"network.{k}": v for k, v in packed_weights(network.state_dict(), half).items()}
    width, channels = (int(n) for n in weights["network.init_conv.weight"].shape[:2])
    options = argparse.Namespace(
        channelwise=channels > 1,
        n_epoch=1,
        lr=0.0,
        lr_end_factor=0.0,
        l2_reg_w=0.0,
        dsc_loss_w=1.0,
    )
    content = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": LIGHTNING_VERSION,
        "state_dict": weights,
        "loops": {},
        "hparams_name": "kwargs",
        "hyper_parameters": {
            "opt": options,
            "do2D": False,
            "num_channels": channels,
            "dim": width,
        },
    }
    _save(content, folder / "instance-weights.ckpt")


def write_labeling_package(
    folder: Path,
    network: nn.Module,
    *,
    config: Mapping[str, Any],
    heads: Mapping[str, int],
    final_size: Sequence[int],
    data_name: str,
    score: float,
    half: bool = True,
) -> None:
    """Write a VERIDAH package; `network` is a `VertebraClassifier`.

    Parameters
    ----------
    config
        Content of `inference_config.json` (modeltype classifier).
    heads
        Head name to number of classes.
    final_size
        Patch size in voxels, in model orientation.
    data_name
        Name of the training data; ``v4corpus`` in it means patches turned along the spine.
    score
        Validation F1 for the file name.

    Notes
    -----
    SPINEPS builds the network from the name of its backbone; DenseNet121 and 169 carry theirs.
    Other layouts are named ``OTHER``: this package reads them from the shapes of the weights,
    SPINEPS refuses them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "inference_config.json", config)
    options = argparse.Namespace(
        backbone=backbone_name(network.state_dict()),
        classification_conv=False,
        classification_linear=True,
        in_channel=1,
        num_classes=sum(heads.values()),
        not_pretrained=True,
        dropout=0.0,
        mse_weighting=0.0,
        n_epoch=1,
        lr=0.0,
        scheduler_endfactor=0.0,
        l2_regularization_w=0.0,
        weight_decay=0.0,
        n_channel_p_group=None,
        final_size=tuple(int(v) for v in final_size),
        ds_name=data_name,
    )
    content = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": LIGHTNING_VERSION,
        "state_dict": packed_weights(network.state_dict(), half),
        "loops": {},
        "hparams_name": "kwargs",
        "hyper_parameters": {"opt": options, "group_2_n_channel": dict(heads)},
    }
    _save(content, folder / f"compact_val_f1={score:.4f}_valf1-weights.ckpt")


def backbone_name(state: Mapping[str, Tensor]) -> str:
    """Name under which SPINEPS knows the backbone of a classifier, ``OTHER`` if it knows none."""
    layers: dict[str, int] = {}
    for key in state:
        parts = key.split(".")
        if parts[:2] == ["net", "features"] and parts[2].startswith("denseblock"):
            number = int(parts[3].removeprefix("denselayer"))
            layers[parts[2]] = max(layers.get(parts[2], 0), number)
    first = state.get("net.features.conv0.weight")
    inner = state.get("net.features.denseblock1.denselayer1.layers.conv2.weight")
    if first is None or inner is None:
        return "OTHER"
    layout = (tuple(layers.values()), first.shape[0], tuple(inner.shape[:2]))
    return next((name for name, known in BACKBONES.items() if known == layout), "OTHER")


def packed_weights(state: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    """Copies of all tensors on the CPU; entries that share memory go on sharing it.

    nnU-Net lists the same tensor under several names, which would otherwise be stored each.
    """
    import torch

    seen: dict[tuple[int, tuple[int, ...]], Tensor] = {}
    out: dict[str, Tensor] = {}
    for name, value in state.items():
        key = (value.data_ptr(), tuple(value.shape))
        if key not in seen or value.numel() == 0:
            copy = value.detach().cpu().clone()
            seen[key] = copy.half() if half and copy.dtype == torch.float32 else copy
        out[name] = seen[key]
    return out


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _save(content: Mapping[str, Any], path: Path) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(content), path)
