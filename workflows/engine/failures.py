"""What a failed node says to the person who started the run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from spineps_nipype.errors import ErrCode

from .faults import Fault

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


def describe_failure(fault: Fault, where: str = "", crash_file: str = "") -> Failure:
    """Code and reason of a failed node.

    >>> describe_failure(Fault("OSError", "[Errno 28] No space left on device")).reason
    'The disk is full. Free space on the disk of the work folder or the output.'
    """
    if fault.is_ours:
        return Failure(fault.code, fault.message, where, crash_file)
    said = ": ".join(part for part in (fault.name, fault.message) if part)
    for pattern, words in KNOWN:
        if pattern.search(said):
            return Failure(ErrCode.UNKNOWN, words.replace("{what}", said), where, crash_file)
    return Failure(ErrCode.UNKNOWN, said or "It failed without a message.", where, crash_file)
