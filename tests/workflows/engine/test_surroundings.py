"""Where a run finds itself: a long TMPDIR, no temporary folder, a current folder that vanishes."""

from __future__ import annotations

import errno
import multiprocessing as mp
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype.errors import ResourceError
from spineps_nipype.workflows.engine.node_process import (
    LONGEST_TEMPORARY,
    NodeProcess,
    WorkerSetup,
)
from spineps_nipype.workflows.engine.run_guards import inside, lock_work_folder

START = """
import sys
from spineps_nipype.errors import ResourceError
from spineps_nipype.workflows.engine import node_process
{change}
if __name__ == "__main__":
    try:
        process = node_process.start_server(preload=()).Process(target=int)
    except ResourceError as fault:
        sys.exit(str(fault))
    process.start()
    process.join(60)
    sys.exit(process.exitcode)
"""


def start(folder: Path, environment: dict[str, str], change: str = "") -> tuple[int, str]:
    """Start a node process in a run of its own; exit status and messages."""
    program = folder / "start.py"
    program.write_text(START.format(change=change))
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr.strip()


def _long(tmp_path: Path) -> str:
    folder = tmp_path / ("job_" + "x" * 100)
    folder.mkdir()
    return str(folder)


@pytest.mark.parametrize("length", [LONGEST_TEMPORARY, LONGEST_TEMPORARY + 1, 200])
def test_temporary_folder_with_a_long_path(tmp_path: Path, length: int) -> None:
    folder = Path(f"/tmp/{os.getpid()}_".ljust(length, "x"))
    folder.mkdir()
    try:
        assert start(tmp_path, {"TMPDIR": str(folder)}) == (0, "")
        assert not list(folder.iterdir())
    finally:
        folder.rmdir()


def test_no_short_temporary_folder(tmp_path: Path) -> None:
    status, words = start(
        tmp_path, {"TMPDIR": _long(tmp_path)}, "node_process.SHORT_TEMPORARY = ()"
    )
    assert status == 1
    assert words.startswith("The processes of the run cannot be started: AF_UNIX path too long.")
    assert "Set TMPDIR to a folder" in words


def test_no_temporary_folder_at_all(tmp_path: Path) -> None:
    change = (
        "import tempfile\n"
        "def none(): raise FileNotFoundError(2, 'No usable temporary directory found')\n"
        "tempfile.gettempdir = none"
    )
    status, words = start(tmp_path, {}, change)
    assert status == 1
    assert "No usable temporary directory found" in words


def test_the_current_folder_may_vanish_while_a_run_lasts(tmp_path: Path) -> None:
    gone, work = tmp_path / "gone", tmp_path / "work"
    gone.mkdir()
    work.mkdir()
    before = os.getcwd()
    os.chdir(gone)
    try:
        with inside(work):
            gone.rmdir()
            assert os.getcwd() == str(work)
        with pytest.raises(FileNotFoundError):
            os.getcwd()
    finally:
        os.chdir(before)


def test_two_runs_in_one_work_folder(tmp_path: Path) -> None:
    with (
        lock_work_folder(tmp_path),
        pytest.raises(ResourceError, match=r"Another run .* of its own \(-w\)\.$"),
        lock_work_folder(tmp_path),
    ):
        pass
    with lock_work_folder(tmp_path):
        pass


def test_a_process_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has died, or there are too many processes."""
    context = mp.get_context("spawn")

    def refuse(self: Any) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(context.Process, "start", refuse)
    node = pe.Node(IdentityInterface(fields=["a"]), name="network")
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ResourceError, match="node network cannot be started: Resource") as caught:
        NodeProcess(context, node, False, WorkerSetup("."))
    assert "ulimit -a" in caught.value.remedy
    assert len(os.listdir("/dev/fd")) == before
