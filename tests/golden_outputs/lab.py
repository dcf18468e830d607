"""Folders in which cases run, and the tiny networks that segment the small scans in them."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Final

import pytest

from spineps_nipype import interfaces
from spineps_nipype.models.package_files import digest_folder
from spineps_nipype.workflows.cli import main

from .normalise import Normaliser

STORING: Final = ("PrepareDerivatives", "SaveDerivatives")
"""Interfaces that compute nothing; the files tell what they did."""
SHARED: Final = ("bids", "models", "saved")
"""Folders of a lab that all cases share."""
THREADS: Final = os.environ.get("GOLDEN_THREADS", "1")
"""Threads of a network; the table does not depend on them."""


class Lab:
    """A dataset, networks, and one place for the results of all cases in turn.

    Parameters
    ----------
    root
        Folder of everything; a case always finds the same absolute paths.
    flags
        Arguments of every run.
    """

    def __init__(self, root: Path, flags: Sequence[str] = ()) -> None:
        self.root, self._flags = root, tuple(flags)
        self.bids, self.models = root / "bids", root / "models"
        self.out, self.work = root / "out", root / "work"
        for folder in (self.bids, self.models):
            folder.mkdir(parents=True)
        description = {"Name": "small scans", "BIDSVersion": "1.9.0"}
        (self.bids / "dataset_description.json").write_text(json.dumps(description))

    def main(self, *more: str) -> tuple[int, str]:
        """Run the command line in this process; exit status and what it printed."""
        told = io.StringIO()
        arguments = [
            *(str(self.bids), str(self.out), "participant", "-w", str(self.work)),
            *("--plugin", "Linear", "--device", "cpu", "--engine", "torch"),
            *("--nprocs", THREADS, "--omp-nthreads", THREADS, "--mem-gb", "8"),
            *(word.format(lab=self.root) for word in (*self._flags, *more)),
        ]
        with redirect_stdout(told):
            status = main(arguments)
        return status, told.getvalue()

    def group(self) -> tuple[int, str]:
        """Run the level group."""
        told = io.StringIO()
        with redirect_stdout(told):
            status = main([str(self.bids), str(self.out), "group"])
        return status, told.getvalue()

    def clear(self) -> None:
        """Remove what cases have made."""
        for path in self.root.iterdir():
            if path.name not in SHARED:
                shutil.rmtree(path)
        shutil.rmtree(self.out, ignore_errors=True)  # it may lie in the dataset

    def save(self, name: str) -> None:
        """Keep results and work folder, for cases that start with them."""
        for folder in (self.out, self.work):
            if folder.is_dir():
                target = self.root / "saved" / name / folder.name
                shutil.copytree(folder, target, symlinks=True)

    def restore(self, name: str, *, with_work: bool) -> None:
        """Bring kept results back."""
        for folder in (self.out, self.work) if with_work else (self.out,):
            saved = self.root / "saved" / name / folder.name
            if saved.is_dir():
                shutil.copytree(saved, folder, symlinks=True)

    def normaliser(self) -> Normaliser:
        """Words for the digests of the networks."""
        text = Normaliser(self.root)
        for path in sorted(self.models.rglob("*")):
            name = path.relative_to(self.models).as_posix()
            if path.is_dir():
                text.know(digest_folder(path), name)
        text.know_files(sorted(p for p in self.models.rglob("*") if p.is_file()))
        return text

    def files(self) -> list[Path]:
        """All result files; logs and locks differ from run to run."""
        found = (path for path in sorted(self.out.rglob("*")) if path.is_file())
        return [path for path in found if not self._passing(path)]

    def inputs(self) -> list[Path]:
        """All files that a run may read but not write: scans, corrections."""
        others = set(SHARED) - {"bids"}
        folders = (f for f in sorted(self.root.iterdir()) if f.name not in others)
        found = (path for folder in folders for path in sorted(folder.rglob("*")))
        own = (self.out, self.work)
        return [p for p in found if p.is_file() and not any(p.is_relative_to(o) for o in own)]

    def _passing(self, path: Path) -> bool:
        parts = path.relative_to(self.out).parts
        return "logs" in parts or "work" in parts or path.name.endswith(".lock")


@contextmanager
def computed() -> Iterator[list[str]]:
    """Names of the interfaces that compute something meanwhile, in their order."""
    names: list[str] = []
    with pytest.MonkeyPatch.context() as patches:
        for name in interfaces.__all__:
            face = getattr(interfaces, name)
            if name not in STORING and hasattr(face, "_run_interface"):
                noted = _noting(name, face._run_interface, names)
                patches.setattr(face, "_run_interface", noted)
        yield names


def _noting(name: str, original: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    def run(self: Any, runtime: Any) -> Any:
        if type(self).__name__ == name:  # a shell may call that of its parent class
            names.append(name)
        return original(self, runtime)

    return run
