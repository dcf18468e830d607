"""Packages of released size that compute what the embedded trained ones compute.

A whole run needs masks like those of a trained network: random weights give crumbs, from which no
phase can go on. So the embedded networks are put inside networks of the released sizes. In the
semantic network their channels come first, in five stages of 32 to 320 features (a sixth, lowest
one would change what is computed); in the instance network every channel is there twice, which
leaves the mean and variance of groups as they are.
"""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import EMBEDDED_PACKAGES
from benchmarks.timing.sizes import CUTOUT, INSTANCE_WIDTH, SEED, TILE
from spineps_nipype.models.config import OWN_KEYS

if TYPE_CHECKING:
    from torch import Tensor, nn

FEATURES: Final = (32, 64, 128, 256, 320)
"""Channels of the stages of the semantic network."""
RANGE: Final = (1.0, 1.0, 2.0)
"""Spacing of P, I and R in mm: SPINEPS 2.1.3 cannot read an interval."""


def write_widened(folder: Path) -> None:
    """Write `semantic` and `instance`; those that are there are kept."""
    if not (folder / "semantic").is_dir():
        _write_semantic(folder / "semantic")
    if not (folder / "instance").is_dir():
        _write_instance(folder / "instance")


def write_compact(folder: Path) -> None:
    """Copy the embedded packages so that SPINEPS can read them; those that are there are kept."""
    for kind in ("semantic", "instance"):
        if (folder / kind).is_dir():
            continue
        shutil.copytree(EMBEDDED_PACKAGES / kind, folder / kind)
        config = read_config(kind)
        if kind == "semantic":
            config["resolution_range"] = list(RANGE)
        (folder / kind / "inference_config.json").write_text(json.dumps(config, indent=2))


def read_config(kind: str) -> dict[str, Any]:
    """Configuration of an embedded package without keys of ours: both programs run without."""
    text = (EMBEDDED_PACKAGES / kind / "inference_config.json").read_text(encoding="utf-8")
    config: dict[str, Any] = json.loads(text)
    return {k: v for k, v in config.items() if k not in OWN_KEYS}


def _write_semantic(folder: Path) -> None:
    import torch

    from spineps_nipype.models.export import write_semantic_package
    from spineps_nipype.models.networks.semantic_unet import build_semantic_unet
    from spineps_nipype.models.safe_load import load_checkpoint

    plans = json.loads((EMBEDDED_PACKAGES / "semantic/plans.json").read_text(encoding="utf-8"))
    configuration = plans["configurations"]["3d_fullres"]
    architecture = deepcopy(configuration["architecture"])
    architecture["arch_kwargs"]["features_per_stage"] = list(FEATURES)
    classes = len(read_config("semantic")["labels"]) + 1
    torch.manual_seed(SEED)
    network = build_semantic_unet({"architecture": architecture}, 1, classes, "speed").eval()
    trained = load_checkpoint(EMBEDDED_PACKAGES / "semantic/fold_0/checkpoint_final.pth")
    widen_semantic(network, trained["network_weights"])
    write_semantic_package(
        folder,
        [network],
        config={**read_config("semantic"), "resolution_range": list(RANGE)},
        architecture=architecture,
        patch_size=TILE,
        spacing=RANGE[::-1],
        class_names=["background", *(f"class{i}" for i in range(1, classes))],
        half=False,
    )


def widen_semantic(network: nn.Module, trained: dict[str, Tensor]) -> None:
    """Put trained weights into a network with more channels.

    Weights from the other channels to those of the trained network become 0; the others stay
    random, so that nothing is left out of the computation.
    """
    state = network.state_dict()
    for name, value in trained.items():
        if ".all_modules." not in name and not name.startswith("decoder.encoder."):
            _place(name, state[name], value.float())
    network.load_state_dict(state)


def _place(name: str, target: Tensor, value: Tensor) -> None:
    """Copy a tensor into the corner of a larger one."""
    if value.ndim == 1:
        target[: len(value)] = value
        return
    if "transpconvs" in name:  # the first axis of such a layer is its input
        target[:, : value.shape[1]] = 0
        target[: value.shape[0], : value.shape[1]] = value
        return
    rows = value.shape[0]
    target[:rows] = 0
    if name.startswith("decoder.stages") and name.endswith("convs.0.conv.weight"):
        # the input is what comes from the coarser level, followed by the skip connection
        half, wide = value.shape[1] // 2, target.shape[1] // 2
        target[:rows, :half] = value[:, :half]
        target[:rows, wide : wide + half] = value[:, half:]
    else:
        target[:rows, : value.shape[1]] = value


def _write_instance(folder: Path) -> None:
    from spineps_nipype.models.export import write_instance_package
    from spineps_nipype.models.networks.instance_unet import InstanceUNet, build_instance_unet
    from spineps_nipype.models.safe_load import load_checkpoint

    (path,) = (EMBEDDED_PACKAGES / "instance").glob("*weights*.ckpt")
    state = load_checkpoint(path)["state_dict"]
    small = build_instance_unet(state, str(path))
    network = InstanceUNet(INSTANCE_WIDTH, small.channels).eval()
    widen_instance(network, small.state_dict())
    config = {**read_config("instance"), "cutout_size": list(CUTOUT)}
    write_instance_package(folder, network, config=config, half=False)


def widen_instance(network: nn.Module, trained: dict[str, Tensor]) -> None:
    """Put trained weights into a network of twice the width, every channel twice."""
    state = network.state_dict()
    for name, target in state.items():
        value = trained[name]
        for axis in range(min(value.ndim, 2)):
            times = target.shape[axis] // value.shape[axis]
            value = value.repeat_interleave(times, dim=axis)
            # an input that is there twice counts half
            inputs = axis == (0 if _is_transposed(name) else 1)
            if inputs and value.ndim > 1:
                value = value / times
        target.copy_(value)
    network.load_state_dict(state)


def _is_transposed(name: str) -> bool:
    """Whether a tensor belongs to a transposed convolution, whose first axis is the input."""
    return name.startswith("ups.") and name.split(".")[2] == "2"
