"""Locks between processes: every wait has a limit, and file systems without locks are no fault.

A lock is `flock` on a file that stays where it is; the system frees it when its holder ends. Some
network file systems do not offer that (NFS with ``nolock``, Lustre without ``-o flock``). There a
second file names host and process of the holder, and is believed while that process lives.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..errors import OutputError, ResourceError

logger = logging.getLogger(__name__)

NO_LOCKS: Final = frozenset(
    {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
)
"""What `flock` answers on file systems that do not have it."""
BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
POLL: Final = 0.05
"""Time between two tries [s]."""
PATIENCE: Final = 2.0
"""Time after which the log says that another process is being waited for [s]."""
LIMIT: Final = 60.0
"""Longest wait for a process that writes a small file [s]."""


class LockBusyError(ResourceError):
    """Another process has held the lock for longer than the limit."""


@contextmanager
def held(path: Path, *, limit: float = LIMIT) -> Iterator[None]:
    """Hold a lock, so that processes take turns.

    Parameters
    ----------
    path
        Lock file; it is made, and stays.
    limit
        Longest wait [s]; 0 tries once.

    Raises
    ------
    LockBusyError
        If another process still holds it then.
    OutputError
        If the lock file cannot be made.
    """
    marker = path.with_name(f"{path.name}.held")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as fault:
        raise OutputError(
            f"The lock file cannot be made: {fault.strerror or fault}.",
            file=path,
            remedy="Check free space and permissions of its folder, or choose another folder.",
        ) from fault
    marked = False
    try:
        for _ in _tries(path, limit):
            locked = _flock(descriptor)
            if locked is None:
                marked = locked = _mark(marker)
            if locked:
                break
        else:
            free = f" If none does, delete {marker}." if marker.exists() else ""
            raise LockBusyError(
                "Another process uses the folder.",
                file=path,
                remedy=f"Wait until it has ended, then run again.{free}",
            )
        yield
    finally:
        if marked:
            with suppress(OSError):
                marker.unlink()
        os.close(descriptor)  # frees the lock


def _tries(path: Path, limit: float) -> Iterator[None]:
    """Yield until the limit is reached, and say once that there is a wait."""
    start, told = time.monotonic(), False
    yield
    while (waited := time.monotonic() - start) < limit:
        if not told and waited >= PATIENCE:
            told = True
            logger.warning("waiting for another process: %s (at most %.0f s)", path, limit)
        time.sleep(POLL)
        yield


def _flock(descriptor: int) -> bool | None:
    """Whether the lock is ours now; None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        if fault.errno in BUSY:
            return False
        if fault.errno in NO_LOCKS:
            return None
        raise OutputError(
            f"The lock of the folder cannot be used: {fault.strerror or fault}.",
            remedy="Choose a folder on another disk.",
        ) from fault
    return True


def _mark(marker: Path) -> bool:
    """Whether the file that names the holder could be made; that of a dead process is removed."""
    try:
        with marker.open("x", encoding="utf-8") as stream:
            stream.write(f"{socket.gethostname()} {os.getpid()}")
        return True
    except FileExistsError:
        if not _is_dead(marker):
            return False
        logger.warning("the lock of a process that was killed is removed: %s", marker)
        try:
            marker.unlink()
        except OSError:  # somebody was faster, or the folder is read-only now
            return False
        return _mark(marker)
    except OSError as fault:
        raise OutputError(
            f"The lock file cannot be made: {fault.strerror or fault}.",
            file=marker,
            remedy="Check free space and permissions of its folder, or choose another folder.",
        ) from fault


def _is_dead(marker: Path) -> bool:
    """Whether the holder was a process of this computer that has ended."""
    try:
        host, _, number = marker.read_text(encoding="utf-8").partition(" ")
        if host != socket.gethostname():
            return False
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):  # no longer there, of another user, or unreadable
        return False
    return False
