from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spineps_nipype.errors import ModelError
from spineps_nipype.models.onnx_network import OnnxNetwork
from spineps_nipype.models.openvino_onnx import OpenVinoSliceNetwork

pytest.importorskip("openvino")

WIDTH, HEIGHT = 8, 32


def write_network(path: Path, *, inputs: int = 1, added: bool = False) -> Path:
    """A convolution over slices of one size, and what only fits that size if `added`."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weight = rng.normal(size=(2, 3, 3, 3)).astype(np.float32)
    constants = {"weight": weight, "place": rng.normal(size=(HEIGHT,)).astype(np.float32)}
    names = [f"slices{i}" for i in range(inputs)]
    nodes = [helper.make_node("Conv", [names[0], "weight"], ["found"], pads=[1, 1, 1, 1])]
    nodes.append(helper.make_node("Add", ["found", "place"] if added else ["found"] * 2, ["out"]))
    size = (None, 3, WIDTH, HEIGHT)
    graph = helper.make_graph(
        nodes,
        "slices",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, size) for n in names],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (None, 2, WIDTH, HEIGHT))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


def slices(number: int, height: int = HEIGHT) -> Any:
    drawn = np.random.default_rng(1).normal(size=(number, 3, WIDTH, HEIGHT)).astype(np.float32)
    drawn[..., 20:] = 0
    return drawn[..., :height]


@pytest.mark.parametrize("number", [1, 4])
def test_the_scores_are_those_of_onnxruntime(tmp_path: Path, number: int) -> None:
    path = write_network(tmp_path / "a.onnx")
    expected = OnnxNetwork(path).predict(slices(number))
    found = OpenVinoSliceNetwork(path, num_threads=1).predict(slices(number))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_slices_may_end_earlier(tmp_path: Path) -> None:
    network = OpenVinoSliceNetwork(write_network(tmp_path / "a.onnx"), num_threads=1)
    assert network.free_height
    whole = network.predict(slices(2))
    lower = network.predict(slices(2, 24))
    np.testing.assert_allclose(lower[..., :20], whole[..., :20], atol=1e-5)


def test_slices_have_the_size_that_a_network_needs(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", added=True)
    network = OpenVinoSliceNetwork(path, num_threads=1)
    assert not network.free_height
    expected = OnnxNetwork(path).predict(slices(3))
    np.testing.assert_allclose(network.predict(slices(3)), expected, atol=1e-5)
    with pytest.raises(ModelError, match=r"input of shape \(3, 3, 8, 24\)"):
        network.predict(slices(3, 24))


def test_files_that_are_no_such_network(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        OpenVinoSliceNetwork(tmp_path / "none.onnx")
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"whole")
    with pytest.raises(ModelError, match=r"cannot be loaded .*damaged\.onnx.*--engine torch"):
        OpenVinoSliceNetwork(damaged)
    with pytest.raises(ModelError, match="cannot be loaded"):
        OpenVinoSliceNetwork(write_network(tmp_path / "two.onnx", inputs=2))
