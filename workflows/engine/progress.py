"""Progress of a run: a line for people, a file of events for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from .failures import Failure, describe_failure
from .faults import fault_in_text
from .node_events import NodeEvent
from .phase_names import PHASE_NAMES, weight
from .status_line import StatusLine

MIN_ELAPSED: Final = 5.0
"""Remaining time is guessed only after this [s]."""
LEAST_FRACTION: Final = 0.02
"""... and only when this share of the work is done."""
ALMOST: Final = 0.95
"""A running node counts as at most this much done."""


@dataclass
class ScanProgress:
    """What happened to a scan so far."""

    label: str
    weights: dict[str, float]
    done: set[str] = field(default_factory=set)
    queued: set[str] = field(default_factory=set)
    running: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    peak_gb: float = 0.0
    failure: Failure | None = None

    @property
    def finished(self) -> bool:
        """Whether no node is left, or one has failed."""
        return self.failure is not None or len(self.done) >= len(self.weights)


class Progress:
    """Observer of a run.

    Parameters
    ----------
    scans
        For each workflow of a scan its label and the full names of its nodes.
    events_file
        JSON lines, one for each event; None for none.
    stream
        Where the line goes.
    tracebacks
        Whether failures are shown with their tracebacks.
    """

    def __init__(
        self,
        scans: Mapping[str, tuple[str, Iterable[str]]],
        events_file: Path | None,
        stream: TextIO | None = None,
        tracebacks: bool = False,
    ) -> None:
        self.scans = {
            name: ScanProgress(label, {node: weight(node) for node in nodes})
            for name, (label, nodes) in scans.items()
        }
        self._file, self._tracebacks = events_file, tracebacks
        self._line = StatusLine(stream or sys.stderr)
        self._start = time.monotonic()
        self._ended: set[str] = set()

    def __call__(self, event: NodeEvent) -> None:
        """Take note of an event."""
        parts = event.node.split(".")
        scan = self.scans.get(parts[1]) if len(parts) > 2 else None
        if scan is None:
            return
        node = parts[-1]
        scan.queued.discard(event.node)
        if event.kind == "queued":
            scan.queued.add(event.node)
        elif event.kind == "start":
            scan.running[event.node] = time.monotonic()
        else:
            scan.running.pop(event.node, None)
            scan.done.add(event.node)
            if event.kind != "cached":
                scan.seconds += event.seconds
            scan.peak_gb = max(scan.peak_gb, event.peak_gb or 0.0)
        if event.kind == "failed":
            self._note_failure(event, scan)
        self._record(event, scan, node)
        self._show(event, scan, node)

    def _note_failure(self, event: NodeEvent, scan: ScanProgress) -> None:
        fault = event.fault or fault_in_text(event.text)
        if fault.name == KeyboardInterrupt.__name__:
            raise KeyboardInterrupt  # stopped while it ran in this process: no fault of the node
        if scan.failure is None:
            where = event.node.partition(".")[2]
            scan.failure = describe_failure(fault, where, event.crash_file)

    def tick(self) -> None:
        """Refresh the line on a terminal; called often."""
        if self._line.is_due:
            self._refresh()

    def assume_finished(self) -> None:
        """Count all nodes as done, for a plugin that tells nothing of them."""
        for scan in self.scans.values():
            if scan.failure is None:
                scan.done.update(scan.weights)

    def end(self) -> None:
        """Remove the line from the terminal."""
        self._line.end()

    @property
    def counts(self) -> tuple[int, int, int]:
        """Scans that are done, running and failed."""
        scans = self.scans.values()
        failed = sum(scan.failure is not None for scan in scans)
        done = sum(scan.finished for scan in scans) - failed
        return done, sum(bool(s.running) and not s.finished for s in scans), failed

    @property
    def seconds_left(self) -> float | None:
        """Guess of the remaining time [s], None before there is one."""
        elapsed, fraction = time.monotonic() - self._start, self.fraction
        if elapsed <= MIN_ELAPSED or fraction <= LEAST_FRACTION:
            return None
        return elapsed * (1 - fraction) / fraction

    @property
    def fraction(self) -> float:
        """Share of the work that is done, from 0 to 1."""
        total = done = 0.0
        now = time.monotonic()
        for scan in self.scans.values():
            weight = sum(scan.weights.values())
            total += weight
            if scan.finished:
                done += weight
                continue
            done += sum(scan.weights.get(node, 0.0) for node in scan.done)
            rate = self._rate()
            for node, since in scan.running.items():
                expected = scan.weights.get(node, 0.0)
                done += min((now - since) * rate, ALMOST * expected)
        return done / total if total else 1.0

    def _rate(self) -> float:
        """Weight done each second by one process, as far as nodes have shown."""
        weight = sum(s.weights.get(n, 0.0) for s in self.scans.values() for n in s.done)
        seconds = sum(s.seconds for s in self.scans.values())
        return weight / seconds if weight > 1 and seconds > 1 else 1.0

    def _record(self, event: NodeEvent, scan: ScanProgress, node: str) -> None:
        if self._file is None:
            return
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "scan": scan.label,
            "node": node,
            "event": event.kind,
            "seconds": event.seconds,
            "peak_gb": event.peak_gb,
            "progress": round(self.fraction, 4),
            **dict(zip(("scans_done", "scans_running", "scans_failed"), self.counts, strict=True)),
            "scans": len(self.scans),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left),
        }
        if event.pid is not None:
            entry["pid"] = event.pid
        if event.job is not None:
            entry["job"] = event.job
        if event.kind == "failed" and scan.failure is not None:
            entry["reason"] = scan.failure.reason
        if scan.finished:
            entry["ended"] = "done" if scan.failure is None else "failed"
        with suppress(OSError), self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def _show(self, event: NodeEvent, scan: ScanProgress, node: str) -> None:
        if event.kind == "failed":
            reason = scan.failure.reason if scan.failure else ""
            self._say(f"{scan.label}: failed: {reason}")
            if self._just_ended(scan):
                self._say(self._summary())
            if self._tracebacks:
                self._line.say(event.text.rstrip())
        elif event.kind == "done" and node in PHASE_NAMES and not self._line.moves:
            memory = f", {event.peak_gb:.1f} GB" if event.peak_gb else ""
            words = f"{scan.label}: {PHASE_NAMES[node]} ({event.seconds:.0f} s{memory})"
            self._say(words + self._left())
        elif event.kind == "done" and self._just_ended(scan) and not self._line.moves:
            self._say(self._summary())
        if self._line.moves:
            self._refresh()

    def _just_ended(self, scan: ScanProgress) -> bool:
        """Whether a scan has ended, for the first time it is asked."""
        if not scan.finished or scan.label in self._ended or len(self.scans) < 2:
            return False
        self._ended.add(scan.label)
        return True

    def _summary(self) -> str:
        done, running, failed = self.counts
        words = f"{done} of {len(self.scans)} scans done, {running} running, {failed} failed"
        waiting = sum(len(scan.queued) for scan in self.scans.values())
        words += f", {waiting} jobs in the queue" if waiting else ""
        return words + self._left()

    def _left(self) -> str:
        """Addition to a line: the remaining time, if there is a guess of it and a need."""
        left = self.seconds_left
        return "" if left is None or self.fraction == 1 else f", about {_clock(left)} left"

    def _say(self, text: str) -> None:
        """A line that stays."""
        self._line.say(f"[{self.fraction:4.0%}] {text}")

    def _refresh(self) -> None:
        active = [
            f"{scan.label}: {PHASE_NAMES[node.rpartition('.')[2]]}"
            for scan in self.scans.values()
            for node in scan.running
            if node.rpartition(".")[2] in PHASE_NAMES
        ]
        elapsed = _clock(time.monotonic() - self._start)
        more = [f"and {len(active) - 2} more"] if len(active) > 2 else []
        text = " | ".join([self._summary(), *active[:2], *more, elapsed])
        self._line.show(self.fraction, text)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
