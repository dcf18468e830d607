"""The two small nets of spine-segmentation, and their ONNX files.

Both see averaged pixels: the first half the resolution of the slices, the second a quarter, so
that its deepest level sees the whole height.
"""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.core import vertebra_look
from spineps_nipype.spine_segmentation.models import CLASSES, Role
from spineps_nipype.spine_segmentation.slices import HEIGHT, NEIGHBOURS, WIDTH

FEATURES: Final[dict[Role, tuple[int, ...]]] = {
    "semantic": (24, 48, 64, 96, 96),
    "instance": (16, 32, 64, 96, 96),
}
AVERAGE: Final[dict[Role, int]] = {"semantic": 1, "instance": 2}
"""Pixels of half the resolution that a net averages first."""
OPSET: Final = 17
SMALL: Final = 8
"""Numbers in a tensor that is not worth being stored in half precision."""
SMALL_WEIGHTS: Final = 1024
"""Numbers in a tensor up to which it is stored in half precision."""
LARGEST: Final = 127
"""Whole number that stands for the largest weight of a row."""


class Block(nn.Sequential):
    """Two convolutions, normalised over the batch: most of a slice is empty padding.

    Normalised by itself, a slice would look different with every amount of padding.
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        layers: list[nn.Module] = []
        for n, step in ((before, stride), (after, 1)):
            layers += [
                nn.Conv2d(n, after, 3, step, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.01, inplace=True),
            ]
        super().__init__(*layers)


class SmallUNet(nn.Module):
    """U-Net on averaged pixels; scores come back on the pixels of the input.

    Parameters
    ----------
    features
        Channels of each level.
    classes
        Output channels.
    average
        Pixels that are averaged first, along each axis.
    """

    def __init__(self, features: tuple[int, ...], classes: int, average: int = 1) -> None:
        super().__init__()
        self.average = average
        pairs = list(itertools.pairwise(features))
        self.first = Block(NEIGHBOURS, features[0])
        self.down = nn.ModuleList(Block(a, b, 2) for a, b in pairs)
        self.reduce = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in reversed(pairs))
        self.up = nn.ModuleList(Block(2 * a, a) for a, _ in reversed(pairs))
        self.scores = nn.Conv2d(features[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """From (slices, 3, width, height) to scores (slices, classes, width, height)."""
        if self.average > 1:
            x = functional.avg_pool2d(x, self.average)
        levels = [self.first(x)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for reduce, up in zip(self.reduce, self.up, strict=True):
            x = functional.interpolate(reduce(x), scale_factor=2.0, mode="nearest")
            x = up(torch.cat([x, levels.pop()], 1))
        x = self.scores(x)
        if self.average > 1:
            x = functional.interpolate(x, scale_factor=float(self.average), mode="bilinear")
        return x


class SliceNets(nn.ModuleDict):
    """One net or both, trained on the same samples of half the resolution."""

    def __init__(self, roles: Sequence[Role]) -> None:
        super().__init__(
            {role: SmallUNet(FEATURES[role], CLASSES[role], AVERAGE[role]) for role in roles}
        )


def write_onnx(network: nn.Module, path: Path) -> None:
    """Write a net trained on half the resolution as an ONNX file for whole slices."""
    whole = SmallUNet.__new__(SmallUNet)
    whole.__dict__.update(network.__dict__)
    whole.average = 2 * int(network.average)  # type: ignore[arg-type]
    example = torch.zeros(1, NEIGHBOURS, WIDTH, HEIGHT)
    _export(whole, (example,), path, names=("slices", "scores"), free_axis=0)


def _export(
    network: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    *,
    names: tuple[str, ...],
    free_axis: int,
) -> None:
    """Write a network with one output, the last of `names`; lengths along one axis are free."""
    import onnx

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # that shapes become fixed, and that another exporter follows: it needs another package
        warnings.simplefilter("ignore")
        raw = Path(folder) / "net.onnx"
        torch.onnx.export(
            network.eval(),
            example,
            str(raw),
            input_names=list(names[:-1]),
            output_names=list(names[-1:]),
            dynamic_axes={name: {free_axis: "n"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(str(raw))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(_compressed(model), str(path))


def write_form_onnx(network: nn.Module, path: Path) -> None:
    """Write a network of forms and looks with one head as an ONNX file.

    Inputs (1, vertebrae, measures) and (1, vertebrae, planes, depth, height), output
    (1, vertebrae, names), softmax.
    """
    forms = torch.zeros(1, 7, len(network.mean))  # type: ignore[arg-type]
    looks = torch.zeros(1, 7, vertebra_look.PLANES, vertebra_look.DEPTH, vertebra_look.HEIGHT)
    names = ("forms", "looks", "probabilities")
    _export(Probabilities(network), (forms, looks), path, names=names, free_axis=1)


class Probabilities(nn.Module):
    """The only head of a network, as probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, forms: Tensor, looks: Tensor) -> Tensor:
        """Softmax over the classes."""
        (logits,) = self.network(forms, looks).values()
        return logits.softmax(-1)


def _compressed(model):  # type: ignore[no-untyped-def]  # onnx has no types
    """The same model with large weights as whole numbers of one byte and a scale for each row.

    Nodes of their own widen them, so that the model computes in single precision. Rows are output
    channels; small tensors are stored in half precision.
    """
    from onnx import TensorProto, helper, numpy_helper

    widened = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != "float32" or values.size <= SMALL:
            continue
        name = tensor.name
        if values.size <= SMALL_WEIGHTS:
            half = numpy_helper.from_array(values.astype("float16"), f"{name}_half")
            widened.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
            tensor.CopyFrom(half)
            continue
        steps, scales = rows_of_bytes(values)
        whole = numpy_helper.from_array(steps, f"{name}_whole")
        scale = numpy_helper.from_array(scales, f"{name}_scale")
        widened += [
            helper.make_node("Cast", [whole.name], [f"{name}_wide"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_wide", scale.name], [name]),
        ]
        tensor.CopyFrom(whole)
        model.graph.initializer.append(scale)
    nodes = [*widened, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def rows_of_bytes(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers from -127 to 127, and what they are to be multiplied with.

    Each row has a scale of its own: the last axis of recurrent weights, which have three axes
    (directions, units, inputs), and all axes but the first of others.
    """
    first = 2 if values.ndim == 3 else 1
    largest = np.abs(values).max(axis=tuple(range(first, values.ndim)), keepdims=True)
    scales = (np.where(largest > 0, largest, 1) / LARGEST).astype(np.float32)
    return np.round(values / scales).astype(np.int8), scales
