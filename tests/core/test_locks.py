"""Locks between processes, with a limit, and without the help of the file system."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spineps_nipype.core import locks
from spineps_nipype.core.locks import LockBusyError, held
from spineps_nipype.errors import OutputError


@pytest.fixture(params=["flock", "ENOLCK", "ENOSYS"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system with locks, and two without."""
    word: str = request.param
    if word != "flock":

        def refuse(descriptor: int, operation: int) -> None:
            raise OSError(getattr(errno, word), os.strerror(getattr(errno, word)))

        monkeypatch.setattr(fcntl, "flock", refuse)
    return word


def test_one_after_the_other(tmp_path: Path, file_system: str) -> None:
    lock = tmp_path / ".lock"
    start = time.monotonic()
    with held(lock), pytest.raises(LockBusyError, match="Another process"), held(lock, limit=0.2):
        pass
    assert 0.2 <= time.monotonic() - start < 5
    with held(lock, limit=0):  # free again
        pass


def test_a_wait_is_told(
    tmp_path: Path,
    file_system: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    with held(tmp_path / ".lock"), pytest.raises(LockBusyError), held(tmp_path / ".lock", limit=1):
        pass
    assert [r.message.split(":")[0] for r in caplog.records] == ["waiting for another process"]


def test_an_old_lock_file_does_not_hold(tmp_path: Path, file_system: str) -> None:
    """The file stays after each run; that it is there says nothing."""
    (tmp_path / ".lock").touch()
    with held(tmp_path / ".lock", limit=0):
        pass


def _dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.parametrize("file_system", ["ENOSYS"], indirect=True)
def test_the_mark_of_a_killed_process_is_removed(
    tmp_path: Path, file_system: str, caplog: pytest.LogCaptureFixture
) -> None:
    marker = tmp_path / ".lock.held"
    marker.write_text(f"{socket.gethostname()} {_dead_process()}")
    with caplog.at_level(logging.WARNING), held(tmp_path / ".lock", limit=0):
        assert marker.read_text().endswith(f" {os.getpid()}")
    assert not marker.exists()
    assert "was killed" in caplog.text


@pytest.mark.parametrize("file_system", ["ENOSYS"], indirect=True)
@pytest.mark.parametrize("text", ["elsewhere 1", "", "no number", "\x00", f"{'9' * 40}"])
def test_a_mark_that_nobody_can_judge_is_believed_and_named(
    tmp_path: Path, file_system: str, text: str
) -> None:
    marker = tmp_path / ".lock.held"
    marker.write_text(text)
    with pytest.raises(LockBusyError, match=f"delete {marker}"), held(tmp_path / ".lock", limit=0):
        pass
    assert marker.read_text() == text


def test_a_folder_that_is_not_there(tmp_path: Path, file_system: str) -> None:
    with (
        pytest.raises(OutputError, match="cannot be made: No such file"),
        held(tmp_path / "no" / ".lock"),
    ):
        pass


def test_a_fault_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OutputError, match="Input/output error"), held(tmp_path / ".lock"):
        pass
