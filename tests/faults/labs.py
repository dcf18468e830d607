"""Runs of a small dataset with tiny networks, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..golden_outputs import epi_cases, lab, slices_cases, spineps_cases, tss_cases
from .injection import Fault, Injector

SYSTEMS: Final[Mapping[str, tuple[Callable[[Path], lab.Lab], tuple[str, ...]]]] = {
    "spineps": (spineps_cases.make_lab, ()),
    "totalspineseg": (tss_cases.make_lab, ()),
    "sc-epi": (epi_cases.make_lab, (*epi_cases.MEAN, "--no-qc")),
    "spine-segmentation": (slices_cases.make_slices_lab, ()),
}
"""How the dataset and the networks of each system are made, and further flags of a run."""
PATIENCE = 300
"""Time after which a run counts as hanging [s]."""


@dataclass(frozen=True)
class End:
    """How a run ended: its exit status, negative for a signal, and what it counted."""

    status: int
    counts: dict[str, int]


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

    def run(self, fault: Fault | None = None, plugin: str = "Linear") -> End:
        """Run in a fork of this process, which has loaded the libraries already."""
        told = self.root / "end.json"
        told.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            self._child(told, fault, plugin)
        since = time.monotonic()
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() - since > PATIENCE:
                os.kill(child, 9)
                os.waitpid(child, 0)
                raise AssertionError(f"the run with {fault} hangs")
            time.sleep(0.02)
        counts = json.loads(told.read_text()) if told.is_file() else {}
        return End(os.waitstatus_to_exitcode(status), counts)

    def _child(self, told: Path, fault: Fault | None, plugin: str) -> None:
        """Run the command line; never returns."""
        status = 70
        try:
            log = os.open(self.root / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.stdout = sys.stderr = os.fdopen(log, "w", buffering=1)
            os.chdir(self.root)
            injector = Injector((self.out, self.work), fault)
            injector.install()
            status, said = self._lab.main(*self._flags, "--plugin", plugin)
            print(said)
            if fault is None:
                os.write(os.open(told, os.O_WRONLY | os.O_CREAT), _packed(injector))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def log(self) -> str:
        """What the last run printed."""
        return (self.root / "log.txt").read_text()

    def results(self) -> dict[str, bytes]:
        """Bytes of all files but logs and pages, which tell times."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
            and "logs" not in path.parts
            and path.suffix not in (".html", ".lock")
        }


def _packed(injector: Injector) -> bytes:
    return json.dumps(injector.counts).encode()
