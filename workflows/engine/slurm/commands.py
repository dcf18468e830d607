"""The commands of SLURM that a run needs: sbatch, squeue and scancel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spineps_nipype.core.text_files import whole_number
from spineps_nipype.errors import ResourceError

PROGRAMS: Final = ("sbatch", "squeue", "scancel")
TIME_LIMIT: Final = 120.0
"""A command that takes longer has failed [s]."""
LEFT_OUT: Final = ("SLURM_", "SQUEUE_", "SCANCEL_")
"""Variables that start like these say how another job runs, or change what commands print."""
KEPT: Final = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_CLUSTERS"})
CANCEL_AT_ONCE: Final = 500
"""Jobs that one scancel is told about."""

ACTIVE: Final = frozenset(
    {
        "PENDING",
        "CONFIGURING",
        "RUNNING",
        "COMPLETING",
        "SUSPENDED",
        "STOPPED",
        "SIGNALING",
        "REQUEUED",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "RESIZING",
        "RESV_DEL_HOLD",
        "SPECIAL_EXIT",
        "STAGE_OUT",
    }
)
"""States of jobs that are not at their end."""
STARTED: Final = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "STAGE_OUT"})

_JOB_ID: Final = re.compile(r"^([0-9]{1,18})(?:;\S+)?\s*$", re.MULTILINE)
_OUT_OF_REACH: Final = re.compile(
    r"timed out|unable to contact|temporarily|try again|connection|connect failure|"
    r"not connected|zero bytes|communication|munge|authentication|controller",
    re.IGNORECASE,
)
_LIMIT: Final = re.compile(r"QOS policy|submit limit|MaxSubmit|AssocMax", re.IGNORECASE)


class SlurmUnreachable(Exception):
    """SLURM does not answer; later it may."""


class JobRefused(Exception):
    """SLURM does not take a job.

    Parameters
    ----------
    message
        What sbatch says.
    limit
        Whether the reason may be a limit on jobs in the queue, which passes by.
    """

    def __init__(self, message: str, limit: bool = False) -> None:
        super().__init__(message)
        self.message, self.limit = message, limit


@dataclass(frozen=True)
class JobState:
    """A job as squeue shows it: its state, in capital letters, and its working folder."""

    id: int
    state: str
    folder: Path


def check_programs() -> None:
    """Make sure that the commands of SLURM are there.

    Raises
    ------
    ResourceError
        If one is absent.
    """
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        raise ResourceError(
            f"The command {absent[0]} of SLURM is not on this computer.",
            remedy="Run where jobs are submitted, or use --plugin MultiProc.",
        )


def submit(script: Path, options: Sequence[str]) -> int:
    """Submit a job script; the job's working folder is that of the script.

    Returns
    -------
    int
        Id of the job.

    Raises
    ------
    SlurmUnreachable
        If SLURM does not answer; the job may have been taken nevertheless.
    JobRefused
        If SLURM does not take the job.
    """
    words = ["sbatch", "--parsable", *options, f"--chdir={script.parent}", str(script)]
    done = _call(words)
    found = _JOB_ID.findall(done.stdout)
    if done.returncode == 0 and found:
        return int(found[-1])
    message = _said(done)
    if done.returncode == 0 or _OUT_OF_REACH.search(message):
        raise SlurmUnreachable(message)
    raise JobRefused(message, limit=bool(_LIMIT.search(message)))


def jobs_below(folder: Path) -> dict[int, JobState]:
    """Jobs of this user whose working folder lies below `folder`, with one call of squeue.

    Jobs that have ended are among them as long as SLURM remembers them.

    Raises
    ------
    SlurmUnreachable
        If SLURM does not answer.
    """
    shown = "%i|%T|%Z"
    done = _call(
        ["squeue", "--noheader", "--states=all", f"--user={os.getuid()}", f"--format={shown}"]
    )
    if done.returncode:
        raise SlurmUnreachable(_said(done))
    jobs = {}
    for line in done.stdout.splitlines():
        number, _, rest = line.partition("|")
        state, _, place = rest.partition("|")
        job = whole_number(number)
        if job is not None and folder in Path(place).parents:
            jobs[job] = JobState(job, state, Path(place))
    return jobs


def cancel(jobs: Iterable[int]) -> None:
    """Cancel jobs; those that have ended are none to worry about.

    Raises
    ------
    SlurmUnreachable
        If SLURM does not answer.
    """
    ids = [str(job) for job in jobs]
    for first in range(0, len(ids), CANCEL_AT_ONCE):
        done = _call(["scancel", *ids[first : first + CANCEL_AT_ONCE]])
        message = _said(done)
        if done.returncode and "Invalid job id" not in message and "already" not in message:
            raise SlurmUnreachable(message)


def _call(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not name.startswith(LEFT_OUT)
    }
    try:
        return subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
            start_new_session=True,  # Ctrl-C is for the run, which then cancels its jobs
        )
    except subprocess.TimeoutExpired as fault:
        raise SlurmUnreachable(f"{words[0]} did not end in {TIME_LIMIT:.0f} s") from fault
    except OSError as fault:
        raise SlurmUnreachable(f"{words[0]} cannot be run: {fault.strerror or fault}") from fault


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command said, in one line."""
    text = " ".join((done.stderr.strip() or done.stdout.strip()).split())
    return text or f"{done.args[0]} ended with status {done.returncode}"
