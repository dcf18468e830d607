"""Sizes of the released networks of SPINEPS, and where the embedded ones fit into them."""

from __future__ import annotations

from typing import Any, Final

SEED: Final = 0
"""Of random weights and phantoms."""
MODEL_SPACING: Final = (0.75, 0.75, 1.65)
"""Grid of the released semantic model: P, I, R in mm."""
TILE: Final = (48, 128, 128)
"""Patch of the semantic network: R, I, P in voxels."""
CUTOUT: Final = (248, 304, 64)
"""Cut-out of the instance network: P, I, R in voxels."""
INSTANCE_WIDTH: Final = 16
"""Channels of its finest level."""
LABELS: Final = (41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 100, 26)
"""SPINEPS label of each class of the semantic network but the background."""
FEATURES: Final = (32, 64, 128, 256, 320, 320)
KERNELS: Final = ((1, 3, 3), *[(3, 3, 3)] * 5)
STRIDES: Final = ((1, 1, 1), (1, 2, 2), *[(2, 2, 2)] * 3, (1, 2, 2))
"""Channels, kernels and strides of the stages of the semantic network."""
ARCHITECTURE: Final[dict[str, Any]] = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": len(FEATURES),
        "features_per_stage": list(FEATURES),
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [list(kernel) for kernel in KERNELS],
        "strides": [list(stride) for stride in STRIDES],
        "n_conv_per_stage": [2] * len(FEATURES),
        "n_conv_per_stage_decoder": [2] * (len(FEATURES) - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}
"""The semantic network in the form of ``plans.json``."""
CONFIG: Final[dict[str, Any]] = {
    "log_name": "Seeded",
    "modality": ["T2w"],
    "acquisition": "sag",
    "modeltype": "nnunet",
    "model_expected_orientation": ["P", "I", "R"],
    "available_folds": 1,
    "inference_augmentation": False,
    "resolution_range": list(MODEL_SPACING),
    "default_step_size": 0.5,
    "labels": {str(i + 1): label for i, label in enumerate(LABELS)},
    "expected_inputs": ["img"],
}
"""Content of `inference_config.json` of the semantic package."""
