"""Networks computed by OpenVINO, which is an optional extra.

A network is translated once and then kept on disk; compiling it for the shape at hand takes less
than a second. OpenVINO reports over the network to its maker that it is imported, and that its
converter is used: the import leaves the reports out, and the translation uses the frontend.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from spineps_nipype.core.files import check_target
from spineps_nipype.core.locks import LockBusyError, held
from spineps_nipype.errors import OutputError
from spineps_nipype.models.folders import CACHE_VARIABLE, cache_folder
from spineps_nipype.models.networks.fast_norm import spell_out
from spineps_nipype.models.openvino_runtime import processor_options, required_openvino

logger = logging.getLogger(__name__)

FORMAT: Final = 2
"""Increased when a network of this package changes but its weights do not."""
LONGEST_TRANSLATION: Final = 120.0
"""Longest wait for another process that translates the same network [s]."""


class OpenVinoEngine:
    """Networks computed by OpenVINO on the processor, with as many threads as torch has.

    Parameters
    ----------
    precision
        ``float32`` or ``bfloat16``.
    digest
        Digest of the package; empty keeps nothing on disk.

    Raises
    ------
    ResourceError
        If OpenVINO is not installed.
    """

    batch_size = 1

    def __init__(self, precision: str, digest: str) -> None:
        openvino = required_openvino()
        self._core = openvino.Core()
        self._version = openvino.get_version().partition("-")[0]
        self._digest = digest
        self._options = processor_options(precision, torch.get_num_threads())

    def prepare(self, network: nn.Module, part: str, *examples: Sequence[int]) -> _Compiled:
        """See `engines.Engine`."""
        return _Compiled(self._core, self._translated(network, part, examples), self._options)

    def _translated(self, network: nn.Module, part: str, examples: Sequence[Sequence[int]]) -> Any:
        """The network from the disk, or translated and stored there."""
        path = self._path(part)
        if path is None:
            return translate(network, *examples)
        with ExitStack() as stack:
            try:
                stack.enter_context(held(path.with_suffix(".lock"), limit=LONGEST_TRANSLATION))
            except (LockBusyError, OutputError) as err:
                logger.warning("the translated network is not kept: %s", err)
                return translate(network, *examples)
            return self._kept(path, network, examples)

    def _kept(self, path: Path, network: nn.Module, examples: Sequence[Sequence[int]]) -> Any:
        """The network from a file, or translated and stored there; the lock is held."""
        if path.is_file():
            try:
                return self._core.read_model(path)
            except Exception as err:  # whatever a damaged file makes OpenVINO raise
                logger.warning("%s is damaged and made again: %s", path, err)
        model = translate(network, *examples)
        try:
            _store(model, path)
        except (OSError, RuntimeError) as err:
            logger.warning("the translated network could not be kept: %s", err)
        return model

    def _path(self, part: str) -> Path | None:
        """File of a network, None where nothing can be kept."""
        if not self._digest:
            return None
        folder = cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            logger.info("translated networks are not kept, see %s: %s", CACHE_VARIABLE, err)
            return None
        if not os.access(folder, os.W_OK):
            return None
        return folder / f"{self._digest[:32]}_{part}_{self._version}_{FORMAT}.xml"


class _Compiled:
    """A translated network, compiled for the shapes of the last call."""

    def __init__(self, core: Any, model: Any, options: dict[str, Any]) -> None:
        self._core, self._model, self._options = core, model, options
        self._shapes: list[list[int]] = []
        self._run: Any = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Logits in float32."""
        shapes = [list(x.shape) for x in inputs]
        if shapes != self._shapes:
            self._model.reshape(dict(zip(self._model.inputs, shapes, strict=True)))
            self._run = self._core.compile_model(self._model, "CPU", self._options)
            self._shapes = shapes
        arrays = [np.ascontiguousarray(x.numpy(), dtype=np.float32) for x in inputs]
        return torch.from_numpy(self._run(arrays, share_inputs=True)[0])


def translate(network: nn.Module, *examples: Sequence[int]) -> Any:
    """OpenVINO model of a torch network, for inputs of any size.

    Parameters
    ----------
    network
        One tensor out.
    examples
        Shape of a small input each.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, but what OpenVINO reads
        traced = torch.jit.trace(
            spell_out(network.cpu()),
            tuple(torch.zeros(tuple(example)) for example in examples),
            check_trace=False,
        )
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced)  # must live until the end
        return frontend.convert(frontend.load(decoder))


def _store(model: Any, path: Path) -> None:
    """Write model and weights under temporary names, then rename: the model comes last."""
    import openvino

    check_target(path)
    temporary = path.with_name(f"{os.getpid()}_{path.name}")
    try:
        openvino.save_model(model, temporary, compress_to_fp16=False)
        for suffix in (".bin", ".xml"):
            temporary.with_suffix(suffix).replace(path.with_suffix(suffix))
    finally:
        for suffix in (".bin", ".xml"):
            with suppress(OSError):
                temporary.with_suffix(suffix).unlink()
