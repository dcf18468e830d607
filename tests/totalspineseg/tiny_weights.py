"""nnU-Net result folders of a few kilobytes, and scans that their networks segment exactly.

The grey value of a scan is ten times the code of its tissue. The networks see one voxel at a time:
their hidden features are ramps that start at each code, so that the output of a region can be a
chosen number at every code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

CODES = range(12)
"""0 nothing; 1 disc, 2 to 5 landmark discs; 6 C1; 7 odd, 8 even vertebra; 9 sacrum; 10 canal;
11 cord: the raw classes of step 2, and C1."""
GREY = 10.0
REGIONS: dict[int, list[tuple[int, ...]]] = {
    1: [(1, 2, 3, 4, 5), (2,), (3,), (4,), (5,), (6, 7, 8, 9), (6,), (10, 11), (11,)],
    2: [
        (1, 2, 3, 4, 5),
        (2,),
        (3,),
        (4,),
        (5,),
        (6, 7, 8, 9),
        (6, 7),
        (8,),
        (9,),
        (10, 11),
        (11,),
    ],
}
PATCH = (64, 32, 24)  # z y x
CERTAIN = 4.0
"""Logit inside a region; outside it has the opposite sign."""


def network(step: Literal[1, 2]) -> tuple[Any, dict[str, Any]]:
    """Network of a step, and its architecture entry in the plans."""
    import torch

    from spineps_nipype.models.networks.semantic_unet import build_semantic_unet

    count = len(CODES)
    kwargs = {
        "n_stages": 2,
        "features_per_stage": [count, count],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[1, 1, 1], [1, 1, 1]],
        "strides": [[1, 1, 1], [2, 2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "norm_op": None,
        "norm_op_kwargs": None,
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.ReLU",
        "nonlin_kwargs": {},
    }
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": kwargs,
        "_kw_requires_import": ["conv_op", "nonlin"],
    }
    regions = REGIONS[step]
    net = build_semantic_unet({"architecture": architecture}, step, len(regions), "test")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        first = net.encoder.stages[0][0].convs[0].conv
        first.weight[:, 0] = 1
        first.bias[:] = -GREY * torch.arange(count)
        # The decoder sees the features from below first, then those of the same level.
        for feature in range(count):
            net.decoder.stages[0].convs[0].conv.weight[feature, count + feature] = 1
        head = net.decoder.seg_layers[-1]
        for channel, members in enumerate(regions):
            wanted = np.array([CERTAIN if code in members else -CERTAIN for code in CODES])
            slopes = np.diff(wanted) / GREY
            turns = np.diff(slopes, prepend=0)
            head.bias[channel] = wanted[0]
            head.weight[channel, :-1, 0, 0, 0] = torch.tensor(turns, dtype=torch.float32)
    return net.eval(), architecture


def write_weights(folder: Path, step: Literal[1, 2], *, best_too: bool = False) -> Path:
    """Write plans, data set and a checkpoint as a release has them; returns the folder.

    With `best_too` there is a best checkpoint beside the final one, which finds nothing.
    """
    import torch

    net, architecture = network(step)
    folder.mkdir(parents=True, exist_ok=True)
    schemes = ["NoNormalization"] * step
    plans = {
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "foreground_intensity_properties_per_channel": {},
        "configurations": {
            "3d_fullres": {
                "patch_size": list(PATCH),
                "spacing": [1.0, 1.0, 1.0],
                "normalization_schemes": schemes,
                "use_mask_for_norm": [False] * step,
                "architecture": architecture,
            }
        },
    }
    regions = REGIONS[step]
    dataset = {
        "channel_names": dict(list({"0": "MRI", "1": "noNorm"}.items())[:step]),
        "labels": {"background": 0}
        | {f"region{i}": [i, len(regions)] for i in range(1, len(regions) + 1)},
        "regions_class_order": list(range(1, len(regions) + 1)),
        "file_ending": ".nii.gz",
    }
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    content = {
        "network_weights": net.state_dict(),
        "trainer_name": "nnUNetTrainerDAExtGPU",
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": None,
    }
    (folder / "fold_0").mkdir(exist_ok=True)
    torch.save(content, folder / "fold_0" / "checkpoint_final.pth")
    if best_too:
        weights = {k: torch.zeros_like(v) for k, v in net.state_dict().items()}
        torch.save(
            {**content, "network_weights": weights}, folder / "fold_0" / "checkpoint_best.pth"
        )
    return folder


TRAINER_FOLDERS = {
    "r20241115": "nnUNetTrainer_DASegOrd0_NoMirroring__nnUNetPlans_small__3d_fullres",
    "r20251124": "nnUNetTrainerDAExtGPU__nnUNetPlans__3d_fullres",
    "r20260730": "nnUNetTrainerDAExtGPU__nnUNetPlans__3d_fullres",
}
"""Folder with plans and folds in each release."""


def write_release(data: Path, release: str, *, below: bool = True) -> None:
    """Both steps as an installation has them, in a data folder."""
    from spineps_nipype.totalspineseg.profiles import DATASETS

    results = data / "nnUNet" / "results"
    home = results / release if below else results
    for step, name in zip((1, 2), DATASETS, strict=True):
        write_weights(home / name / TRAINER_FOLDERS[release], step)  # type: ignore[arg-type]


def scan_of(raw: NDArray[Any]) -> NDArray[np.float32]:
    """Grey values of a map of codes."""
    return (GREY * raw).astype(np.float32)
