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
from spineps_nipype.models.package import ModelPackage, load_package

KINDS = ("semantic", "instance", "labeling")
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
    return save_scan(np.asarray(turned.dataobj), turned.affine, path)


def save_scan(data: np.ndarray, affine: np.ndarray, path: Path) -> Path:
    """Write an image with its position in both places of the header, as scanners have it."""
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.to_filename(path)
    return path


def linear_architecture(stride: tuple[int, int, int] = (2, 2, 2)) -> dict[str, Any]:
    """Two stages, one feature, no normalisation, no activation: a linear function."""
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 2,
            "features_per_stage": [1, 1],
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[1, 1, 1], [1, 1, 1]],
            "strides": [[1, 1, 1], list(stride)],
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

    described = linear_architecture()
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


def instance_network() -> Any:
    """Network that calls every labelled voxel of its cut-out the vertebra in the centre."""
    import torch

    from spineps_nipype.models.networks.instance_unet import InstanceUNet

    network: Any = InstanceUNet(width=8, channels=11)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        # Feature 0: one of the labels 1 to 10; it reaches the end through the two shortcuts.
        network.init_conv.weight[0, 1:, 3, 3, 3] = 1
        network.final_res_block.res_conv.weight[0, 8] = 1
        network.final_conv.weight[2, 0] = 1
        network.final_conv.bias[:] = torch.tensor([0.5, -1.0, 0.0, -1.0])
    return network.eval()


HEADS = {"VERT": 24, "REGION": 3, "VERTREL": 6, "FULLYVISIBLE": 2}
PATCH = (32, 32, 16)


def labeling_network() -> Any:
    """Small random classifier, always the same."""
    import torch

    from spineps_nipype.models.networks.classifier import VertebraClassifier
    from spineps_nipype.models.networks.densenet import DenseNet

    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = DenseNet((1, 1), growth=4, first=8, bottleneck=8)
        return VertebraClassifier(body, HEADS, hidden=True).eval()


def _config(name: str, **entries: Any) -> dict[str, Any]:
    return {
        "log_name": name,
        "acquisition": "sag",
        "model_expected_orientation": ["P", "I", "R"],
        "available_folds": 1,
        "inference_augmentation": False,
        "resolution_range": list(ZOOM),
        "default_step_size": 1.0,
        **entries,
    }


def write_packages(folder: Path) -> dict[str, ModelPackage | None]:
    """Write the three packages below `folder`; they are returned by kind."""
    from spineps_nipype.models import export

    tile = (16, 56, 48)  # R I P, as nnU-Net orders axes
    export.write_semantic_package(
        folder / "tiny_semantic",
        [semantic_network()],
        config=_config(
            "TinySemantic",
            modality=["T2w", "T1w"],
            modeltype="nnunet",
            labels={str(i): label for i, label in enumerate(CODES) if i},
        ),
        architecture=linear_architecture(),
        patch_size=tile,
        spacing=ZOOM[::-1],
        class_names=["background", *(f"label{label}" for label in MR_LABELS)],
        normalization="CTNormalization",
        properties={
            "mean": 0.0,
            "std": CODE_UNIT,
            "percentile_00_5": -10000.0,
            "percentile_99_5": 10000.0,
        },
        half=False,
    )
    export.write_instance_package(
        folder / "tiny_instance",
        instance_network(),
        config=_config(
            "TinyInstance",
            modality="SEG",
            modeltype="unet",
            labels={"1": 1, "2": 2, "3": 3},
            expected_inputs=["seg"],
            cutout_size=list(CUTOUT),
            corpus_size_cleaning=10,
            vert_size_threshold=20,
        ),
        half=False,
    )
    export.write_labeling_package(
        folder / "tiny_labeling",
        labeling_network(),
        config=_config("TinyLabeling", modality=["T2w", "T1w"], modeltype="classifier", labels={}),
        heads=HEADS,
        final_size=PATCH,
        data_name="sagittal_v3corpus_npz",
        score=0.5,
        half=False,
    )
    return {kind: load_package(folder / f"tiny_{kind}") for kind in KINDS}
