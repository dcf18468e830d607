"""Networks as ONNX files whose weights are whole numbers of one byte."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

OPSET: Final = 17
MAX_UNCHANGED: Final = 8
"""Numbers in a tensor up to which it stays as it is."""
MAX_HALF_PRECISION: Final = 1024
"""Numbers in a tensor up to which it is stored in half precision; larger ones in bytes."""
LARGEST: Final = 127
"""Whole number that stands for the largest weight of a row."""


def export(
    network: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    *,
    names: tuple[str, ...],
    free_axis: int,
) -> None:
    """Write a network with one output.

    Parameters
    ----------
    example
        Inputs of the shapes that the file is for.
    names
        Of the inputs, then of the output.
    free_axis
        Axis of all of them whose length is free.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # the exporter warns that shapes become fixed, which is meant, and that another exporter
        # follows, which needs a package more
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
    _compress(model)
    onnx.save(model, str(path))


def _compress(model: ModelProto) -> None:
    """Store large weights in bytes with a scale for each row, and small ones in half precision.

    Nodes of their own widen them, so that the model computes in single precision.
    """
    widening: list[NodeProto] = []
    for tensor in list(model.graph.initializer):
        nodes, scale = _compress_tensor(tensor)
        widening += nodes
        if scale is not None:
            model.graph.initializer.append(scale)
    nodes = [*widening, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _compress_tensor(tensor: TensorProto) -> tuple[list[NodeProto], TensorProto | None]:
    """Compress one tensor in place.

    Returns
    -------
    nodes, scale
        Nodes that widen it, and the tensor of its scales if it has any.
    """
    from onnx import TensorProto, helper, numpy_helper

    values = numpy_helper.to_array(tensor)
    if values.dtype != "float32" or values.size <= MAX_UNCHANGED:
        return [], None
    name = tensor.name
    if values.size <= MAX_HALF_PRECISION:
        half = numpy_helper.from_array(values.astype("float16"), f"{name}_half")
        tensor.CopyFrom(half)
        return [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)], None
    steps, scales = rows_of_bytes(values)
    whole = numpy_helper.from_array(steps, f"{name}_whole")
    scale = numpy_helper.from_array(scales, f"{name}_scale")
    tensor.CopyFrom(whole)
    nodes = [
        helper.make_node("Cast", [whole.name], [f"{name}_wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_wide", scale.name], [name]),
    ]
    return nodes, scale


def rows_of_bytes(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers from -127 to 127, and the scales to multiply them with.

    Each row (output channel) has a scale of its own: the last axis of recurrent weights, which
    have three axes (directions, units, inputs), and all axes but the first of others.
    """
    first = 2 if values.ndim == 3 else 1
    largest = np.abs(values).max(axis=tuple(range(first, values.ndim)), keepdims=True)
    scales = (np.where(largest > 0, largest, 1) / LARGEST).astype(np.float32)
    return np.round(values / scales).astype(np.int8), scales


def widened_weights(model: ModelProto) -> dict[str, NDArray[np.float32]]:
    """Weights of a file of `export` in single precision, by their name."""
    from onnx import numpy_helper

    raw = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    out = {}
    for name, value in raw.items():
        plain, _, kind = name.rpartition("_")
        if kind == "whole":
            out[plain] = value.astype(np.float32) * raw[f"{plain}_scale"]
        elif kind == "half":
            out[plain] = value.astype(np.float32)
        elif kind != "scale":
            out[name] = value
    return out
