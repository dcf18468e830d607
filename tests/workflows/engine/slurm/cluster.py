"""A cluster in memory: jobs run when they are submitted, or as a test says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from spineps_nipype.workflows.engine.slurm.commands import JobRefused, JobState, SlurmUnreachable
from spineps_nipype.workflows.engine.slurm.job import main


class Cluster:
    """Stands in for the commands of SLURM.

    `ends` says how jobs end, by a word in the name of the job: a state without an answer, or
    ``RUNNING`` for those that wait until `finish`. Others run at once.
    """

    def __init__(self) -> None:
        self.submitted: list[list[str]] = []
        self.jobs: dict[int, JobState] = {}
        self.ends: dict[str, str] = {}
        self.refusals: list[Exception] = []
        self.out_of_reach = 0
        self.forgets = False
        self.looks = 0
        self.cancelled: list[int] = []

    def submit(self, script: Path, options: Sequence[str]) -> int:
        if self.refusals:
            raise self.refusals.pop(0)
        number = len(self.jobs) + 1
        self.submitted.append(list(options))
        name = next(word for word in options if word.startswith("--job-name"))
        state = next((end for word, end in self.ends.items() if word in name), "")
        if not state:
            state = self.run(number, script.parent)
        self.jobs[number] = JobState(number, state, script.parent)
        return number

    def run(self, number: int, folder: Path) -> str:
        before = Path.cwd()
        os.environ["SLURM_JOB_ID"] = str(number)
        try:
            return "COMPLETED" if main(folder) == 0 else "FAILED"
        finally:
            del os.environ["SLURM_JOB_ID"]
            os.chdir(before)

    def finish(self, number: int, state: str = "") -> None:
        folder = self.jobs[number].folder
        self.jobs[number] = JobState(number, state or self.run(number, folder), folder)

    def jobs_below(self, folder: Path) -> dict[int, JobState]:
        self.looks += 1
        if self.out_of_reach:
            self.out_of_reach -= 1
            raise SlurmUnreachable("Socket timed out on send/recv operation")
        if self.forgets:
            return {}
        return {n: job for n, job in self.jobs.items() if folder in job.folder.parents}

    def cancel(self, jobs: Sequence[int]) -> None:
        for number in jobs:
            self.cancelled.append(number)
            self.finish(number, "CANCELLED")


def refused(message: str, limit: bool = False) -> JobRefused:
    return JobRefused(message, limit)
