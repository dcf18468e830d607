"""One fault in one operation of this process: a write, a rename, a sync, a lock, a process."""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import multiprocessing.process
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pytest

Operation = Literal["write", "rename", "fsync", "lock", "process"]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
KILL: Final = "SIGKILL"
FAULTS: Final = ("ENOSPC", "EIO", "EACCES", KILL)
CODE: Final = ("/spineps_nipype/", "/workflows/", "/nipype/")
"""Parts of the paths of the modules whose calls tell one site from another."""


@dataclass(frozen=True)
class Site:
    """Where an operation is called.

    Parameters
    ----------
    operation
        What is called.
    phase
        Folder of the node that runs, below the work folder; empty between nodes.
    calls
        Calls that lead there, the innermost first, as ``module:line``.
    """

    operation: Operation
    phase: str
    calls: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operation} at {self.calls[0] if self.calls else '?'} {self.phase}".rstrip()


@dataclass(frozen=True)
class Fault:
    """What fails: the operation at a site, the number of its call there from 0 on, and how."""

    site: Site
    how: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.how} in {self.site}" + (f" ({self.number})" if self.number else "")


Meet = Callable[[Site], str | None]
"""Told of every operation before it happens; says how it shall fail, None if it shall not."""


class Injector:
    """Tells of the operations below some folders, and lets them fail.

    Parameters
    ----------
    work, out
        Writes and renames elsewhere are not told.
    meet
        See `Meet`.
    """

    def __init__(self, work: Path, out: Path, meet: Meet) -> None:
        self._work, self._folders, self._meet = str(work), (str(work), str(out)), meet

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the place of the functions of this process."""
        with pytest.MonkeyPatch.context() as patches:
            for name in ("replace", "rename"):
                patches.setattr(os, name, self._renaming(getattr(os, name)))
            patches.setattr(os, "fsync", self._before("fsync", os.fsync))
            opened = self._opening(io.open)
            patches.setattr(builtins, "open", opened)
            patches.setattr(io, "open", opened)
            patches.setattr(fcntl, "flock", self._before("lock", fcntl.flock))
            for holder, name in (
                (subprocess.Popen, "__init__"),
                (multiprocessing.process.BaseProcess, "start"),
            ):
                start = self._before("process", getattr(holder, name))
                patches.setattr(holder, name, start)
            yield

    def _renaming(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def inner(source: Any, target: Any, **options: Any) -> Any:
            if self._ours(target):
                self._perhaps_fail("rename")
            return real(source, target, **options)

        return inner

    def _before(self, operation: Operation, real: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*values: Any, **options: Any) -> Any:
            self._perhaps_fail(operation)
            return real(*values, **options)

        return inner

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def inner(file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
            if not set(mode) & set("wax+") or not self._ours(file):
                return real(file, mode, *more, **options)
            how = self._meet(self._site("write"))
            if how is None:
                return real(file, mode, *more, **options)
            return _broken(how, file, mode, options.get("encoding"))

        return inner

    def _ours(self, path: Any) -> bool:
        return isinstance(path, str | Path) and os.path.abspath(path).startswith(self._folders)

    def _perhaps_fail(self, operation: Operation) -> None:
        how = self._meet(self._site(operation))
        if how is not None:
            _fail(how)

    def _site(self, operation: Operation) -> Site:
        try:
            here = os.getcwd()
        except OSError:  # a folder that is gone
            here = ""
        inside = here.startswith(self._work + os.sep)
        phase = here.removeprefix(self._work + os.sep) if inside else ""
        return Site(operation, phase, tuple(_calls()))


def _calls() -> Iterator[str]:
    """Lines of the program that are being executed, the innermost first."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        part = next((part for part in CODE if part in name), None)
        if part is not None and "/tests/" not in name:
            yield f"{name[name.rindex(part) + 1 :]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]


def _fail(how: str) -> None:
    if how == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    code = getattr(errno, how)
    raise OSError(code, os.strerror(code))


def _broken(how: str, file: Any, mode: str, encoding: str | None) -> Any:
    """A file of which only half of the first block is written; EACCES refuses to open it."""
    if how == "EACCES":
        _fail(how)
    buffered = io.BufferedWriter(_HalfWritten(file, mode.replace("b", "").replace("t", ""), how))
    if "b" in mode:
        return buffered
    return io.TextIOWrapper(buffered, encoding=encoding or "utf-8")


class _HalfWritten(io.FileIO):
    """A file on a disk that is full after half of what is written first."""

    def __init__(self, file: Any, mode: str, how: str) -> None:
        super().__init__(file, mode)
        self._how = how

    def write(self, data: Any) -> int:
        super().write(bytes(data)[: len(data) // 2])
        _fail(self._how)
        return 0

    def fileno(self) -> int:
        """None: who copies by number of the file would get past `write`."""
        raise io.UnsupportedOperation("a file that breaks has no number")
