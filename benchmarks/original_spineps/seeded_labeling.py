"""A labelling package of the size that SPINEPS builds, with seeded random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Final

HEADS: Final = {"VERT": 24, "REGION": 3, "VERTREL": 6, "FULLYVISIBLE": 2}
"""Outputs, and how many classes each has."""
PATCH: Final = (64, 64, 32)
"""Voxels in P, I, R."""
DENSENET121, DENSENET169 = (6, 12, 24, 16), (6, 12, 32, 32)
"""Layers of the dense blocks."""
PATCH169: Final = (152, 168, 32)
"""Patch of the classifier of SPINEPS if nothing else is said."""
SPACING: Final = (1.5, 1.5, 2.0)
"""P, I, R in mm."""
SEED: Final = 0


def write_seeded_labeling(
    folder: Path,
    data_name: str = "sagittal_v3corpus_npz",
    layers: tuple[int, int, int, int] = DENSENET121,
    patch: tuple[int, int, int] = PATCH,
) -> Path:
    """Write the package and return its folder.

    The embedded labelling network is smaller than any that SPINEPS can build. This one stands in
    where both programs are to name vertebrae with the same weights.

    Parameters
    ----------
    data_name
        Name of the data, in the name of the file.
    layers
        Of the dense blocks.
    patch
        Voxels in P, I, R.
    """
    import torch

    from spineps_nipype.models.export import write_labeling_package
    from spineps_nipype.models.networks.classifier import VertebraClassifier
    from spineps_nipype.models.networks.densenet import DenseNet

    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        network = VertebraClassifier(DenseNet(layers), HEADS, hidden=True).eval()
    write_labeling_package(
        folder,
        network,
        config={
            "log_name": "Seeded labelling",
            "modality": ["T2w", "T1w", "CT"],
            "acquisition": "sag",
            "modeltype": "classifier",
            "model_expected_orientation": ["P", "I", "R"],
            "available_folds": 1,
            "inference_augmentation": False,
            "resolution_range": list(SPACING),
            "default_step_size": 0.5,
            "labels": {},
            "expected_inputs": ["img"],
        },
        heads=HEADS,
        final_size=patch,
        data_name=data_name,
        score=0.0,
        half=False,
    )
    return folder
