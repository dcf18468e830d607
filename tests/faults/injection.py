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
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

Operation = Literal["write", "rename", "fsync", "lock", "process"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
KILL = "SIGKILL"
FAULTS = ("ENOSPC", "EIO", "EACCES", KILL)


@dataclass(frozen=True)
class Fault:
    """What fails: the operation, its number from 0 on, and how."""

    operation: Operation
    number: int
    how: str

    def __str__(self) -> str:
        return f"{self.operation}-{self.number}-{self.how}"


class Injector:
    """Counts the operations below some folders, and lets one of them fail.

    Parameters
    ----------
    folders
        Writes, renames and syncs elsewhere are not counted.
    fault
        None only counts.
    """

    def __init__(self, folders: tuple[Path, ...], fault: Fault | None = None) -> None:
        self.counts: Counter[Operation] = Counter()
        self._folders = tuple(str(folder) for folder in folders)
        self._fault = fault

    def install(self) -> None:
        """Take the place of the functions of this process, for good."""
        real = {"replace": os.replace, "rename": os.rename, "fsync": os.fsync, "open": io.open}

        def rename(name: str) -> Callable[..., Any]:
            def inner(source: Any, target: Any, **options: Any) -> Any:
                if self._ours(target):
                    self._meet("rename")
                return real[name](source, target, **options)

            return inner

        def fsync(handle: Any) -> None:
            self._meet("fsync")
            real["fsync"](handle)

        def opened(file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
            if not set(mode) & set("wax+") or not self._ours(file):
                return real["open"](file, mode, *more, **options)
            if self._meet("write", quiet=True):
                return self._broken(file, mode, options.get("encoding"))
            return real["open"](file, mode, *more, **options)

        os.replace, os.rename, os.fsync = rename("replace"), rename("rename"), fsync
        builtins.open = io.open = opened
        fcntl.flock = self._before("lock", fcntl.flock)
        subprocess.Popen.__init__ = self._before("process", subprocess.Popen.__init__)
        start = multiprocessing.process.BaseProcess.start
        multiprocessing.process.BaseProcess.start = self._before("process", start)

    def _before(self, operation: Operation, original: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*values: Any, **options: Any) -> Any:
            self._meet(operation)
            return original(*values, **options)

        return inner

    def _ours(self, path: Any) -> bool:
        return isinstance(path, str | Path) and os.path.abspath(path).startswith(self._folders)

    def _meet(self, operation: Operation, quiet: bool = False) -> bool:
        """Count an operation; fail in it if it is its turn."""
        number = self.counts[operation]
        self.counts[operation] += 1
        if self._fault is None or (operation, number) != (
            self._fault.operation,
            self._fault.number,
        ):
            return False
        if not quiet:
            self._fail()
        return True

    def _fail(self) -> None:
        assert self._fault is not None
        if self._fault.how == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        code = getattr(errno, self._fault.how)
        raise OSError(code, os.strerror(code))

    def _broken(self, file: Any, mode: str, encoding: str | None) -> Any:
        """A file of which only half of the first block is written; EACCES refuses to open it."""
        assert self._fault is not None
        if self._fault.how == "EACCES":
            self._fail()
        raw = _HalfWritten(file, mode.replace("b", "").replace("t", ""))
        raw.fail = self._fail
        buffered = io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding=encoding or "utf-8")


class _HalfWritten(io.FileIO):
    """A file on a disk that is full after half of what is written first."""

    fail: Callable[[], None]

    def write(self, data: Any) -> int:
        super().write(bytes(data)[: len(data) // 2])
        self.fail()
        return 0
