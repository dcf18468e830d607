"""Locks between processes: every wait has a limit, and file systems without locks are no fault.

A lock is `flock` on a file that stays where it is; the system frees it when its holder ends. Some
network file systems do not offer that (NFS with ``nolock``, Lustre without ``-o flock``). There a
second file names computer and process of the holder, and is believed while that process lives. It
appears with its content, by a link; that of a dead holder is replaced by one process alone, which
holds a lock of the same kind for it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import tempfile
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
NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"""What `link` answers on file systems that do not have it."""
START_FIELD: Final = 19
"""Start of a process in ``/proc/PID/stat``, counted behind its name (proc(5), field 22)."""
BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
POLL: Final = 0.05
"""Time between two tries [s]."""
PATIENCE: Final = 2.0
"""Time after which the log says that another process is being waited for [s]."""
LIMIT: Final = 60.0
"""Longest wait for a process that writes a small file [s]."""
CLAIM: Final = ".claim"
"""End of the name of the lock that a process holds while it replaces the mark of a dead one."""
MOST_CLAIMS: Final = 3
"""Processes that died while they held such a lock, one after the other, that are got over."""


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
                marked = locked = _take(marker)
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


def _take(marker: Path, claims: int = 0) -> bool:
    """Whether the file that names the holder is ours now; that of a dead process is replaced."""
    try:
        if not marker.exists() and _put(marker):
            return True
        stale = _text_of(marker)
        if not _is_dead(stale) or claims == MOST_CLAIMS:
            return False
        claim = marker.with_name(f"{marker.name}{CLAIM}")
        if not _take(claim, claims + 1):
            return False
        try:
            if _text_of(marker) != stale:  # somebody was faster
                return False
            logger.warning("the lock of a process that was killed is removed: %s", marker)
            return _put(marker, replace=True)
        finally:
            claim.unlink(missing_ok=True)
    except OSError as fault:
        raise OutputError(
            f"The lock file cannot be made: {fault.strerror or fault}.",
            file=marker,
            remedy="Check free space and permissions of its folder, or choose another folder.",
        ) from fault


def _put(marker: Path, *, replace: bool = False) -> bool:
    """Write our name into a file that appears with its content; False if there is one already."""
    handle, name = tempfile.mkstemp(prefix=f"{marker.name}.", dir=marker.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(_holder())
        if replace:
            temporary.replace(marker)
        else:
            _link(temporary, marker)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _link(content: Path, marker: Path) -> None:
    """Give a file a second name, if that is free; where there are no links, copy it."""
    try:
        os.link(content, marker)
    except OSError as fault:
        if fault.errno not in NO_LINKS:
            raise
        with marker.open("x", encoding="utf-8") as stream:
            stream.write(_holder())


def _holder() -> str:
    """Who holds the lock: computer, process, its start, and the space its number belongs to."""
    return f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())} {_number_space()}"


def _started(number: int) -> str:
    """When a process of this computer began, in ticks since the computer did; "-" if unknown."""
    try:
        after_name = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2]
        return after_name.split()[START_FIELD]
    except (OSError, IndexError):
        return "-"


def _number_space() -> str:
    """Space of process numbers, of which each container has its own; "-" if unknown."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "-"


def _text_of(marker: Path) -> str:
    """Content of a file that names a holder; empty if it cannot be read or is gone."""
    try:
        return marker.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _is_dead(text: str) -> bool:
    """Whether a holder was a process of this computer that has ended; False if unsure."""
    host, number, started, space = [*text.split(), *("-",) * 4][:4]
    if host != socket.gethostname() or space not in ("-", _number_space()):
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # a process of another user
        pass
    except (OSError, ValueError, OverflowError):
        return False
    return "-" not in (started, now := _started(int(number))) and started != now
