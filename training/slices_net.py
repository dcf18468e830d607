"""The two small nets of spine-segmentation, and their ONNX files.

Both see averaged pixels: the first half the resolution of the slices, the second a quarter, so
that its deepest level sees the whole height.
"""

from __future__ import annotations

import itertools
import tempfile
import warnings
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.spine_segmentation.models import CLASSES
from spineps_nipype.spine_segmentation.slices import HEIGHT, NEIGHBOURS, WIDTH

FEATURES: Final = {"semantic": (8, 16, 32, 48), "instance": (16, 32, 64, 96, 96)}
OPSET: Final = 17
SMALL: Final = 8
"""Numbers in a tensor that is not worth being stored in half precision."""


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
    """Both nets, trained on the same samples of half the resolution."""

    def __init__(self) -> None:
        super().__init__(
            {
                "semantic": SmallUNet(FEATURES["semantic"], CLASSES["semantic"]),
                "instance": SmallUNet(FEATURES["instance"], CLASSES["instance"], 2),
            }
        )


def write_onnx(network: nn.Module, path: Path) -> None:
    """Write a net trained on half the resolution as an ONNX file for whole slices.

    Weights are stored in half precision and widened when the file is loaded, so that the net
    computes in single precision.
    """
    whole = SmallUNet.__new__(SmallUNet)
    whole.__dict__.update(network.__dict__)
    whole.average = 2 * int(network.average)  # type: ignore[arg-type]
    example = torch.zeros(1, NEIGHBOURS, WIDTH, HEIGHT)
    _export(whole, example, path, names=("slices", "scores"), free_axis=0)


def _export(
    network: nn.Module, example: Tensor, path: Path, *, names: tuple[str, str], free_axis: int
) -> None:
    """Write a network with one input and one output, whose length along one axis is free."""
    import onnx

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # that shapes become fixed, and that another exporter follows: it needs another package
        warnings.simplefilter("ignore")
        raw = Path(folder) / "net.onnx"
        torch.onnx.export(
            network.eval(),
            (example,),
            str(raw),
            input_names=list(names[:1]),
            output_names=list(names[1:]),
            dynamic_axes={name: {free_axis: "n"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(str(raw))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(_halved(model), str(path))


def write_form_onnx(network: nn.Module, path: Path) -> None:
    """Write a network of forms with one head as an ONNX file.

    Input (1, vertebrae, measures), output (1, vertebrae, names), softmax.
    """
    example = torch.zeros(1, 7, len(network.mean))  # type: ignore[arg-type]
    names = ("forms", "probabilities")
    _export(Probabilities(network), example, path, names=names, free_axis=1)


class Probabilities(nn.Module):
    """The only head of a network, as probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Softmax over the classes."""
        (logits,) = self.network(x).values()
        return logits.softmax(-1)


def _halved(model):  # type: ignore[no-untyped-def]  # onnx has no types
    """The same model with large weights in half precision, widened by nodes of their own."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == "float32" and values.size > SMALL:
            name = tensor.name
            half = numpy_helper.from_array(values.astype("float16"), f"{name}_half")
            casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
            tensor.CopyFrom(half)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
