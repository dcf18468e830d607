"""Model packages that the speed comparison runs: of released size, or the embedded ones."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.original_spineps.seeded_labeling import (
    DENSENET169,
    PATCH169,
    write_seeded_labeling,
)
from benchmarks.timing.sizes import (
    ARCHITECTURE,
    CONFIG,
    CUTOUT,
    INSTANCE_WIDTH,
    LABELS,
    MODEL_SPACING,
    SEED,
    TILE,
)
from benchmarks.timing.widened import write_compact, write_widened

PACKAGES: Final = ("sized", "widened", "compact")
INSTANCE_CHANNELS: Final = 10
"""Values of the input of the instance network, 0 among them."""


def write_packages(kind: str, folder: Path) -> None:
    """Write `semantic`, `instance` and `labeling` packages; those that are there are kept.

    Parameters
    ----------
    kind
        ``sized``: networks of the released sizes with seeded random weights; ``widened``: with
        the embedded networks inside; ``compact``: the embedded networks.
    """
    write = {"sized": _write_sized, "widened": write_widened, "compact": write_compact}[kind]
    write(folder)
    labeling = folder / "labeling"
    if labeling.is_dir():
        return
    if kind == "compact":
        write_seeded_labeling(labeling)
    else:
        write_seeded_labeling(labeling, layers=DENSENET169, patch=PATCH169)


def _write_sized(folder: Path) -> None:
    import torch

    from spineps_nipype.models.export import write_instance_package, write_semantic_package
    from spineps_nipype.models.networks.instance_unet import InstanceUNet
    from spineps_nipype.models.networks.semantic_unet import build_semantic_unet

    if not (folder / "semantic").is_dir():
        torch.manual_seed(SEED)
        outputs = 1 + len(LABELS)
        network = build_semantic_unet({"architecture": ARCHITECTURE}, 1, outputs, "speed")
        write_semantic_package(
            folder / "semantic",
            [network.eval()],
            config=CONFIG,
            architecture=ARCHITECTURE,
            patch_size=TILE,
            spacing=MODEL_SPACING[::-1],
            class_names=["background", *(f"class{i}" for i in range(1, outputs))],
            mirror_axes=(0, 1, 2),
            half=False,
        )
    if not (folder / "instance").is_dir():
        torch.manual_seed(SEED)
        config = {
            **CONFIG,
            "modality": "SEG",
            "modeltype": "unet",
            "labels": {"1": 1, "2": 2, "3": 3},
            "expected_inputs": ["seg"],
            "cutout_size": list(CUTOUT),
        }
        write_instance_package(
            folder / "instance",
            InstanceUNet(INSTANCE_WIDTH, INSTANCE_CHANNELS).eval(),
            config=config,
            half=False,
        )
