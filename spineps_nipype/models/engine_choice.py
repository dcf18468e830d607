"""Which program computes the networks, and in which precision.

Nothing heavy is imported: the choice stands before any network is loaded, because the records of
results name it.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spineps_nipype.errors import ResourceError
from spineps_nipype.settings import Engine, EngineSettings, Precision

logger = logging.getLogger(__name__)

ANSWER_LIMIT: Final = 300.0
"""Longest wait for what torch says about a GPU [s]."""
CPU_INFO: Final = Path("/proc/cpuinfo")
BFLOAT16_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Kernel flags of processors with native bfloat16; others only emulate it, slowly."""
INSTALL: Final = 'Install it with `pip install "spineps-nipype[openvino]"`, or use --engine torch.'


def choose_engine(wanted: EngineSettings, device: str = "cpu") -> EngineSettings:
    """Engine and precision in force, without ``auto``.

    Parameters
    ----------
    wanted
        What the user asks for.
    device
        Where networks run: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises
    ------
    ResourceError
        If something is asked for that is not installed, or that the device cannot do. Nothing
        falls back silently, because results differ in the last digits.
    """
    return EngineSettings(_engine(wanted.engine, device), _precision(wanted.precision, device))


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    return find_spec("openvino") is not None


def has_bfloat16(device: str = "cpu", cpu_info: Path = CPU_INFO) -> bool:
    """Whether a device supports bfloat16 natively."""
    if device == "cpu":
        try:
            text = cpu_info.read_text(errors="replace")
        except OSError:
            return False
        lines = (line for line in text.splitlines() if line.lower().startswith(("flags", "feat")))
        return bool(BFLOAT16_FLAGS & set(next(lines, "").split()))
    if not device.startswith("cuda"):
        return False
    # Asking here would start CUDA in this process.
    code = (
        "import torch; "
        f"print(torch.cuda.get_device_capability({device.partition(':')[2] or 0})[0] >= 8)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=ANSWER_LIMIT
        )
    except subprocess.TimeoutExpired:
        logger.warning("the GPU did not say in %.0f s whether it has bfloat16", ANSWER_LIMIT)
        return False
    return done.stdout.split()[-1:] == ["True"]


def _engine(wanted: Engine, device: str) -> Engine:
    on_cpu = device == "cpu"
    if wanted == "auto":
        return "openvino" if on_cpu and has_openvino() else "torch"
    if wanted == "openvino":
        if not on_cpu:
            raise ResourceError(
                f"OpenVINO computes on the processor, but the device is {device}.",
                remedy="Use --device cpu, or --engine torch.",
            )
        if not has_openvino():
            raise ResourceError("OpenVINO is not installed.", remedy=INSTALL)
    return wanted


def _precision(wanted: Precision, device: str) -> Precision:
    if wanted == "float32":
        return wanted
    able = has_bfloat16(device)
    if wanted == "auto":
        return "bfloat16" if able else "float32"
    if not able:
        raise ResourceError(
            f"The device {device} does not compute in bfloat16.",
            remedy="Use --precision float32, or auto.",
        )
    return wanted
