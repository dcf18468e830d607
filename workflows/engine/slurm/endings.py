"""Words for a job that left no answer: how it ended, and what to do about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import ResourceError

from ..faults import failed_answer
from .job import OUTPUT, output_tail

GONE: Final = "GONE"
"""State of a job that SLURM does not show any more."""
AGAIN: Final = "Run the same command again to go on."
_MEMORY: Final = re.compile(r"oom.?kill|out of memory|exceeded \S* ?memory", re.IGNORECASE)


def ended(job: int | None, node: str, state: str, folder: Path, memory: str) -> dict[str, Any]:
    """Answer in the place of one that did not come.

    Parameters
    ----------
    job, node, state
        Number of the job, name of its node, and how it ended.
    folder
        Folder of the job.
    memory
        How it asked for memory.
    """
    tail = output_tail(folder)
    name = f"The job {job} of the node {node}"
    if state == "CANCELLED":
        return failure(f"{name} was cancelled.", AGAIN, tail)
    if state in ("TIMEOUT", "DEADLINE"):
        more = 'Give jobs more time, for instance with --sbatch-args="--time=2:00:00".'
        return failure(f"{name} reached its time limit.", more, tail)
    if state == "OUT_OF_MEMORY" or _MEMORY.search(tail):
        what = f"{name} was killed because its memory ({memory}) did not suffice."
        more = 'Ask for more, for instance with --sbatch-args="--mem=16G".'
        return failure(what, more, tail)
    if state in ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED"):
        return failure(f"{name} ended because its computer was lost ({state}).", AGAIN, tail)
    if state == GONE:
        return failure(f"{name} is gone from the queue and left no result.", AGAIN, tail)
    words = f"Its last words are in {folder / OUTPUT}."
    return failure(f"{name} ended as {state} without a result.", words, tail)


def failure(what: str, remedy: str, tail: str = "") -> dict[str, Any]:
    """Answer that says what went wrong; `tail` is what the job printed last."""
    return failed_answer(ResourceError(what, remedy=remedy), tail)
