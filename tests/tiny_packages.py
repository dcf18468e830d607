"""Model packages of a few kilobytes, and a coded image that they segment exactly.

The image encodes each label by its grey value. The semantic network is a linear one whose weights
are set by hand: it finds the code nearest to each voxel. The instance network, of the real
architecture, passes its input through: with a cut-out as high as one vertebra, all that it sees
is the vertebra in the centre. Only the labelling network is random.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from spineps_nipype.core.anatomy import (
    CANAL,
    CORD,
    CORPUS_BORDER,
    DISC,
    ENDPLATE,
    MR_LABELS,
    SACRUM,
    SPINOUS,
)

ZOOM = (2.0, 2.0, 4.0)  # mm, P I R
PITCH = 16  # voxels from one vertebra to the next, and height of a cut-out
N_VERTEBRAE = 4
SHAPE = (40, 8 + PITCH * N_VERTEBRAE + 14, 12)  # P I R
CUTOUT = (40, PITCH, 16)
CODES = {0: 0.0, **{label: 90.0 + 95.0 * i for i, label in enumerate(MR_LABELS)}}
CODE_UNIT = 100.0  # grey value 100 reaches the network as 1

# Boxes of one vertebra: label, P, I from its upper edge, R. Later boxes do not overwrite.
PARTS = (
    (CORPUS_BORDER, (6, 16), (0, 10), (3, 9)),
    (ENDPLATE, (6, 16), (10, 11), (3, 9)),
    (DISC, (6, 16), (11, 15), (3, 9)),
    (ENDPLATE, (6, 16), (15, 16), (3, 9)),
    (CORD, (19, 21), (0, 16), (5, 7)),
    (CANAL, (17, 23), (0, 16), (4, 8)),
    (45, (23, 26), (0, 3), (2, 4)),
    (46, (23, 26), (0, 3), (8, 10)),
    (47, (23, 26), (7, 10), (2, 4)),
    (48, (23, 26), (7, 10), (8, 10)),
    (43, (18, 23), (3, 6), (0, 3)),
    (44, (18, 23), (3, 6), (9, 12)),
    (41, (16, 27), (2, 8), (3, 9)),
    (SPINOUS, (27, 34), (3, 8), (5, 7)),
)


def coded_labels() -> np.ndarray:
    """Semantic labels (P, I, R) of four vertebrae above a sacrum."""
    labels = np.zeros(SHAPE, np.uint8)

    def paint(label: int, *sides: tuple[int, int]) -> None:
        box = tuple(slice(*side) for side in sides)
        labels[box][labels[box] == 0] = label

    for number in range(N_VERTEBRAE):
        top = 8 + PITCH * number
        for label, p, (low, high), r in PARTS:
            paint(label, p, (top + low, top + high), r)
    bottom = 8 + PITCH * N_VERTEBRAE
    paint(SACRUM, (6, 18), (bottom, bottom + 10), (2, 10))
    paint(CANAL, (18, 22), (bottom, bottom + 6), (4, 8))
    return labels


def affine() -> np.ndarray:
    """Affine of the coded image: its axes run to posterior, inferior and right."""
    matrix = np.zeros((4, 4))
    matrix[1, 0], matrix[2, 1], matrix[0, 2] = -ZOOM[0], -ZOOM[1], ZOOM[2]
    matrix[:3, 3] = (-20.0, 30.0, 70.0)
    matrix[3, 3] = 1
    return matrix


def write_scan(path: Path) -> Path:
    """Write the coded image, turned into another orientation as scans are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = coded_labels()
    grey = np.zeros(256, np.float32)
    for label, code in CODES.items():
        grey[label] = code
    image = nib.Nifti1Image(grey[labels], affine())
    turned = nib.as_closest_canonical(image)
    nib.save(nib.Nifti1Image(np.asarray(turned.dataobj), turned.affine), path)
    return path


def semantic_architecture() -> dict[str, Any]:
    """Two stages, one feature, no normalisation, no activation: a linear function."""
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 2,
            "features_per_stage": [1, 1],
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
            "nonlin": None,
            "nonlin_kwargs": None,
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def semantic_network() -> Any:
    """Network whose largest output is the class with the nearest code."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    described = semantic_architecture()
    network = get_network_from_plans(
        described["network_class_name"],
        described["arch_kwargs"],
        described["_kw_requires_import"],
        1,
        len(CODES),
        deep_supervision=False,
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.encoder.stages[0][0].convs[0].conv.weight[:] = 1
        # The decoder sees the feature from below first, then that of the same level.
        network.decoder.stages[0].convs[0].conv.weight[0, 1] = 1
        head = network.decoder.seg_layers[-1]
        for position, code in enumerate(CODES.values()):
            level = code / CODE_UNIT
            head.weight[position] = 2 * level / 4
            head.bias[position] = -(level**2) / 4
    return network.eval()
