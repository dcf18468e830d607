"""Processors, memory, device and disk that a run may use."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from spineps_nipype.core.text_files import whole_number

logger = logging.getLogger("spineps_nipype.engine")

ANSWER_LIMIT: Final = 300.0
"""Longest wait for what torch says about GPUs [s]."""
CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
CGROUP_OF_PROCESS: Final = Path("/proc/self/cgroup")
USABLE_SHARE: Final = 0.9
"""Share of the memory that nodes may fill; the rest is for the run itself and the system."""
UNLIMITED: Final = 1 << 60
"""Cgroup limits above this number of bytes mean that there is none."""
MAX_THREADS: Final = 8
"""More processor threads make no network node faster worth the while."""


def available_cpus(
    environment: Mapping[str, str] | None = None,
    cgroup_root: Path = CGROUP_ROOT,
    cgroup_of_process: Path = CGROUP_OF_PROCESS,
) -> int:
    """Processors that this process may use: affinity, cgroup quota and SLURM count.

    Parameters
    ----------
    environment
        Environment variables, usually those of the process.
    cgroup_root, cgroup_of_process
        Where the kernel shows control groups, and to which of them this process belongs.
    """
    environment = os.environ if environment is None else environment
    if hasattr(os, "sched_getaffinity"):
        counts = [len(os.sched_getaffinity(0))]
    else:  # pragma: no cover
        counts = [os.cpu_count() or 1]
    for folder in _cgroup_folders("cpu", cgroup_root, cgroup_of_process):
        quota = _cpu_quota(folder)
        if quota is not None:
            counts.append(max(1, int(quota)))
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        count = whole_number(environment.get(name, ""))
        if count is not None:
            counts.append(count)
            break
    return max(1, min(counts))


def available_memory_gb(
    environment: Mapping[str, str] | None = None,
    cgroup_root: Path = CGROUP_ROOT,
    cgroup_of_process: Path = CGROUP_OF_PROCESS,
    physical_gb: float | None = None,
) -> float:
    """Memory that a run may fill [GB]: physical memory, cgroup limit and SLURM request."""
    environment = os.environ if environment is None else environment
    limits = [_physical_gb() if physical_gb is None else physical_gb]
    for folder in _cgroup_folders("memory", cgroup_root, cgroup_of_process):
        for name in ("memory.max", "memory.limit_in_bytes"):
            number = _number(folder / name)
            if number is not None and 0 < number < UNLIMITED:
                limits.append(number / 1e9)
    per_node = whole_number(environment.get("SLURM_MEM_PER_NODE", ""))
    per_cpu = whole_number(environment.get("SLURM_MEM_PER_CPU", ""))
    if per_node:
        limits.append(per_node * 1.048576e-3)  # MiB
    elif per_cpu:
        cpus = available_cpus(environment, cgroup_root, cgroup_of_process)
        limits.append(per_cpu * cpus * 1.048576e-3)
    return round(USABLE_SHARE * min(limits), 2)


def threads_per_node(nprocs: int, scans: int) -> int:
    """Threads of a network node: processors are shared among scans first, then among threads."""
    return max(1, min(nprocs // max(1, scans), MAX_THREADS))


def free_gb(folder: Path) -> float:
    """Free space of the disk that a folder lies on, or will lie on [GB]."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e9


@cache
def cuda_devices() -> int:
    """Number of CUDA devices that torch sees; torch is asked in a process of its own.

    Asking would start CUDA in this process, and torch takes seconds to load.
    """
    import subprocess
    import sys

    if not (
        Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") or Path("/dev/kfd").exists()
    ):
        return 0
    code = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=ANSWER_LIMIT
        )
    except subprocess.TimeoutExpired:
        logger.warning("torch did not find GPUs in %.0f s: none is used", ANSWER_LIMIT)
        return 0
    words = done.stdout.split()
    return whole_number(words[-1]) or 0 if done.returncode == 0 and words else 0


def choose_device(asked: str) -> str:
    """Device to run networks on; ``auto`` takes a GPU if there is one.

    Parameters
    ----------
    asked
        ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    ResourceError
        If a device is asked for that is not there: nothing falls back silently, because results
        of devices differ in the last digits.
    """
    from spineps_nipype.errors import ResourceError

    if asked in ("cpu", "mps"):
        return asked
    count = cuda_devices()
    if asked == "auto":
        return "cuda" if count else "cpu"
    if count <= int(asked.partition(":")[2] or 0):
        raise ResourceError(
            f"The device {asked} is not there: torch sees {count} CUDA devices.",
            remedy="Use --device cpu, or give the container access to the GPU (--gpus all, --nv).",
        )
    return asked


def _cgroup_folders(controller: str, root: Path, of_process: Path) -> Iterator[Path]:
    """Folders of the groups that this process is in, of both versions, innermost first."""
    try:
        lines = of_process.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            bases = [root, root / "unified"]
        elif controller in names.split(","):
            bases = [root / names, root / controller]
        else:
            continue
        for base in bases:
            folder = base / path.strip().lstrip("/")
            while True:
                if folder.is_dir():
                    yield folder
                if folder == base or base not in folder.parents:
                    break
                folder = folder.parent


def _cpu_quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ArithmeticError):
        pass
    quota_us = _number(folder / "cpu.cfs_quota_us")
    period_us = _number(folder / "cpu.cfs_period_us")
    if quota_us is None or not period_us or quota_us <= 0:
        return None
    return quota_us / period_us


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # absent, or the word "max"
        return None


def _physical_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
