"""OpenVINO itself: its import, and how it may use the processor. Knows nothing of torch."""

from __future__ import annotations

import sys
from typing import Any, Final

from spineps_nipype.errors import ResourceError

from .engine_choice import INSTALL

PRECISIONS: Final = {"float32": "f32", "bfloat16": "bf16"}


def import_openvino() -> Any:
    """OpenVINO, imported without the thread and the process that report it to its maker.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    reporting = "openvino_telemetry"
    leave_out = not {"openvino", reporting} & set(sys.modules)
    if leave_out:
        sys.modules[reporting] = None  # type: ignore[assignment]  # then it is not to be found
    try:
        import openvino
    finally:
        if leave_out:
            del sys.modules[reporting]
    return openvino


def required_openvino() -> Any:
    """OpenVINO.

    Raises
    ------
    ResourceError
        If it cannot be loaded.
    """
    try:
        return import_openvino()
    except ImportError as err:
        raise ResourceError(f"OpenVINO cannot be loaded ({err}).", remedy=INSTALL) from err


def processor_options(precision: str, threads: int) -> dict[str, Any]:
    """Options for a network on the processor.

    Parameters
    ----------
    precision
        ``float32`` or ``bfloat16``.
    threads
        0 leaves the number to OpenVINO.
    """
    return {
        "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Pinned threads of several processes would share one processor.
        "ENABLE_CPU_PINNING": False,
    }
