"""Plugins that run a graph, in which a node that fails or is killed never makes the run hang.

Unlike those of Nipype, they report what happens to each node, finish the scans one after another
instead of all at once, and trust a remembered result only if its files are there.
"""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing import connection
from pathlib import Path
from traceback import format_exception
from typing import Any, Final

import numpy as np
from nipype.pipeline.engine import MapNode
from nipype.pipeline.plugins.base import PluginBase, report_nodes_not_run, str2bool
from nipype.pipeline.plugins.multiproc import MultiProcPlugin
from numpy.typing import NDArray

from spineps_nipype.core.files import writing_roots

from .dependencies import Dependencies, NothingToRemove
from .faults import fault_of_node, note_faults
from .node_events import (
    EventKind,
    NodeEvent,
    ObservedPlugin,
    Observer,
    ignore_event,
    write_crash_file,
)
from .node_process import (
    NodeProcess,
    WorkerSetup,
    peak_memory_gb,
    reset_peak_memory,
    start_server,
)
from .node_results import is_remembered, seal

logger = logging.getLogger("spineps_nipype.engine")

EXECUTION: Final = {
    "check_version": "false",
    "crashfile_format": "txt",
    "create_report": "false",
    "hash_method": "content",
    "job_finished_timeout": "60",
    "poll_sleep_duration": "0.1",
    "remove_unnecessary_outputs": "false",
    "stop_on_first_crash": "false",
    "use_relative_paths": "true",
}
"""Options of nipype that a run depends on."""
LOOK_AGAIN: Final = 0.2
"""Time after which the state of a run is shown again although no node has ended [s]."""
SETTLED_NODES: Final = 64
"""Nodes that end before what is in memory is left out of the collections of garbage once more."""
MOST_READY: Final = 256
"""Nodes that are looked at for what can start now: those of the next scans, not of all."""


def make_plugin(
    name: str,
    *,
    nprocs: int,
    memory_gb: float,
    gpus: int = 0,
    observe: Observer | None = None,
    tick: Callable[[], None] | None = None,
    worker_log: Path | None = None,
    log_level: int = logging.WARNING,
    plugin_args: Mapping[str, Any] | None = None,
) -> PluginBase:
    """Plugin by its name on the command line: MultiProc, Linear, SLURM or SLURMGraph.

    Parameters
    ----------
    nprocs, memory_gb, gpus
        Processors, memory and GPUs that all nodes together may use; jobs of SLURM may use what
        each of them asks for.
    observe
        Called with every `NodeEvent`, in the process of the run.
    tick
        Called often while nodes run in other processes.
    worker_log, log_level
        Where processes write what they print, and the level of their loggers.
    plugin_args
        Further options of the plugin; they go before the others.
    """
    watch = {"observe": observe, "tick": tick, "log_level": log_level, **(plugin_args or {})}
    if name == "Linear":
        return RobustLinearPlugin(watch)
    if name in ("SLURM", "SLURMGraph"):
        from .slurm.plugins import RobustSLURMGraphPlugin, RobustSLURMPlugin

        return (RobustSLURMPlugin if name == "SLURM" else RobustSLURMGraphPlugin)(watch)
    return RobustMultiProcPlugin(
        {
            "n_procs": nprocs,
            "memory_gb": memory_gb,
            "n_gpu_procs": gpus,
            "raise_insufficient": False,
            "worker_log": None if worker_log is None else str(worker_log),
            **watch,
        }
    )


class RobustMultiProcPlugin(ObservedPlugin, MultiProcPlugin):
    """MultiProc with one process a node.

    Further `plugin_args`: ``observe``, ``worker_log``, ``log_level``, and ``mp_context`` (default
    forkserver, which neither inherits threads nor a used GPU).
    """

    pool: Any
    _taskid: int

    def __init__(self, plugin_args: dict[str, Any] | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self.pool.shutdown(wait=False)  # it has started no process yet
        self.pool = None
        args = self.plugin_args
        self._context = start_server(method=args.get("mp_context") or "forkserver")
        self._setup = WorkerSetup(
            self._cwd,
            args.get("worker_log"),
            args.get("log_level", logging.WARNING),
            writing_roots(),
        )
        self._tasks: dict[int, NodeProcess] = {}
        self._ended = 0
        self._places: NDArray[np.intp] | None = None

    def run(self, graph: Any, config: Any, updatehash: bool = False) -> None:
        """Run a graph; RuntimeError at the end if nodes failed."""
        # nipype collects garbage at every look: what is there already is left out of that.
        gc.collect()
        gc.freeze()
        if self.max_jobs == float("inf"):  # else nipype does not call what waits here
            config = {**config, "execution": {**config["execution"], "poll_sleep_duration": 0}}
        try:
            super().run(graph, config, updatehash=updatehash)
        finally:
            gc.unfreeze()
            for task in list(self._tasks.values()):
                task.stop()
            self._tasks.clear()

    def _generate_dependency_list(self, graph: Any) -> None:
        super()._generate_dependency_list(graph)
        removes = str2bool(self._config["execution"].get("remove_node_directories", "false"))
        if removes or any(isinstance(node, MapNode) for node in self.procs):
            return  # they change the matrices in further ways
        self.depidx, self.refidx = Dependencies(graph, self.procs), NothingToRemove()
        self._places = np.empty(len(self.procs), dtype=np.intp)
        self._places[self._scan_by_scan(range(len(self.procs)))] = np.arange(len(self.procs))

    def _send_procs_to_workers(self, updatehash: bool = False, graph: Any = None) -> None:
        """Start what can start, then wait until a process ends."""
        before = self._ended
        super()._send_procs_to_workers(updatehash=updatehash, graph=graph)
        if before == self._ended:  # nothing ended meanwhile that others wait for
            self._wait()

    def _wait(self) -> None:
        handles = [handle for task in self._tasks.values() for handle in task.handles]
        if handles:
            connection.wait(handles, timeout=LOOK_AGAIN)
        elif not self.proc_done.all():
            time.sleep(LOOK_AGAIN)

    def _task_finished_cb(self, jobid: int, cached: bool = False) -> None:
        self._ended += 1
        super()._task_finished_cb(jobid, cached=cached)
        if self._ended % SETTLED_NODES == 0:
            # nipype collects after every node; results of a thousand scans would slow that down.
            gc.collect()
            gc.freeze()

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        if getattr(node.interface, "terminal_output", "") == "stream":
            node.interface.terminal_output = "allatonce"
        task = NodeProcess(self._context, node, updatehash, self._setup)
        self._tasks[self._taskid] = task
        self._observe(NodeEvent(node.fullname, "start", pid=task.pid))
        return self._taskid

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        self._tick()
        task = self._tasks[taskid]
        answer = task.result()
        if answer is not None:
            self._peaks[task.name] = answer["peak_gb"]
        return answer

    def _clear_task(self, taskid: int) -> None:
        del self._tasks[taskid]

    def _sort_jobs(self, jobids: Any, scheduler: str | None = None) -> Any:  # noqa: ARG002
        """First the nodes of the scan that comes first, so that scans finish one by one."""
        if self._places is None:
            return self._scan_by_scan(jobids)
        return jobids[np.argsort(self._places[jobids])][:MOST_READY]

    def _scan_by_scan(self, jobs: Iterable[int]) -> list[int]:
        return sorted(jobs, key=lambda job: (self.procs[job].fullname.split(".")[:2], job))


class RobustLinearPlugin(PluginBase):
    """One node after another in this process, scan by scan."""

    def __init__(self, plugin_args: dict[str, Any] | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self._observe: Observer = self.plugin_args.get("observe") or ignore_event

    def run(self, graph: Any, config: Any, updatehash: bool = False) -> None:
        """Run a graph; RuntimeError at the end if nodes failed."""
        folder = os.getcwd()
        stop = str2bool(config["execution"]["stop_on_first_crash"])
        blocked: set[Any] = set()
        not_run, texts = [], []
        try:
            for node in _scan_by_scan(graph):
                if node in blocked:
                    continue
                text, crash_file = self._run_node(node, updatehash)
                if text:
                    texts.append(text)
                    dependents = _descendants(graph, node)
                    blocked |= set(dependents)
                    not_run.append(
                        {"node": node, "dependents": dependents, "crashfile": crash_file}
                    )
                    if stop:
                        break
        finally:
            os.chdir(folder)
        report_nodes_not_run(not_run)
        if texts:
            raise RuntimeError(texts[0])

    def _run_node(self, node: Any, updatehash: bool) -> tuple[str, str]:
        """Traceback and crash file of a node; empty if it went well."""
        name, start = node.fullname, time.monotonic()
        noted = note_faults(node.interface)
        try:
            remembered = is_remembered(node)
            if not remembered:
                self._observe(NodeEvent(name, "start"))
            reset_peak_memory()
            node.run(updatehash=updatehash)
            if not remembered:
                seal(node)
        except Exception as raised:
            lines = format_exception(raised)
            crash_file = write_crash_file(node, lines)
            text, fault = "".join(lines), fault_of_node(raised, noted)
            seconds = round(time.monotonic() - start, 2)
            self._observe(
                NodeEvent(name, "failed", seconds, peak_memory_gb(), text, crash_file, fault=fault)
            )
            return text, crash_file
        seconds = round(time.monotonic() - start, 2)
        kind: EventKind = "cached" if remembered else "done"
        self._observe(NodeEvent(name, kind, seconds, None if remembered else peak_memory_gb()))
        return "", ""


def _scan_by_scan(graph: Any) -> Iterator[Any]:
    """Nodes in an order in which each follows what it depends on, one scan after another."""
    import networkx as nx

    place = {node: i for i, node in enumerate(nx.topological_sort(graph))}
    yield from nx.lexicographical_topological_sort(
        graph, key=lambda node: (node.fullname.split(".")[:2], place[node])
    )


def _descendants(graph: Any, node: Any) -> list[Any]:
    import networkx as nx

    return [node, *nx.descendants(graph, node)]
