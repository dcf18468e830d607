"""The life of jobs, on a cluster in memory with a clock of its own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.errors import ResourceError
from spineps_nipype.workflows.engine.slurm import commands, queue
from spineps_nipype.workflows.engine.slurm.commands import JobState, SlurmUnreachable
from spineps_nipype.workflows.engine.slurm.job import ANSWER, OUTPUT, Job
from spineps_nipype.workflows.engine.slurm.options import SlurmOptions
from spineps_nipype.workflows.engine.slurm.queue import JobQueue

from ..test_plugins import add, fail, node
from .cluster import Cluster, refused

GRACE = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path, cluster: Cluster, clock: Clock) -> JobQueue:
    options = SlurmOptions(poll=5.0, patience=600.0)
    return JobQueue(tmp_path / "jobs", options, grace=GRACE, clock=clock)


def submit(jobs: JobQueue, folder: Path, name: str = "one", function: Any = add) -> Job:
    made = node(function, name, a=1)
    made.base_dir = str(folder)
    return jobs.add(made)


def wait(jobs: JobQueue, clock: Clock, seconds: float = 5.0) -> None:
    clock.now += seconds
    jobs.look()


def reason(job: Job) -> str:
    assert job.answer is not None
    return str(job.answer["traceback"][-1])


def test_a_job_answers(jobs: JobQueue, clock: Clock, tmp_path: Path) -> None:
    job = submit(jobs, tmp_path)
    wait(jobs, clock)
    assert job.answer is not None
    assert job.answer["result"].outputs.out == 1
    assert job.answer["traceback"] is None
    assert job.answer["seconds"] >= 0
    jobs.drop(job)
    assert not job.folder.exists()


def test_a_failing_node_answers_with_its_traceback(
    jobs: JobQueue, clock: Clock, tmp_path: Path
) -> None:
    job = submit(jobs, tmp_path, function=fail)
    wait(jobs, clock)
    assert "It is not an image. [scan.nii]" in reason(job)
    assert job.state == "FAILED"  # so that sacct and dependent jobs know


def test_one_look_a_poll(jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path) -> None:
    cluster.ends = {"": "RUNNING"}
    for number in range(5):
        submit(jobs, tmp_path, f"node{number}")
    for _ in range(10):
        clock.now += 1
        jobs.look()
    assert cluster.looks == 2


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("CANCELLED", "was cancelled. Run the same command again"),
        ("TIMEOUT", "reached its time limit. Give jobs more time"),
        ("OUT_OF_MEMORY", "memory (--mem=96M) did not suffice"),
        ("NODE_FAIL", "computer was lost (NODE_FAIL)"),
        ("PREEMPTED", "computer was lost (PREEMPTED)"),
    ],
)
def test_a_job_that_ends_without_an_answer(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path, state: str, said: str
) -> None:
    cluster.ends = {"": state}
    job = submit(jobs, tmp_path)
    wait(jobs, clock)
    assert said in reason(job)
    assert f"job {job.id} of the node one" in reason(job)


def test_the_last_words_of_a_job_are_kept(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    cluster.ends = {"": "FAILED"}
    job = submit(jobs, tmp_path)
    (job.folder / OUTPUT).write_text("\n".join(f"line {i}" for i in range(50)))
    wait(jobs, clock)
    assert job.answer is None  # a network disk may show the answer later
    wait(jobs, clock, GRACE)
    assert job.answer is not None
    tail = job.answer["traceback"][0]
    assert "line 49" in tail
    assert "line 29" not in tail
    jobs.drop(job)
    jobs.close()
    assert (job.folder / OUTPUT).exists()


def test_memory_limits_of_other_kinds_are_understood(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    cluster.ends = {"": "FAILED"}
    job = submit(jobs, tmp_path)
    (job.folder / OUTPUT).write_text("slurmstepd: error: Detected 1 oom-kill event(s)")
    wait(jobs, clock)
    wait(jobs, clock, GRACE)
    assert "did not suffice" in reason(job)


def test_an_answer_that_is_seen_late(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    job = submit(jobs, tmp_path)
    hidden = (job.folder / ANSWER).rename(tmp_path / "hidden")
    wait(jobs, clock)
    wait(jobs, clock, GRACE / 2)
    assert job.answer is None
    hidden.rename(job.folder / ANSWER)
    wait(jobs, clock)
    assert job.answer is not None
    assert job.answer["traceback"] is None


def test_a_result_that_is_seen_late(jobs: JobQueue, clock: Clock, tmp_path: Path) -> None:
    """The answer is there, the result of the node is not yet."""
    job = submit(jobs, tmp_path)
    hidden = (tmp_path / "one" / "result_one.pklz").rename(tmp_path / "hidden")
    wait(jobs, clock)
    assert job.answer is None
    hidden.rename(tmp_path / "one" / "result_one.pklz")
    wait(jobs, clock)
    assert job.answer is not None


def test_a_job_that_slurm_has_forgotten(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    cluster.ends = {"lost": "RUNNING"}
    kept, lost = submit(jobs, tmp_path, "kept"), submit(jobs, tmp_path, "lost")
    cluster.forgets = True
    wait(jobs, clock)
    assert kept.answer is not None
    assert lost.answer is None  # once may be an accident
    wait(jobs, clock)
    wait(jobs, clock, GRACE)
    assert "gone from the queue" in reason(lost)


def test_slurm_out_of_reach_changes_nothing(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path, caplog: Any
) -> None:
    cluster.ends = {"": "RUNNING"}
    job = submit(jobs, tmp_path)
    cluster.out_of_reach = 20
    with caplog.at_level(logging.WARNING):
        for _ in range(21):
            wait(jobs, clock)
    assert job.answer is None
    assert [r.message for r in caplog.records] == [
        "SLURM does not answer, waiting for it: Socket timed out on send/recv operation",
        "SLURM answers again",
    ]
    assert job.id is not None
    cluster.finish(job.id)
    wait(jobs, clock)
    assert job.answer is not None


def test_answers_are_taken_while_slurm_is_out_of_reach(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    job = submit(jobs, tmp_path)
    cluster.out_of_reach = 1
    wait(jobs, clock)
    assert job.answer is not None


def test_patience_ends(jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path) -> None:
    cluster.ends = {"": "RUNNING"}
    job = submit(jobs, tmp_path)
    cluster.out_of_reach = 10**6
    wait(jobs, clock)
    wait(jobs, clock, 599)
    assert job.answer is None
    wait(jobs, clock)
    assert "has not answered for 600 s" in reason(job)


def test_a_submission_that_fails_is_tried_again(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    cluster.refusals = [SlurmUnreachable("timed out"), SlurmUnreachable("timed out")]
    first, second = submit(jobs, tmp_path, "first"), submit(jobs, tmp_path, "second")
    assert first.id is None
    assert second.id is None  # nobody knocks while nobody answers
    for _ in range(4):
        wait(jobs, clock)
    assert {first.id, second.id} == {1, 2}
    wait(jobs, clock)
    assert first.answer is not None
    assert second.answer is not None


def test_a_refused_job_is_one_failed_node(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    cluster.refusals = [refused("invalid partition specified: nosuch")] * queue.TRIES
    job = submit(jobs, tmp_path)
    wait(jobs, clock)
    wait(jobs, clock)
    assert "SLURM refuses the job of the node one: invalid partition" in reason(job)
    assert "--sbatch-args" in reason(job)


def test_a_limit_on_the_queue_passes_by(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    cluster.ends = {"first": "RUNNING"}
    submit(jobs, tmp_path, "first")
    cluster.refusals = [refused("job submit limit", limit=True)] * (queue.TRIES + 2)
    second = submit(jobs, tmp_path, "second")
    for _ in range(60):
        wait(jobs, clock)
    assert second.id == 2


def test_two_jobs_for_one_node_run_it_once(
    jobs: JobQueue,
    cluster: Cluster,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A submission that was taken although it seemed to fail."""
    cluster.ends = {"": "RUNNING"}
    calls: list[int] = []

    def taken_but_lost(script: Path, options: list[str]) -> int:
        calls.append(cluster.submit(script, options))
        if len(calls) == 1:
            raise SlurmUnreachable("Socket timed out on send/recv operation")
        return calls[-1]

    monkeypatch.setattr(commands, "submit", taken_but_lost)
    job = submit(jobs, tmp_path)
    wait(jobs, clock)
    assert job.id == 2
    (job.folder / "claimed_by").write_text("1")  # the first one has started
    assert cluster.run(2, job.folder) == "COMPLETED"
    assert not (job.folder / ANSWER).exists()
    cluster.finish(2, "COMPLETED")
    wait(jobs, clock)
    assert job.id == 1
    assert job.answer is None
    cluster.finish(1)
    wait(jobs, clock)
    assert job.answer is not None
    assert job.answer["traceback"] is None


def test_what_is_left_is_cancelled(
    jobs: JobQueue, cluster: Cluster, clock: Clock, tmp_path: Path
) -> None:
    cluster.ends = {"": "RUNNING"}
    submit(jobs, tmp_path)
    unseen = jobs.folder / "unseen"
    cluster.jobs[77] = JobState(77, "PENDING", unseen)  # taken although it seemed to fail
    cluster.jobs[78] = JobState(78, "RUNNING", tmp_path / "other" / "x")
    jobs.close()
    assert sorted(cluster.cancelled) == [1, 77]


def test_jobs_of_an_earlier_run_are_ended_first(
    jobs: JobQueue, cluster: Cluster, clock: Clock
) -> None:
    cluster.jobs[5] = JobState(5, "RUNNING", jobs.folder / "old")
    (jobs.folder / "old").mkdir(parents=True)
    jobs.clear()
    assert cluster.cancelled == [5]
    assert not jobs.folder.exists()


def test_a_run_does_not_begin_without_slurm(jobs: JobQueue, cluster: Cluster) -> None:
    cluster.out_of_reach = 1
    with pytest.raises(ResourceError, match="SLURM does not answer: Socket timed out"):
        jobs.clear()


def test_a_node_that_cannot_be_handed_over_is_one_failed_node(
    jobs: JobQueue, clock: Clock, tmp_path: Path
) -> None:
    jobs.folder.write_text("a file where the folder should be")
    job = submit(jobs, tmp_path)
    assert job.id is None
    assert "Error" in reason(job)
    jobs.folder.unlink()
    made = node(add, "two", a=1)
    made.base_dir = str(tmp_path)
    made.plugin_args = {"sbatch_args": "--array=1-3"}
    assert "--array" in reason(jobs.add(made))
    well = submit(jobs, tmp_path, "three")
    wait(jobs, clock)
    assert well.answer is not None
    assert well.answer["traceback"] is None
