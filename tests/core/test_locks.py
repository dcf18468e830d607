"""Locks between processes, with a limit, and without the help of the file system."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spineps_nipype.core import locks
from spineps_nipype.core.locks import LockBusyError, held
from spineps_nipype.errors import OutputError

UNSURE = ("elsewhere 1", f"{socket.gethostname()} 1 - pid:[1]")
"""Holders on another computer, and in another container of this one."""


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
        assert marker.read_text().split()[:2] == [socket.gethostname(), str(os.getpid())]
        assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", ".lock.held"]
    assert not marker.exists()
    assert "was killed" in caplog.text


@pytest.mark.parametrize("file_system", ["ENOSYS"], indirect=True)
@pytest.mark.parametrize("text", [*UNSURE, "", "no number", "\x00", f"{'9' * 40}"])
def test_a_mark_that_nobody_can_judge_is_believed_and_named(
    tmp_path: Path, file_system: str, text: str
) -> None:
    marker = tmp_path / ".lock.held"
    marker.write_text(text)
    with pytest.raises(LockBusyError, match=f"delete {marker}"), held(tmp_path / ".lock", limit=0):
        pass
    assert marker.read_text() == text


@pytest.mark.parametrize("file_system", ["ENOSYS"], indirect=True)
def test_the_number_of_a_dead_process_was_given_to_another(
    tmp_path: Path, file_system: str
) -> None:
    """As in containers, where each first process has the number 1."""
    (tmp_path / ".lock.held").write_text(f"{socket.gethostname()} {os.getpid()} 1")
    with held(tmp_path / ".lock", limit=0):
        pass


@pytest.mark.parametrize("file_system", ["ENOSYS"], indirect=True)
def test_one_process_alone_replaces_the_mark_of_a_dead_one(
    tmp_path: Path, file_system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them have seen that the holder is dead before the first does something about it."""
    marker, dead = tmp_path / ".lock.held", f"{socket.gethostname()} {_dead_process()}"
    marker.write_text(dead)
    together = threading.Barrier(8)
    judge = locks._is_dead

    def all_at_once(text: str) -> bool:
        if text == dead:
            together.wait(timeout=60)
        return judge(text)

    monkeypatch.setattr(locks, "_is_dead", all_at_once)
    with ThreadPoolExecutor(8) as pool:
        got = [task.result() for task in [pool.submit(locks._take, marker) for _ in range(8)]]
    assert got.count(True) == 1
    assert marker.read_text() == locks._holder()
    assert [p.name for p in tmp_path.iterdir()] == [".lock.held"]


@pytest.mark.parametrize("file_system", ["ENOSYS"], indirect=True)
def test_a_process_died_while_it_replaced_a_mark(tmp_path: Path, file_system: str) -> None:
    dead = f"{socket.gethostname()} {_dead_process()}"
    for name in (".lock.held", ".lock.held.claim", ".lock.held.claim.claim"):
        (tmp_path / name).write_text(dead)
    with held(tmp_path / ".lock", limit=0):
        pass
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("file_system", ["ENOSYS"], indirect=True)
def test_no_links_either(
    tmp_path: Path, file_system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    with held(tmp_path / ".lock"), pytest.raises(LockBusyError), held(tmp_path / ".lock", limit=0):
        pass
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


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
