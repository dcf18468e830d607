"""Progress of a run: a line for people, a file of events for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Self, TextIO

from spineps_nipype.core.files import append_text

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


class Tally(NamedTuple):
    """What one scan adds to the state of the run, or all scans together.

    Parameters
    ----------
    credited
        Weight that counts as done: all of a scan that has ended.
    computed, seconds
        Weight of the nodes that are done, and how long they took [s].
    finished, failed, busy
        Number of scans that have ended, that failed, and that have nodes at work.
    queued
        Number of jobs that wait for a cluster.
    """

    credited: float = 0.0
    computed: float = 0.0
    seconds: float = 0.0
    finished: int = 0
    failed: int = 0
    busy: int = 0
    queued: int = 0

    def changed(self, before: Self, after: Self) -> Self:
        """Sum in which the share of one scan is another one now."""
        sums = (s - b + a for s, b, a in zip(self, before, after, strict=True))
        credited, computed, seconds, *counts = sums
        return type(self)(credited, computed, seconds, *map(int, counts))


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

    @property
    def tally(self) -> Tally:
        """What the scan adds to the state of the run."""
        computed = sum(self.weights.get(node, 0.0) for node in self.done)
        return Tally(
            sum(self.weights.values()) if self.finished else computed,
            computed,
            self.seconds,
            int(self.finished),
            int(self.failure is not None),
            int(bool(self.running) and not self.finished),
            len(self.queued),
        )


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
        # Thousands of scans have tens of thousands of events: each may look at its own scan and
        # at those at work, but not at all.
        self._weight = sum(weight for s in self.scans.values() for weight in s.weights.values())
        self._tallies = {name: scan.tally for name, scan in self.scans.items()}
        self._sum = Tally(*map(sum, zip(Tally(), *self._tallies.values(), strict=True)))
        self._active: dict[str, ScanProgress] = {}

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
        self._count(parts[1])
        self._record(event, scan, node)
        self._show(event, scan, node)

    def _count(self, name: str) -> None:
        """Bring the state of the run up to date with that of a scan."""
        scan, before = self.scans[name], self._tallies[name]
        self._tallies[name] = scan.tally
        self._sum = self._sum.changed(before, self._tallies[name])
        if scan.running:
            self._active[name] = scan
        else:
            self._active.pop(name, None)

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
        for name, scan in self.scans.items():
            if scan.failure is None:
                scan.done.update(scan.weights)
                self._count(name)

    def end(self) -> None:
        """Remove the line from the terminal."""
        self._line.end()

    @property
    def counts(self) -> tuple[int, int, int]:
        """Scans that are done, running and failed."""
        state = self._sum
        return state.finished - state.failed, state.busy, state.failed

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
        if not self._weight or self._sum.finished == len(self.scans):
            return 1.0
        now, rate, done = time.monotonic(), self._rate(), self._sum.credited
        for scan in self._active.values():
            if scan.finished:
                continue
            for node, since in scan.running.items():
                expected = scan.weights.get(node, 0.0)
                done += min((now - since) * rate, ALMOST * expected)
        return done / self._weight

    def _rate(self) -> float:
        """Weight done each second by one process, as far as nodes have shown."""
        weight, seconds = self._sum.computed, self._sum.seconds
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
            "seconds_left": None if (left := self.seconds_left) is None else round(left),
        }
        if event.pid is not None:
            entry["pid"] = event.pid
        if event.job is not None:
            entry["job"] = event.job
        if event.kind == "failed" and scan.failure is not None:
            entry["reason"] = scan.failure.reason
        if scan.finished:
            entry["ended"] = "done" if scan.failure is None else "failed"
        with suppress(OSError):
            append_text(self._file, json.dumps(entry) + "\n")

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
        waiting = self._sum.queued
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
            for scan in self._active.values()
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
