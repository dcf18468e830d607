"""What keeps a run apart from others, and the system as it was."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import check_target
from spineps_nipype.core.locks import LockBusyError, held
from spineps_nipype.errors import OutputError, ResourceError

BACKEND_VARIABLE: Final = "MPLBACKEND"
"""Pictures are drawn without a screen."""
WORK_PATTERN: Final = "spineps_*_wf"
"""Folders that the runs of all versions make in a work folder."""
THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def make_writable(folder: Path) -> None:
    """Make a folder, and try whether it takes files."""
    probe = folder / f".probe-{os.getpid()}"
    check_target(probe)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as fault:
        raise OutputError(
            f"The folder cannot be written: {fault.strerror or fault}.",
            file=folder,
            remedy="Choose another folder, or change its permissions.",
        ) from fault


def clean_work(work: Path) -> None:
    """Delete what runs of this program left in a work folder, of any version, and nothing else.

    Raises
    ------
    OutputError
        If it cannot be deleted.
    """
    for folder in work.glob(WORK_PATTERN):
        check_target(folder)
        try:
            shutil.rmtree(folder)
        except OSError as fault:
            raise OutputError(
                f"The work folder cannot be cleaned: {fault}.",
                file=folder,
                remedy="Delete it by hand, or leave --clean-workdir out.",
            ) from fault


@contextmanager
def lock_work_folder(work: Path) -> Iterator[None]:
    """Keep other runs out of a work folder; the lock of a killed run is free."""
    lock = work / ".run.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(held(lock, limit=0))
        except LockBusyError as fault:
            marker = lock.with_name(f"{lock.name}.held")
            free = f" If no run uses it, delete {marker}." if marker.exists() else ""
            raise ResourceError(
                "Another run uses the work folder.",
                file=work,
                remedy="Wait until it has ended, or give each run a work folder of its own "
                f"(-w).{free}",
            ) from fault
        yield


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder that stays as long as the run, whatever becomes of the current one."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)  # also if somebody deleted it in the meantime
        os.close(before)


@contextmanager
def child_environment(threads: int) -> Iterator[None]:
    """Tell libraries in processes to come how many threads to use, and to seek no screen."""
    wanted = {**dict.fromkeys(THREAD_VARIABLES, str(threads)), BACKEND_VARIABLE: "Agg"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Treat SIGTERM (a cluster's time limit) like Ctrl-C: stop, and say what is finished."""

    def stop(number: int, frame: Any) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    before = None
    with suppress(ValueError):  # not in the main thread
        before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        with suppress(ValueError, TypeError):
            signal.signal(signal.SIGTERM, before)
