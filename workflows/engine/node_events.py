"""Events of the nodes of a run, and the base of the plugins that report them."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exception
from typing import Any, Literal

# nipype asks a server for its newest version unless this is set before it is imported.
os.environ["NO_ET"] = os.environ["NIPYPE_NO_ET"] = "1"

from nipype.pipeline.plugins.base import DistributedPluginBase
from nipype.pipeline.plugins.tools import report_crash

from .faults import Fault, failed_answer, fault_of_node, note_faults
from .node_results import is_current, seal

logger = logging.getLogger("spineps_nipype.engine")

EventKind = Literal["queued", "start", "done", "cached", "failed"]


@dataclass(frozen=True)
class NodeEvent:
    """Something that happened to a node.

    Parameters
    ----------
    node
        Full name: workflows and node, with dots between.
    kind
        ``queued`` (waits for a cluster), ``start``, ``done``, ``cached`` (remembered from an
        earlier run) or ``failed``.
    seconds, peak_gb
        Time and largest memory of its process, where known.
    text
        Traceback of a failure.
    crash_file
        File that holds it.
    pid
        Process that runs the node, where it has one of its own.
    job
        Job of a cluster that runs it.
    fault
        Cause of a failure.
    """

    node: str
    kind: EventKind
    seconds: float = 0.0
    peak_gb: float | None = None
    text: str = ""
    crash_file: str = ""
    pid: int | None = None
    job: int | None = None
    fault: Fault | None = None


Observer = Callable[[NodeEvent], None]


class ObservedPlugin(DistributedPluginBase):
    """Base of plugins that report each node and trust a remembered result only with its files.

    Further `plugin_args`: ``observe``, called with every `NodeEvent`, and ``tick``, called often.
    """

    def __init__(self, plugin_args: dict[str, Any] | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self._observe: Observer = self.plugin_args.get("observe") or ignore_event
        self._tick: Callable[[], None] = self.plugin_args.get("tick") or _do_nothing
        self._started: dict[str, float] = {}
        self._peaks: dict[str, float | None] = {}
        self._times: dict[str, float] = {}
        self._failed: set[str] = set()
        self._noted: dict[str, list[Fault]] = {}

    def _local_hash_check(self, jobid: int, graph: Any) -> bool:
        node = self.procs[jobid]
        self._started[node.fullname] = time.monotonic()
        try:
            is_current(node)
        except Exception as raised:
            answer = failed_answer(raised)
            self._run_errors.append("".join(answer["traceback"]))
            self._clean_queue(jobid, graph, result=answer)
            return True
        done = bool(super()._local_hash_check(jobid, graph))
        if not done and node.run_without_submitting:  # Nipype runs it in this process
            self._noted[node.fullname] = note_faults(node.interface)
            self._observe(NodeEvent(node.fullname, "start"))
        return done

    def _task_finished_cb(self, jobid: int, cached: bool = False) -> None:
        super()._task_finished_cb(jobid, cached=cached)
        node = self.procs[jobid]
        name = node.fullname
        if not cached and node.run_without_submitting and name not in self._failed:
            seal(node)  # one with a process of its own does so there
        if name not in self._failed:  # nipype also calls this for nodes that failed here
            kind: EventKind = "cached" if cached else "done"
            self._observe(NodeEvent(name, kind, self._seconds(name), self._peaks.get(name)))

    def _report_crash(self, node: Any, result: dict[str, Any] | None = None) -> str:
        name = node.fullname
        self._failed.add(name)
        answer, raised = result or {}, sys.exc_info()[1]
        lines = answer.get("traceback") or format_exception(raised)
        lines = [lines] if isinstance(lines, str) else list(lines)
        noted, text = self._noted.get(name, []), "".join(lines)
        fault = answer.get("fault") or fault_of_node(raised, noted, text)
        node._result = answer.get("result")
        node._traceback = lines
        crash_file = write_crash_file(node, lines)
        event = NodeEvent(
            name,
            "failed",
            self._seconds(name),
            self._peaks.get(name),
            text,
            crash_file,
            fault=fault,
        )
        self._observe(event)
        return crash_file

    def _postrun_check(self) -> None:
        """Nodes that failed in this process are errors of the run too; nipype forgets them."""
        if self._failed and not self._run_errors:
            self._run_errors.append(f"nodes failed: {', '.join(sorted(self._failed))}")

    def _seconds(self, name: str) -> float:
        """Time that the node says it took; else the time since its turn came."""
        since = self._started.get(name, time.monotonic())
        return self._times.get(name) or round(time.monotonic() - since, 2)


def ignore_event(event: NodeEvent) -> None:
    """Observe nothing."""


def _do_nothing() -> None:
    """Refresh nothing."""


def write_crash_file(node: Any, lines: list[str]) -> str:
    """Crash file of a node, named after scan and node; empty if it cannot be written."""
    try:
        written = Path(report_crash(node, traceback=list(lines)))
        named = written.with_name(f"crash-{node.fullname.partition('.')[2]}{written.suffix}")
        written.replace(named)
    except Exception as fault:  # a full disk must not end the other scans
        logger.error("no crash file for %s could be written: %s", node.fullname, fault)
        return ""
    return str(named)
