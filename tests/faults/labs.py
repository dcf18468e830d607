"""Runs of a small dataset with tiny networks, each in a process of its own.

An undisturbed run stops at call sites. There a copy of its process meets the fault in a copy of
its folders, and a plain run follows on what that left; then the undisturbed run goes on. Nothing
that was there before the fault is computed again.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import re
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.own_files import LOGS

from ..golden_outputs import epi_cases, lab, slices_cases, spineps_cases, tss_cases
from .injection import Fault, Injector, Meet, Site

SYSTEMS: Final[Mapping[str, tuple[Callable[[Path], lab.Lab], tuple[str, ...]]]] = {
    "sc-epi": (epi_cases.make_lab, (*epi_cases.MEAN, "--no-qc")),
    "spine-segmentation": (slices_cases.make_slices_lab, ()),
    "totalspineseg": (tss_cases.make_lab, ()),
    "spineps": (spineps_cases.make_lab, ("--pipeline", "spineps")),
}
"""How the dataset and the networks of each system are made, and further flags of a run."""
PATIENCE: Final = 300.0
"""Time after which a run counts as hanging [s]."""
HASHED: Final = re.compile(r"_0x[0-9a-f]+\.json")
"""File of a node that has ended."""
TRACEBACK: Final = 70
"""Exit status of a run that raised something."""


LOG: Final = "log.txt"
WALK: Final = "walk.txt"
"""What runs print; that of an undisturbed run and of its copies."""


@dataclass(frozen=True)
class Tried:
    """What became of a fault.

    Parameters
    ----------
    fault
        What failed.
    hurt
        Exit status of the run that met it, negative for a signal.
    said
        What that run printed.
    left
        Digest of the folders then.
    after
        Exit status of the next run.
    results
        Those after the next run.
    """

    fault: Fault
    hurt: int
    said: str
    left: str
    after: int
    results: dict[str, bytes]


class Lab:
    """One place in which a system runs again and again.

    Parameters
    ----------
    root
        Folder of everything.
    system
        Word of ``--pipeline``.
    """

    def __init__(self, root: Path, system: str) -> None:
        make, self._flags = SYSTEMS[system]
        self._lab = make(root)
        self.root, self.out, self.work = root, self._lab.out, self._lab.work

    def clear(self) -> None:
        for folder in (self.out, self.work):
            shutil.rmtree(folder, ignore_errors=True)

    def run_here(self, meet: Meet) -> int:
        """Run in this process, which then has loaded all libraries; exit status."""
        with Injector(self.work, self.out, meet).installed():
            return self._lab.main(*self._flags)[0]

    def run(self, meet: Meet | None = None, plugin: str = "Linear") -> int:
        """Run in a fork of this process; exit status."""
        return _wait(self._start(meet, plugin))

    def walk(self, faults: Collection[Fault]) -> Iterator[Tried]:
        """Try faults in their order during one undisturbed run.

        Where several leave the same behind, the next run is made once.
        """
        known: dict[str, tuple[int, dict[str, bytes]]] = {}
        asked = {fault.site for fault in faults}
        gc.freeze()  # so that forks share what is loaded
        mine, theirs = Pipe()
        walker = self._start(_Walker(theirs, asked).meet, log=WALK)
        theirs.close()
        try:
            for _ in asked:
                site = _received(mine)
                for fault in (fault for fault in faults if fault.site == site):
                    with self._copied():
                        mine.send(fault.how)
                        hurt, said, left = _received(mine), self.log(WALK), self.state()
                        if left not in known:
                            known[left] = self.run(), self.results()
                        yield Tried(fault, hurt, said, left, *known[left])
                mine.send(None)
        finally:
            os.kill(walker, 9)  # the rest of its way shows nothing
            os.waitpid(walker, 0)
            gc.unfreeze()

    def _start(self, meet: Meet | None, plugin: str = "Linear", log: str = LOG) -> int:
        """Fork a run; its process id."""
        child = os.fork()
        if not child:
            self._child(meet, plugin, log)
        return child

    def _child(self, meet: Meet | None, plugin: str, name: str) -> None:
        """Run the command line; never returns."""
        status = TRACEBACK
        try:
            log = os.open(self.root / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.stdout = sys.stderr = os.fdopen(log, "w", buffering=1)
            os.chdir(self.root)
            with contextlib.ExitStack() as stack:
                if meet is not None:
                    stack.enter_context(Injector(self.work, self.out, meet).installed())
                status, said = self._lab.main(*self._flags, "--plugin", plugin)
            print(said)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    @contextmanager
    def _copied(self) -> Iterator[None]:
        """Copies in place of the folders, so that what runs meanwhile leaves these alone."""
        kept = self.root / "kept"
        kept.mkdir()
        folders = [folder for folder in (self.out, self.work) if folder.is_dir()]
        for folder in folders:
            folder.rename(kept / folder.name)
            shutil.copytree(kept / folder.name, folder, symlinks=True)
        try:
            yield
        finally:
            self.clear()
            for folder in folders:
                (kept / folder.name).rename(folder)
            kept.rmdir()

    def log(self, name: str = LOG) -> str:
        """What the last run printed."""
        return (self.root / name).read_text(errors="replace")

    def state(self) -> str:
        """Digest of all files but the logs of runs and pages, which tell times.

        Left out as well is what a failed node says of itself: it is in a pickle that is not read
        where no file with the hash of the inputs lies beside it.
        """
        digest = hashlib.sha256()
        for path in sorted((*self.out.rglob("*"), *self.work.rglob("*"))):
            if path.parent.parent.name == LOGS or path.suffix == ".html" or _is_of_failed(path):
                continue
            digest.update(f"{path}\0{os.path.islink(path)}\0".encode())
            if path.is_file():
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def results(self) -> dict[str, bytes]:
        """Bytes of all files but logs and pages, which tell times."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
            and "logs" not in path.parts
            and path.suffix not in (".html", ".lock")
        }


def _is_of_failed(path: Path) -> bool:
    """Whether a file is the result of a node that failed."""
    result = path.name.startswith("result_") and path.suffix == ".pklz"
    return result and not any(HASHED.fullmatch(other.name) for other in path.parent.iterdir())


class _Walker:
    """A run that stops where it is told to, and lets copies of itself fail there."""

    def __init__(self, line: Connection, asked: Collection[Site]) -> None:
        self._line, self._asked, self._is_copy = line, set(asked), False

    def meet(self, site: Site) -> str | None:
        if self._is_copy or site not in self._asked:
            return None
        self._asked.remove(site)
        here = os.getcwd()
        self._line.send(site)
        while (how := self._line.recv()) is not None:
            child = os.fork()
            if not child:
                self._is_copy = True
                os.chdir(here)  # the folder of that name is a copy now
                return str(how)
            self._line.send(_wait(child))
        return None


def _received(line: Connection) -> Any:
    """What a walker says, None if it has ended, or does not go on."""
    with contextlib.suppress(EOFError):
        if line.poll(2 * PATIENCE):
            return line.recv()
    return None


def _wait(child: int) -> int:
    """Exit status of a process, negative for a signal."""
    since = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - since > PATIENCE:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return -int(PATIENCE)
        time.sleep(0.02)
