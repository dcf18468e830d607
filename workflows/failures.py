"""What a failed node says to the person who started the run."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Final

from spineps_nipype import errors
from spineps_nipype.errors import ErrCode, ResourceError, SpinepsError

_LAST_LINE: Final = re.compile(r"^\s*((?:\w+\.)*)(\w+)(?:: (.*))?$")
FULL_DISK: Final = "The disk is full. Free space on the disk of the work folder or the output."
OUT_OF_MEMORY: Final = (
    "The memory did not suffice. Give the run more memory, or fewer processes (--nprocs)."
)
OUT_OF_GPU_MEMORY: Final = (
    "The memory of the GPU did not suffice. Stop other programs that use it, or use --device cpu."
)


@dataclass(frozen=True)
class Failure:
    """Code and reason of a failed scan.

    Parameters
    ----------
    code
        Code of SPINEPS.
    reason
        One line: what happened, with which file, and what to do.
    where
        Name of the node.
    crash_file
        File with the traceback, empty if none could be written.
    """

    code: ErrCode
    reason: str
    where: str = ""
    crash_file: str = ""


def describe_failure(text: str, where: str = "", crash_file: str = "") -> Failure:
    r"""Find code and reason in the traceback of a node.

    >>> describe_failure("  File ...\nspineps_nipype.errors.InputError: It is 2-D. [a.nii]")
    Failure(code=<ErrCode.SHAPE: 6>, reason='It is 2-D. [a.nii]', where='', crash_file='')
    """
    _, name, message = _raised(text)
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, SpinepsError):
        return Failure(kind.code, message, where, crash_file)
    if "Errno 28" in message or "No space left" in message:
        return Failure(ErrCode.UNKNOWN, FULL_DISK, where, crash_file)
    if name == "OutOfMemoryError" or "CUDA out of memory" in message:
        return Failure(ErrCode.UNKNOWN, OUT_OF_GPU_MEMORY, where, crash_file)
    if name == "MemoryError" or name.endswith("ArrayMemoryError"):
        return Failure(ErrCode.UNKNOWN, OUT_OF_MEMORY, where, crash_file)
    said = f"{name}: {message}" if message else name or "It failed without a message."
    return Failure(ErrCode.UNKNOWN, said, where, crash_file)


def dead_worker_text(node: str, exit_code: int | None, log: str = "") -> str:
    """Traceback of a node whose process ended without a result."""
    if exit_code is not None and exit_code < 0:
        number = -exit_code
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        what = f"The process of the node {node} was killed ({name})."
    else:
        what = f"The process of the node {node} ended with status {exit_code} and no result."
    remedy = "Often the memory did not suffice: give the run more, or fewer processes (--nprocs)."
    if log:
        remedy += f" Its last words are in {log}."
    fault = ResourceError(what, remedy=remedy)
    return f"{type(fault).__module__}.{type(fault).__name__}: {fault}\n"


def _raised(text: str) -> tuple[str, str, str]:
    """Module, class and message of the exception that a traceback ends with."""
    candidates = []
    for line in text.splitlines():
        match = _LAST_LINE.match(line)
        if match and re.search(r"(Error|Exception|Interrupt|Exit|Warning)$", match[2]):
            candidates.append((match[1].rstrip("."), match[2], (match[3] or "").strip()))
    ours = [c for c in candidates if c[0] == errors.__name__]
    if ours:
        return ours[-1]
    plain = [c for c in candidates if c[1] != "NodeExecutionError"]
    return (plain or candidates or [("", "", text.strip().rpartition("\n")[2].strip())])[-1]
