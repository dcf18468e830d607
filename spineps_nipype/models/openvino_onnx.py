"""Networks in ONNX format that score slices, computed by OpenVINO.

Files of such networks say that slices have one size. Where nothing inside depends on it, OpenVINO
takes slices that end earlier, so that padding is not computed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spineps_nipype.errors import ModelError
from spineps_nipype.settings import Precision

from .onnx_network import existing_model, rejected_input
from .openvino_runtime import processor_options, required_openvino

logger = logging.getLogger(__name__)


class OpenVinoSliceNetwork:
    """A network with one input (slices, channels, width, height) and scores of its pixels.

    Parameters
    ----------
    path
        The .onnx file.
    precision
        Of the sums.
    num_threads
        Processor threads; 0 leaves the choice to OpenVINO.

    Attributes
    ----------
    free_height
        Whether it takes slices of other heights than the file says.

    Raises
    ------
    ModelError
        If the file is absent or damaged, or the network has several inputs.
    ResourceError
        If OpenVINO is not installed.
    """

    def __init__(
        self, path: str | Path, *, precision: Precision = "float32", num_threads: int = 0
    ) -> None:
        self.path = existing_model(path)
        core = required_openvino().Core()
        try:
            model = _read(self.path)
            given = model.input()  # the only one
            self.free_height = _free_last_axis(model, given)
            options = processor_options(precision, num_threads)
            self._run = core.compile_model(model, "CPU", options)
        except Exception as err:  # whatever a damaged file makes OpenVINO raise
            raise ModelError(
                f"The ONNX model cannot be loaded ({_last_line(err)}).",
                file=self.path,
                remedy="Fetch the file again, or use --engine torch.",
            ) from err

    def predict(self, items: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of a batch.

        Raises
        ------
        ModelError
            If the network does not take items of this shape.
        """
        try:
            return np.array(self._run(np.ascontiguousarray(items), share_inputs=True)[0])
        except RuntimeError as err:
            raise rejected_input(self.path, str(items.shape), _last_line(err)) from err


def _read(path: Path) -> Any:
    """Model of an ONNX file; `read_model` would try other formats, loudly."""
    from openvino.frontend import FrontEndManager

    frontend = FrontEndManager().load_by_framework("onnx")
    return frontend.convert(frontend.load(str(path)))


def _free_last_axis(model: Any, given: Any) -> bool:
    """Let the last axis of a model have any size, if its scores follow it; whether they do."""
    fixed = given.get_partial_shape()
    if fixed.rank.is_dynamic or len(fixed) != 4:
        return False
    free = type(fixed)(fixed)
    free[0], free[3] = -1, -1
    try:
        model.reshape({given: free})
        if model.output(0).get_partial_shape()[3].is_dynamic:
            return True
    except RuntimeError as err:
        logger.info("slices are computed in full height: %s", _last_line(err))
    model.reshape({model.input(): fixed})
    return False


def _last_line(err: Exception) -> str:
    """What OpenVINO says after the places in its source."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    return lines[-1] if lines else type(err).__name__
