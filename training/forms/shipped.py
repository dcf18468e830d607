"""Weights of the network of forms from the ONNX file that ships, to train it further."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from training.common.onnx_files import widened_weights

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PREFIX: Final = "network."
"""Of the names of parameters that the exporter keeps."""
LINEAR: Final = ("enter.0", "mix.0", "measures", "alone", "heads.NAME")
"""Layers whose weights the exporter transposes and renames, in the order of their use."""

Array = np.ndarray


def shipped_weights(path: Path) -> dict[str, Tensor]:
    """State of a `FormNet` with one head, as `training.common.onnx_files` stored it.

    Parameters
    ----------
    path
        The ONNX file; its weights are bytes with a scale, or half precision.
    """
    import onnx

    model = onnx.load(str(path))
    stored = widened_weights(model)
    state = {
        name.removeprefix(PREFIX): value
        for name, value in stored.items()
        if name.startswith(PREFIX)
    }
    products = _inputs(model, "MatMul", stored)
    state |= {f"{k}.weight": stored[name].T for k, name in zip(LINEAR, products, strict=True)}
    # a normalisation is a product and a sum with a number for each channel
    channels = {name: value for name, value in stored.items() if value.shape[1:] == (1, 1)}
    norms = zip(_inputs(model, "Mul", channels), _inputs(model, "Add", channels), strict=True)
    convolutions = [k for k in state if k.startswith("look.") and state[k].ndim == 4]
    for name, (scale, shift) in zip(sorted(convolutions, key=_place), norms, strict=True):
        place = f"look.{_place(name) + 1}"
        state[f"{place}.weight"], state[f"{place}.bias"] = (
            stored[one].ravel() for one in (scale, shift)
        )
    for level, node in enumerate(n for n in model.graph.node if n.op_type == "GRU"):
        state |= dict(_recurrent(node, level, stored))
    return {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in state.items()}


def _inputs(model: ModelProto, kind: str, stored: dict[str, Array]) -> list[str]:
    """Second inputs of all nodes of a kind that are stored, in the order of the graph."""
    return [n.input[1] for n in model.graph.node if n.op_type == kind and n.input[1] in stored]


def _place(name: str) -> int:
    """Number of a layer of the encoder of looks."""
    return int(name.split(".")[1])


def _recurrent(
    node: NodeProto, level: int, stored: dict[str, Array]
) -> Iterator[tuple[str, Array]]:
    """Parameters of a layer of gated units, of both directions."""
    of_input, of_state, biases = (stored[name] for name in node.input[1:4])
    for way, end in enumerate(("", "_reverse")):
        for_input, for_state = np.split(biases[way], 2)
        yield f"along.weight_ih_l{level}{end}", _gates(of_input[way])
        yield f"along.weight_hh_l{level}{end}", _gates(of_state[way])
        yield f"along.bias_ih_l{level}{end}", _gates(for_input)
        yield f"along.bias_hh_l{level}{end}", _gates(for_state)


def _gates(values: Array) -> Array:
    """ONNX has the update gate first, torch the reset gate."""
    update, reset, new = np.split(values, 3)
    return np.concatenate([reset, update, new])
