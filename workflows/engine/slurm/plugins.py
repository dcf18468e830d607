"""Two plugins that run nodes as jobs of SLURM.

Other than those of nipype they survive jobs that are killed, cancelled, refused or lost, and a
SLURM that does not answer for a while; and they never take the result of another run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from nipype.pipeline.engine import MapNode
from nipype.pipeline.plugins.base import topological_sort

from ..node_events import NodeEvent, ObservedPlugin
from ..node_results import is_remembered
from .commands import check_programs
from .job import Job
from .options import SlurmOptions
from .queue import JobQueue

JOBS_FOLDER: Final = "slurm_jobs"
"""Folder of the jobs in the folder of the workflow."""

LONGEST_SLEEP: Final = 1.0
"""The graph is looked at no less often [s]; SLURM is asked every `poll` seconds."""


class RobustSLURMPlugin(ObservedPlugin):
    """One job a node, submitted when the nodes before it are done.

    Its `plugin_args` are those of `SlurmOptions`, ``max_jobs`` (jobs at the same time) and
    ``log_level``.
    """

    def __init__(self, plugin_args: dict[str, Any] | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self._options = SlurmOptions.from_plugin_args(self.plugin_args)
        self._tasks: dict[int, Job] = {}
        self._announced: set[int] = set()
        self._taskid = 0

    def run(self, graph: Any, config: Any, updatehash: bool = False) -> None:
        """Run a graph; RuntimeError at the end if nodes failed, after which no job is left.

        Raises
        ------
        ResourceError
            If SLURM is not there, or an earlier run cannot be ended.
        """
        check_programs()
        first = next(iter(graph.nodes()), None)
        if first is None:
            return
        self._queue = JobQueue(
            Path(first.base_dir, first.fullname.split(".")[0], JOBS_FOLDER),
            self._options,
            grace=float(config["execution"]["job_finished_timeout"]),
            log_level=self.plugin_args.get("log_level", logging.WARNING),
        )
        self._queue.clear()
        execution = dict(config["execution"])
        pace = max(float(execution["poll_sleep_duration"]), min(self._options.poll, LONGEST_SLEEP))
        execution["poll_sleep_duration"] = str(pace)
        try:
            super().run(graph, {**config, "execution": execution}, updatehash=updatehash)
        finally:
            self._queue.close()

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        return self._follow(self._hand_over(node, updatehash))

    def _hand_over(self, node: Any, updatehash: bool, after: Sequence[int] = ()) -> Job:
        """Submit a node, and say so."""
        if getattr(node.interface, "terminal_output", "") == "stream":
            node.interface.terminal_output = "allatonce"
        if isinstance(node, MapNode):
            node.use_plugin = None  # nobody reads it, and it holds what no job can load
        job = self._queue.add(node, updatehash, after)
        self._observe(NodeEvent(node.fullname, "queued", job=job.id))
        return job

    def _follow(self, job: Job) -> int:
        self._taskid += 1
        self._tasks[self._taskid] = job
        return self._taskid

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        self._tick()
        self._queue.look()
        job = self._tasks[taskid]
        if job.started and taskid not in self._announced:
            self._announced.add(taskid)
            self._observe(NodeEvent(job.node, "start", job=job.id))
        answer = job.answer
        if answer is not None:
            self._peaks[job.node] = answer["peak_gb"]
            self._times[job.node] = answer.get("seconds", 0.0)
        return answer

    def _clear_task(self, taskid: int) -> None:
        self._queue.drop(self._tasks.pop(taskid))


class RobustSLURMGraphPlugin(RobustSLURMPlugin):
    """The whole graph at once: SLURM starts each job when those before it have succeeded.

    Nodes that are remembered are not submitted. What cannot be handed over at the start (nodes
    that run in this process or are expanded later, what comes after them, and what SLURM does not
    take) is submitted when its turn comes.
    """

    def run(self, graph: Any, config: Any, updatehash: bool = False) -> None:
        """Run a graph, as `RobustSLURMPlugin` does."""
        self._updatehash = updatehash  # nipype keeps it from what comes before the first node
        super().run(graph, config, updatehash=updatehash)

    def _prerun_check(self, graph: Any) -> None:
        super()._prerun_check(graph)
        self._ahead: dict[str, Job] = {}
        done: set[Any] = set()
        for node in topological_sort(graph)[0]:
            before = [other for other in graph.predecessors(node) if other not in done]
            if not before and _remembered(node):
                done.add(node)
                continue
            jobs = [self._ahead.get(other.output_dir()) for other in before]
            here = node.run_without_submitting or isinstance(node, MapNode)
            if here or not all(jobs):
                continue
            after = [job.id for job in jobs if job is not None and job.id is not None]
            job = self._hand_over(node, self._updatehash, after)
            if job.id is None:
                self._queue.drop(job)
            else:
                self._ahead[node.output_dir()] = job

    def _local_hash_check(self, jobid: int, graph: Any) -> bool:
        if self.procs[jobid].output_dir() in self._ahead:
            return False
        return super()._local_hash_check(jobid, graph)

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        job = self._ahead.pop(node.output_dir(), None)
        return super()._submit_job(node, updatehash) if job is None else self._follow(job)

    def _remove_node_deps(self, jobid: int, crashfile: str, graph: Any) -> dict[str, Any]:
        removed: dict[str, Any] = super()._remove_node_deps(jobid, crashfile, graph)
        places = [node.output_dir() for node in removed["dependents"]]
        self._queue.cancel(self._ahead.pop(place) for place in places if place in self._ahead)
        return removed


def _remembered(node: Any) -> bool:
    try:
        return is_remembered(node)
    except Exception:  # the run itself will say what is wrong
        return False
