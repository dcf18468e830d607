"""Networks in ONNX format, run by onnxruntime."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spineps_nipype.errors import ModelError, ResourceError

CPU_PROVIDER: Final = "CPUExecutionProvider"
CUDA_PROVIDER: Final = "CUDAExecutionProvider"
INSTALL: Final = "Install it with `pip install onnxruntime`, for a GPU onnxruntime-gpu."
INSTALL_GPU: Final = "Install onnxruntime-gpu, or choose the device cpu."


def cuda_index(device: str | int) -> int | None:
    """Number of the CUDA device that a word means, None for the processor.

    Parameters
    ----------
    device
        ``CPU``, ``GPU`` (device 0), a number, or words of torch such as ``cuda:1``.

    Raises
    ------
    ResourceError
        If the word means neither.
    """
    word = str(device).strip().lower()
    if word == "cpu":
        return None
    if word in {"gpu", "cuda"}:
        return 0
    number = word.removeprefix("cuda:")
    if number.isdecimal():
        return int(number)
    raise ResourceError(
        f"Unknown device {device!r}.", remedy="Give cpu, gpu, cuda, cuda:1 or a number."
    )


class OnnxNetwork:
    """A network with inputs of any shape, and one output.

    Parameters
    ----------
    path
        The .onnx file.
    device
        See `cuda_index`.
    num_threads
        Processor threads; 0 leaves the choice to onnxruntime.

    Raises
    ------
    ModelError
        If onnxruntime is absent, or the file is absent or damaged.
    ResourceError
        If CUDA is asked for and onnxruntime cannot use it.
    """

    def __init__(self, path: str | Path, device: str | int = "cpu", num_threads: int = 0) -> None:
        self.path = existing_model(path)
        runtime = _onnxruntime(self.path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = num_threads
        try:
            self._session = runtime.InferenceSession(
                str(self.path),
                sess_options=options,
                providers=_providers(runtime, cuda_index(device)),
            )
        except Exception as err:
            if _is_runtime_fault(err):
                raise _damaged(self.path, err) from err
            raise
        self._inputs = [given.name for given in self._session.get_inputs()]

    def predict(self, *items: NDArray[np.float32]) -> NDArray[np.float32]:
        """First output of the network for a batch, or for one array an input.

        Raises
        ------
        ModelError
            If the network does not take items of this number and shape.
        """
        shapes = ", ".join(str(item.shape) for item in items)
        try:
            given = dict(zip(self._inputs, items, strict=True))
            return np.asarray(self._session.run(None, given)[0])
        except Exception as err:
            if not _is_runtime_fault(err):
                raise
            raise rejected_input(self.path, shapes, _first_line(err)) from err


def existing_model(path: str | Path) -> Path:
    """The file of a network.

    Raises
    ------
    ModelError
        If it is absent.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelError(
            "The ONNX model does not exist.",
            file=file,
            remedy="Fetch it from its publisher and give its path.",
        )
    return file


def rejected_input(path: Path, shapes: str, said: str) -> ModelError:
    """What is told of a network that does not take its input.

    Parameters
    ----------
    said
        By the program that computes it.
    """
    return ModelError(
        f"The ONNX model fails on input of shape {shapes} ({said}).",
        file=path,
        remedy="Give a network for this kind of input, or a smaller batch.",
    )


def batches(count: int, size: int) -> Iterator[slice]:
    """Ranges of at most `size` items that cover `count`."""
    for start in range(0, count, max(size, 1)):
        yield slice(start, min(start + max(size, 1), count))


def _onnxruntime(path: Path) -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as err:
        raise ModelError(
            "Networks in ONNX format need onnxruntime, which is not installed.",
            file=path,
            remedy=INSTALL,
        ) from err


def _providers(runtime: Any, index: int | None) -> list[Any]:
    if index is None:
        return [CPU_PROVIDER]
    if CUDA_PROVIDER not in runtime.get_available_providers():
        raise ResourceError(
            "The installed onnxruntime cannot use a CUDA device.", remedy=INSTALL_GPU
        )
    return [(CUDA_PROVIDER, {"device_id": index}), CPU_PROVIDER]


def _is_runtime_fault(err: Exception) -> bool:
    """Whether onnxruntime raised it; most of its errors derive from Exception directly."""
    own = type(err).__module__.startswith("onnxruntime")
    return own or isinstance(err, RuntimeError | ValueError)


def _first_line(err: Exception) -> str:
    return next(iter(str(err).splitlines()), type(err).__name__)


def _damaged(path: Path, err: Exception) -> ModelError:
    return ModelError(
        f"The ONNX model cannot be loaded ({_first_line(err)}).",
        file=path,
        remedy="Fetch the file again.",
    )
