"""ONNX networks of a few kilobytes for the block spines of TotalSpineSeg's tests.

The grey value of an image is ten times the code of its tissue, normalised by the code of the
cord. The first network knows the class of each code, the second one the class at each height.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spineps_nipype.models.places import SLICE_FILES

from ..totalspineseg.block_spine import PITCH, SACRUM

CODES = 12
SEMANTIC = (0, 2, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0)
"""Class of each code: discs 1 to 5, vertebrae 6 to 8, sacrum 9; canal and cord are nothing."""
WIDTH, HEIGHT = 320, 896


def write_networks(folder: Path, lowest: int = 23) -> Path:
    """Write both networks under the names of the release; returns the folder.

    Parameters
    ----------
    lowest
        Class of the vertebra above the sacrum; 23 is L5.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = SLICE_FILES["resnet152"]
    _write(folder / names["semantic"], np.array(SEMANTIC, np.int64), None, 3)
    _write(folder / names["instance"], np.zeros(CODES, np.int64), heights(lowest), 26)
    return folder


def heights(lowest: int) -> NDArray[np.int64]:
    """Class of a vertebra at each height: S1 below, then upward from `lowest`."""
    place = (np.arange(HEIGHT) - SACRUM) // PITCH
    found = np.where(np.arange(HEIGHT) < SACRUM, 25, np.maximum(lowest - place, 1))
    return np.broadcast_to(found, (1, WIDTH, HEIGHT)).astype(np.int64)


def _write(
    path: Path, table: NDArray[np.int64], added: NDArray[np.int64] | None, classes: int
) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    # The code whose grey value is nearest: the largest of 2 m x - m m.
    means = np.arange(CODES, dtype=np.float32) / (CODES - 1)
    weight = np.zeros((CODES, 3, 1, 1), np.float32)
    weight[:, 1, 0, 0] = 2 * means
    constants: dict[str, NDArray[np.generic]] = {
        "weight": weight,
        "bias": -(means**2),
        "table": table,
        "depth": np.array(classes, np.int64),
        "values": np.array([0, 1], np.float32),
    }
    last = "class"
    nodes = [
        helper.make_node("Conv", ["slices", "weight", "bias"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["code"], axis=1, keepdims=0),
        helper.make_node("Gather", ["table", "code"], ["class"]),
    ]
    if added is not None:
        constants["added"] = added
        nodes.append(helper.make_node("Add", ["class", "added"], ["sum"]))
        last = "sum"
    nodes.append(helper.make_node("OneHot", [last, "depth", "values"], ["logits"], axis=1))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [_info(helper, TensorProto, "slices", (None, 3, WIDTH, HEIGHT))],
        [_info(helper, TensorProto, "logits", (None, classes, WIDTH, HEIGHT))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _info(helper: object, kinds: object, name: str, shape: Sequence[int | None]) -> object:
    return helper.make_tensor_value_info(name, kinds.FLOAT, shape)  # type: ignore[attr-defined]
