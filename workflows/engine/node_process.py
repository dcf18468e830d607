"""One process a node: what runs in it, and what the run sees of it.

A node that is killed takes nothing with it but itself; its memory goes back to the system when it
is done. Processes are forked from a server that has loaded the heavy libraries once.
"""

from __future__ import annotations

import logging
import multiprocessing as mp
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from traceback import format_exception
from typing import Any, Final

from spineps_nipype.core.files import set_writing_roots
from spineps_nipype.errors import ResourceError

from .faults import dead_process_error, failed_answer, fault_of_node, note_faults
from .node_results import seal

PRELOAD: Final = ("spineps_nipype.workflows.engine.preloaded",)
"""Imported once in the server; every process starts with what it imports."""
PR_SET_PDEATHSIG: Final = 1
"""Option of prctl(2): the signal sent to this process when its parent ends."""
LONGEST_TEMPORARY: Final = 70
"""Longest path of a temporary folder in which a socket can be made [bytes].

The path of a socket has 103 bytes at most (macOS; Linux 107); Python adds 32 for folder and name.
"""
SHORT_TEMPORARY: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - mkdtemp is used in them
GRACE: Final = 2.0
"""Time that a stopped process has to end by itself [s]."""


@dataclass(frozen=True)
class WorkerSetup:
    """What a process does before it runs its node.

    Parameters
    ----------
    folder
        Working folder.
    log_file
        File that gets everything the process prints; None leaves its output alone.
    log_level
        Level of the loggers of nipype and of this package.
    roots
        Folders below which it may write; None for anywhere.
    """

    folder: str
    log_file: str | None = None
    log_level: int = logging.WARNING
    roots: tuple[Path, ...] | None = None


def start_server(preload: Sequence[str] = PRELOAD, method: str = "forkserver") -> Any:
    """Context that makes processes; its server starts to load libraries in the background."""
    context = mp.get_context(method)
    if method == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload(list(preload))
        try:
            with short_temporary_folder():
                forkserver.ensure_running()
        except OSError as fault:
            raise ResourceError(
                f"The processes of the run cannot be started: {fault.strerror or fault}.",
                remedy=f"Set TMPDIR to a folder that can be written and whose path is no longer "
                f"than {LONGEST_TEMPORARY} letters.",
            ) from fault
    return context


@contextmanager
def short_temporary_folder() -> Iterator[None]:
    """Use another temporary folder where the path of the usual one is too long for a socket.

    Clusters have such, with the names of user, job and node in them.
    """
    before = tempfile.tempdir
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_TEMPORARY:
        tempfile.tempdir = next(
            (f for f in SHORT_TEMPORARY if os.access(f, os.W_OK | os.X_OK)), tempfile.tempdir
        )
    try:
        yield
    finally:
        tempfile.tempdir = before


class NodeProcess:
    """A node that runs in a process of its own."""

    def __init__(self, context: Any, node: Any, updatehash: bool, setup: WorkerSetup) -> None:
        self.name, self.setup = node.fullname, setup
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=run_node, args=(sender, node, updatehash, setup), name=node.fullname
        )
        try:
            self._process.start()
        except OSError as fault:  # no process is left to have, or their server has died
            self._receiver.close()
            raise ResourceError(
                f"The process of the node {node.fullname} cannot be started: "
                f"{fault.strerror or fault}.",
                remedy="Look whether limits of the system (ulimit -a) or its memory are reached "
                "and whether you may run this Python, then run again: what is finished is kept.",
            ) from fault
        finally:
            sender.close()

    @property
    def pid(self) -> int | None:
        """Process id."""
        return self._process.pid  # type: ignore[no-any-return]

    @property
    def handles(self) -> tuple[Any, Any]:
        """What `multiprocessing.connection.wait` takes: ready when there is a result, or none."""
        return self._receiver, self._process.sentinel

    def result(self) -> dict[str, Any] | None:
        """Result of the node, None while it runs.

        Keys: those of `answer_of`.
        """
        if not self._receiver.poll() and (self._process.is_alive() or self._receiver.poll()):
            return None
        try:
            answer: dict[str, Any] = self._receiver.recv()
        except Exception:  # the pipe ended, or holds what cannot be unpickled
            self._process.join(GRACE)
            log = self.setup.log_file or ""
            answer = failed_answer(dead_process_error(self.name, self._process.exitcode, log))
        self.close()
        return answer

    def stop(self) -> None:
        """End the process now."""
        if self._process.is_alive():
            self._process.kill()
        self.close()

    def close(self) -> None:
        """Wait for the process and give its handles back."""
        self._process.join(GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(GRACE)  # one that waits for a dead disk cannot even be killed
        self._receiver.close()


def run_node(
    sender: connection.Connection, node: Any, updatehash: bool, setup: WorkerSetup
) -> None:
    """Run a node and send its result; the body of a `NodeProcess`."""
    _end_with_the_run()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides when its nodes stop
    _prepare(setup)
    answer = answer_of(node, updatehash)
    try:
        sender.send(answer)
    except Exception as raised:  # its result cannot be pickled
        failed = answer if answer["traceback"] else failed_answer(raised)
        sender.send({**failed, "result": None, "peak_gb": answer["peak_gb"]})
    sender.close()


def answer_of(node: Any, updatehash: bool) -> dict[str, Any]:
    """Run a node, whatever happens in it.

    Returns
    -------
    dict
        ``result``, ``traceback`` (list of lines) and ``fault``, both None if all went well, and
        ``peak_gb``.
    """
    reset_peak_memory()
    answer: dict[str, Any] = {"result": None, "traceback": None, "fault": None}
    noted = note_faults(node.interface)
    try:
        answer["result"] = node.run(updatehash=updatehash)
        seal(node)
    except BaseException as raised:
        answer["traceback"] = format_exception(raised)
        answer["fault"] = fault_of_node(raised, noted)
        with suppress(Exception):
            answer["result"] = node.result
    answer["peak_gb"] = peak_memory_gb()
    return answer


def set_log_levels(level: int) -> None:
    """Levels of the loggers of nipype and of this package, in a process that runs nodes."""
    for name in ("nipype", "nipype.workflow", "nipype.interface", "nipype.utils"):
        logging.getLogger(name).setLevel(level)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("spineps_nipype").setLevel(min(level, logging.INFO))


def reset_peak_memory() -> None:
    """Count the peak of this process from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_gb() -> float:
    """Largest memory of this process since the last reset [GB]."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e9, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9, 3)


def _prepare(setup: WorkerSetup) -> None:
    try:
        os.chdir(setup.folder)
    except OSError:  # deleted while the run lasts; nodes have folders of their own
        os.chdir("/")
    set_writing_roots(setup.roots)
    os.environ["NO_ET"] = os.environ["NIPYPE_NO_ET"] = "1"
    if setup.log_file is not None:
        with suppress(OSError):
            log = os.open(setup.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
    set_log_levels(setup.log_level)


def _end_with_the_run() -> None:
    """End this process when the run is killed, so that the next run has its folder for itself."""
    # Forked processes inherit the write end of the pipe by which the fork server sees that the run
    # still lives. As long as one of them holds it, the server outlives the run. CPython has no
    # public name for it; where it is renamed, the two measures below still hold.
    with suppress(Exception):
        from multiprocessing import forkserver

        server: Any = forkserver._forkserver
        if server._forkserver_alive_fd is not None:
            os.close(server._forkserver_alive_fd)
            server._forkserver_alive_fd = None
    # The server is the parent of this process: when it ends, Linux kills its children.
    if sys.platform == "linux":
        with suppress(Exception):
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Elsewhere, and if the server lives on, a thread waits for the end of the run itself. SIGKILL,
    # because a node inside a library call would not notice anything gentler.
    run = mp.parent_process()
    if run is None:
        return

    def kill_at_its_end() -> None:
        connection.wait([run.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=kill_at_its_end, daemon=True).start()
