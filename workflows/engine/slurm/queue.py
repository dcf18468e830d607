"""The jobs of a run, from their submission to their answer, whatever SLURM does meanwhile."""

from __future__ import annotations

import logging
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import ResourceError

from ..faults import failed_answer
from . import commands
from .commands import ACTIVE, JobRefused, JobState, SlurmUnreachable
from .endings import GONE, ended, failure
from .job import OUTPUT, SCRIPT, Job, claimed_by, read_answer, write_job
from .options import SlurmOptions, job_options

logger = logging.getLogger("spineps_nipype.engine")

TRIES: Final = 3
"""How often a job is submitted that SLURM refuses."""
LONGEST_WAIT: Final = 60.0
"""Longest time between two attempts to reach SLURM [s]."""
CLEAR_TIME: Final = 30.0
"""Time that cancelled jobs of an earlier run have to end [s]."""
MISSED_LOOKS: Final = 2
"""So many times in a row a job is not shown before it counts as gone."""
NAME_LENGTH: Final = 200


class JobQueue:
    """Submits nodes as jobs, follows them, and gathers what they answer.

    Parameters
    ----------
    folder
        Folder for the jobs of this workflow; jobs below it belong to no other run.
    options
        Options of the plugin.
    grace
        Time that an answer may take to be seen after its job has ended [s].
    log_level
        Level of the loggers in jobs.
    clock
        Seconds that never run backwards.
    """

    def __init__(
        self,
        folder: Path,
        options: SlurmOptions,
        *,
        grace: float,
        log_level: int = logging.WARNING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.options = folder.resolve(), options
        self._grace, self._log_level, self._clock = grace, log_level, clock
        self._jobs: dict[Path, Job] = {}
        self._next_look = 0.0
        self._lost_since: float | None = None
        self._hold_until, self._hold = 0.0, options.poll
        self._failed = False

    def clear(self) -> None:
        """Cancel what an earlier run has left in the queue, and wait until it has ended.

        Raises
        ------
        ResourceError
            If SLURM does not answer, or a job does not end.
        """
        end = self._clock() + CLEAR_TIME
        cancelled = False
        while True:
            try:
                left = [j.id for j in commands.jobs_below(self.folder).values() if _active(j)]
                if not left:
                    break
                if not cancelled:
                    logger.warning("%d jobs of an earlier run are cancelled", len(left))
                    commands.cancel(left)
                    cancelled = True
            except SlurmUnreachable as fault:
                raise ResourceError(
                    f"SLURM does not answer: {fault}.", remedy="Run again when it does."
                ) from fault
            if self._clock() > end:
                raise ResourceError(
                    f"Jobs of an earlier run do not end: {', '.join(map(str, left))}.",
                    remedy="Cancel them with scancel, then run again.",
                )
            time.sleep(min(1.0, self.options.poll))
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, node: Any, updatehash: bool = False, after: Sequence[int] = ()) -> Job:
        """Submit a node, now or as soon as SLURM takes it.

        Parameters
        ----------
        node
            Node of nipype.
        updatehash
            Whether it only brings its hash up to date.
        after
            Jobs that must succeed before it starts.
        """
        folder = self.folder / uuid.uuid4().hex
        job = Job(node.fullname, folder, folder / SCRIPT, [])
        self._jobs[folder] = job
        try:
            job.options = self._options_of(node, after)
            write_job(
                folder,
                node,
                updatehash,
                template=self.options.template,
                prefix=self.options.command_prefix,
                log_level=self._log_level,
            )
        except Exception as raised:  # a full disk, or inputs that no job can load
            job.answer = failed_answer(raised)
        else:
            if self._clock() >= self._hold_until:
                self._submit(job)
        return job

    def _options_of(self, node: Any, after: Sequence[int]) -> list[str]:
        """Words for sbatch."""
        name = re.sub(r"\s", "_", ".".join([*node.fullname.split(".")[1:-1], node._id]))
        options = [f"--job-name={name[:NAME_LENGTH]}", f"--output={OUTPUT}", "--open-mode=append"]
        options += job_options(node, self.options)
        if after:
            options.append(f"--dependency=afterok:{':'.join(map(str, after))}")
            options.append("--kill-on-invalid-dep=yes")
        return options

    def look(self) -> None:
        """Bring all jobs up to date; asks SLURM at most once every `poll` seconds."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + self.options.poll
        for job in self._open_jobs():
            if job.id is None and now >= self._hold_until:
                self._submit(job)
        submitted = [job for job in self._open_jobs() if job.id is not None]
        if not submitted:
            return
        try:
            seen = commands.jobs_below(self.folder)
        except SlurmUnreachable as fault:
            self._lose(fault)
            seen = None
        else:
            self._find()
        for job in submitted:
            if seen is not None:
                _update(job, seen)
            self._settle(job)

    def drop(self, job: Job) -> None:
        """Forget a job; the folder of a failed one stays until the next run."""
        self._jobs.pop(job.folder, None)
        if job.answer is not None and job.answer["traceback"] is not None:
            self._failed = True
        else:
            shutil.rmtree(job.folder, ignore_errors=True)

    def cancel(self, jobs: Iterable[Job]) -> None:
        """Cancel and forget jobs."""
        jobs = list(jobs)
        ids = [job.id for job in jobs if job.id is not None and job.answer is None]
        for job in jobs:
            self.drop(job)
        if not ids:
            return
        try:
            commands.cancel(ids)
        except SlurmUnreachable as fault:
            words = " ".join(map(str, ids))
            logger.warning("jobs could not be cancelled (%s); do it by: scancel %s", fault, words)

    def close(self) -> None:
        """Cancel what is left."""
        if self._jobs:
            ids = {job.id for job in self._jobs.values()}
            with suppress(SlurmUnreachable):  # attempts that were taken although they seemed lost
                seen = commands.jobs_below(self.folder).values()
                commands.cancel(j.id for j in seen if _active(j) and j.id not in ids)
            self.cancel(self._jobs.values())
        if not self._failed:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _open_jobs(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.answer is None]

    def _submit(self, job: Job) -> None:
        try:
            job.id = commands.submit(job.script, job.options)
        except SlurmUnreachable as fault:
            self._lose(fault)
        except JobRefused as fault:
            job.tries += 1
            others = any(other.id is not None for other in self._open_jobs())
            if fault.limit and others:
                self._wait()
            elif job.tries >= TRIES:
                job.answer = failure(
                    f"SLURM refuses the job of the node {job.node}: {fault.message}.",
                    "Mend what it asks for: --sbatch-args, --omp-nthreads, or sbatch_args in the "
                    "plugin file.",
                )
        else:
            self._hold = self.options.poll
            self._find()

    def _wait(self) -> None:
        """Let SLURM alone for a while, longer each time."""
        self._hold_until = self._clock() + self._hold
        self._hold = min(2 * self._hold, max(LONGEST_WAIT, self.options.poll))

    def _lose(self, fault: SlurmUnreachable) -> None:
        """SLURM does not answer: keep what is known; give up when that has lasted too long."""
        now = self._clock()
        if self._lost_since is None:
            self._lost_since = now
            logger.warning("SLURM does not answer, waiting for it: %s", fault)
        self._wait()
        if now - self._lost_since > self.options.patience:
            for job in self._open_jobs():
                if read_answer(job.folder) is None:
                    job.answer = failure(
                        f"SLURM has not answered for {self.options.patience:.0f} s, so the job "
                        f"of the node {job.node} is given up: {fault}.",
                        "Run again when SLURM answers.",
                    )

    def _find(self) -> None:
        if self._lost_since is not None:
            logger.warning("SLURM answers again")
            self._lost_since = None

    def _settle(self, job: Job) -> None:
        """Take the answer of a job, or state that none will come."""
        answer = read_answer(job.folder)
        if answer is not None:
            job.answer = answer
            return
        if job.answer is not None or job.state in ACTIVE:
            job.ended_at = None
            return
        owner = claimed_by(job.folder)
        if owner and owner != job.id:  # an attempt that seemed lost was taken
            job.id, job.state, job.missed = owner, "PENDING", 0
            return
        now = self._clock()
        job.ended_at = now if job.ended_at is None else job.ended_at
        may_come = job.state in ("COMPLETED", "FAILED", GONE)
        if now - job.ended_at >= (self._grace if may_come else 0):
            asked = next((word for word in job.options if word.startswith("--mem")), "")
            job.answer = ended(job.id, job.node, job.state, job.folder, asked)


def _active(job: JobState) -> bool:
    return job.state in ACTIVE


def _update(job: Job, seen: dict[int, JobState]) -> None:
    """Take note of the state of a job; one that is no longer shown has ended long ago."""
    assert job.id is not None
    if job.id in seen:
        job.state, job.missed = seen[job.id].state, 0
    else:
        job.missed += 1
        job.state = GONE if job.missed >= MISSED_LOOKS else job.state
