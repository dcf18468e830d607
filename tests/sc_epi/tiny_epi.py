"""An unpacked archive of EPISeg of a few kilobytes: everything above grey value 100 is cord."""

from __future__ import annotations

from pathlib import Path

from ..tiny_packages import linear_architecture

LIMIT = 100.0
UNIT = 10.0
"""Grey values that make one unit of the network's input."""
SUFFIX = "nnUNetTrainer__nnUNetPlans__3d_fullres"


def write_archive(folder: Path, spacing: tuple[float, float, float] = (5.0, 1.0, 1.0)) -> Path:
    """Write the folder as the archive unpacks; spacing is (z, y, x) in mm."""
    import torch

    from spineps_nipype.models import export
    from spineps_nipype.models.networks.semantic_unet import build_semantic_unet

    architecture = linear_architecture((1, 2, 2))
    network = build_semantic_unet({"architecture": architecture}, 1, 2, "test")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.encoder.stages[0][0].convs[0].conv.weight[:] = 1
        # The decoder sees the feature from below first, then that of the same level.
        network.decoder.stages[0].convs[0].conv.weight[0, 1] = 1
        head = network.decoder.seg_layers[-1]
        head.weight[1] = 1
        head.bias[1] = -LIMIT / UNIT
    home = folder / SUFFIX
    export.write_semantic_package(
        home,
        [network],
        config={},
        architecture=architecture,
        patch_size=(4, 16, 16),
        spacing=spacing,
        class_names=["background", "sc"],
        normalization="CTNormalization",
        properties={
            "mean": 0.0,
            "std": UNIT,
            "percentile_00_5": -1e4,
            "percentile_99_5": 1e4,
        },
        half=False,
    )
    (home / "inference_config.json").unlink()
    return home
