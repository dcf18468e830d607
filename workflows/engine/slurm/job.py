"""One node as a job: its folder, the script that SLURM runs, and the answer that comes back.

Each attempt has a new folder, so that no answer of another run can be taken for its own.
"""

from __future__ import annotations

import logging
import os
import pickle
import shlex
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import (
    check_target,
    set_writing_roots,
    whole_file,
    write_text,
    writing_roots,
)

from ..faults import failed_answer
from ..run_guards import BACKEND_VARIABLE, THREAD_VARIABLES
from .commands import STARTED

NODE: Final = "node.pkl"
SCRIPT: Final = "job.sh"
PROGRAM: Final = "job.py"
OUTPUT: Final = "job.out"
ANSWER: Final = "answer.pkl"
CLAIM: Final = "claimed_by"
NODE_FAILED: Final = 3
"""Exit status of a job whose node failed; what it said is in the answer."""
_PROGRAM: Final = """\
import sys
from pathlib import Path

sys.path = {search!r}
from {module} import main

sys.exit(main(Path({folder!r})))
"""
TAIL: Final = 20
"""Lines of a job's output that a failure shows."""


@dataclass
class Job:
    """A node on its way through SLURM.

    Parameters
    ----------
    node
        Full name of the node.
    folder, script, options
        What sbatch gets.
    id, state
        Number and state in SLURM; None before it is submitted.
    answer
        What came back, or why nothing will.
    """

    node: str
    folder: Path
    script: Path
    options: list[str]
    id: int | None = None
    state: str = "PENDING"
    answer: dict[str, Any] | None = None
    tries: int = 0
    missed: int = 0
    ended_at: float | None = None

    @property
    def started(self) -> bool:
        """Whether it has begun to run."""
        return self.answer is not None or self.state in STARTED


def write_job(
    folder: Path,
    node: Any,
    updatehash: bool,
    *,
    template: str,
    prefix: Sequence[str] = (),
    log_level: int = logging.WARNING,
) -> Path:
    """Write what the job needs into a new folder; returns the script."""
    check_target(folder)
    folder.mkdir(parents=True)
    with (folder / NODE).open("wb") as stream:
        pickle.dump((node, updatehash, log_level, writing_roots()), stream)
    program = folder / PROGRAM
    search = [path or os.getcwd() for path in sys.path]
    write_text(program, _PROGRAM.format(search=search, module=__name__, folder=str(folder)))
    command = [sys.executable, "-X", "faulthandler", str(program)]
    lines = [template.rstrip("\n"), *_exports(), f"exec {shlex.join([*prefix, *command])}"]
    script = folder / SCRIPT
    write_text(script, "\n".join(lines) + "\n")
    return script


def read_answer(folder: Path) -> dict[str, Any] | None:
    """Answer of a job, None while it is not there, or where it is damaged.

    Keys: those of `node_process.answer_of`, ``seconds`` and ``host``. Folders are listed, since a
    network disk may keep saying of a file that was asked for too early that it does not exist.
    """
    try:
        if ANSWER not in os.listdir(folder):
            return None
        with (folder / ANSWER).open("rb") as stream:
            answer: dict[str, Any] = pickle.load(stream)  # noqa: S301 - the job is our own
        result_file = answer["result_file"]
        if result_file is not None and result_file.name not in os.listdir(result_file.parent):
            return None
    except Exception:  # the folder cannot be read, or whatever a damaged pickle raises
        return None
    return answer


def claimed_by(folder: Path) -> int | None:
    """Id of the job that runs the node, None if no job has started."""
    with suppress(OSError, ValueError):
        return int((folder / CLAIM).read_text())
    return None


def output_tail(folder: Path) -> str:
    """Last lines that a job printed."""
    try:
        lines = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-TAIL:])


def main(folder: Path) -> int:
    """Run the node in a job; the body of the script."""
    if not _claim(folder):
        print("another job runs this node")
        return 0
    from ..node_process import answer_of, set_log_levels

    start = time.monotonic()
    result_file: Path | None = None
    try:
        with (folder / NODE).open("rb") as stream:
            packed = pickle.load(stream)  # noqa: S301 - written by our run
        node, updatehash, log_level, roots = packed
        set_log_levels(log_level)
        set_writing_roots(roots)
        answer = answer_of(node, updatehash)
        if answer["traceback"] is None:
            result_file = Path(node.output_dir()) / f"result_{node.name}.pklz"
    except BaseException as raised:
        answer = failed_answer(raised)
    answer |= {
        "seconds": round(time.monotonic() - start, 2),
        "host": socket.gethostname(),
        "result_file": result_file,
    }
    if answer["traceback"] is not None:
        print("".join(answer["traceback"]), file=sys.stderr)
    try:
        packed = pickle.dumps(answer)
    except Exception:  # the files of the node are there, its result is only for the crash file
        packed = pickle.dumps({**answer, "result": None})
    with whole_file(folder / ANSWER) as temporary:
        temporary.write_bytes(packed)
    return 0 if answer["traceback"] is None else NODE_FAILED


def _claim(folder: Path) -> bool:
    """Take the node for this job; False if another one has it.

    A submission that seemed to fail may have been taken, and then two jobs have one folder. A job
    that SLURM starts a second time keeps what it claimed.
    """
    job = os.environ.get("SLURM_JOB_ID", "0")
    try:
        with (folder / CLAIM).open("x") as stream:
            stream.write(job)
    except FileExistsError:
        return (folder / CLAIM).read_text() == job
    return True


def _exports() -> list[str]:
    """Lines of the script that hold also where sites do not pass the environment on."""
    names = (*THREAD_VARIABLES, BACKEND_VARIABLE)
    wanted = {name: os.environ[name] for name in names if name in os.environ}
    wanted["NO_ET"] = wanted["NIPYPE_NO_ET"] = "1"
    return [f"export {name}={shlex.quote(value)}" for name, value in wanted.items()]
