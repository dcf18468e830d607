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


NO_PERMISSION: Final = (
    "A file or folder may not be used ({what}). Change its permissions, or choose another folder."
)
READ_ONLY: Final = (
    "A folder is read-only ({what}). In a container, bind the output and the work folder so that "
    "they can be written."
)
QUOTA: Final = "Your quota of the disk is used up ({what}). Free space, or use another disk."
TOO_MANY_FILES: Final = (
    "Too many files are open ({what}). Raise the limit (ulimit -n 4096), or use fewer processes "
    "(--nprocs)."
)
LOST_FILE_SYSTEM: Final = (
    "The file system failed ({what}). Run again; if it is a network disk, put the work folder on "
    "a local one (-w)."
)
NO_CUDA: Final = (
    "The GPU cannot be used ({what}). Check nvidia-smi and that torch was built for its CUDA "
    "version, give a container access (--gpus all, --nv), or use --device cpu."
)
CUDA_FAULT: Final = (
    "The GPU failed ({what}). Run again; if it happens again with this scan, use --device cpu."
)
BROKEN_POOL: Final = (
    "A process of the pool was killed, mostly because the memory did not suffice. Give the run "
    "more memory, or fewer processes (--nprocs)."
)
SHARED_MEMORY: Final = (
    "The shared memory did not suffice ({what}). Give the container more (--shm-size 2g, or "
    "--ipc=host)."
)
KNOWN: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"OutOfMemoryError|CUDA out of memory|CUBLAS_STATUS_ALLOC_FAILED", OUT_OF_GPU_MEMORY),
        (r"\bshm\b|shared memory|shm_open", SHARED_MEMORY),
        (r"BrokenProcessPool|process pool .* terminated abruptly", BROKEN_POOL),
        (
            r"MemoryError|Errno 12\]|Cannot allocate memory|std::bad_alloc"
            r"|not enough memory|DefaultCPUAllocator",
            OUT_OF_MEMORY,
        ),
        (r"Errno 28\]|No space left", FULL_DISK),
        (r"Errno 122\]|Disk quota exceeded", QUOTA),
        (r"Errno 30\]|Read-only file system", READ_ONLY),
        (r"Errno (?:1|13)\]|PermissionError|Permission denied", NO_PERMISSION),
        (r"Errno 24\]|Too many open files", TOO_MANY_FILES),
        (r"Errno (?:5|116|121)\]|Stale file handle|Input/output error", LOST_FILE_SYSTEM),
        (
            r"no kernel image|CUDA driver|driver version is insufficient|No CUDA GPUs"
            r"|not compiled with CUDA|found no NVIDIA|CUDA unknown error"
            r"|invalid device ordinal|Cannot re-initialize CUDA",
            NO_CUDA,
        ),
        (r"CUDA error|CUBLAS_STATUS|cuDNN error|CUDNN_STATUS", CUDA_FAULT),
    )
)
"""Failures of the system that have a known way out: what their message says, and the words."""


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
    said = f"{name}: {message}" if message else name or "It failed without a message."
    for pattern, words in KNOWN:
        if pattern.search(said):
            return Failure(ErrCode.UNKNOWN, words.replace("{what}", said), where, crash_file)
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
