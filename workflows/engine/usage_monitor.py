"""Memory and processors of a run over time, as a table and a picture."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

INTERVAL: Final = 1.0
"""Time between two looks [s]."""
COLUMNS: Final = ("seconds", "processes", "cpu_percent", "memory_gb", "largest_process_gb")


@contextmanager
def resource_monitor(folder: Path, interval: float = INTERVAL) -> Iterator[None]:
    """Watch this process and all below it, while a block runs.

    Parameters
    ----------
    folder
        Gets ``resources.tsv`` and ``resources.svg``.
    interval
        Time between two looks [s].

    Notes
    -----
    Memory is the proportional set size where the system tells it, so that what processes share
    counts once; processor time is in percent of one processor.
    """
    table = folder / "resources.tsv"
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(table, stop, interval), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join(10)
        with suppress(OSError, ValueError):
            draw(table, folder / "resources.svg")


def _watch(table: Path, stop: threading.Event, interval: float) -> None:
    import psutil

    me, start = psutil.Process(), time.monotonic()
    spent: dict[int, float] = {}
    before = start
    with suppress(OSError), table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        while True:
            ended = stop.wait(interval)
            sizes, used, now = [], 0.0, time.monotonic()
            for process in [me, *me.children(recursive=True)]:
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    total = times.user + times.system
                    used += max(0.0, total - spent.get(process.pid, total))
                    spent[process.pid] = total
                    sizes.append(_memory(process))
            percent = 100 * used / max(now - before, 1e-6)
            before = now
            row = (sum(sizes), max(sizes, default=0.0))
            writer.writerow(
                [f"{now - start:.1f}", len(sizes), f"{percent:.0f}", *(f"{v:.3f}" for v in row)]
            )
            stream.flush()
            if ended:
                return


def _memory(process: Any) -> float:
    """Memory of a process [GB]."""
    import psutil

    with suppress(psutil.Error, AttributeError):
        return float(process.memory_full_info().pss) / 1e9
    return float(process.memory_info().rss) / 1e9


def read_usage(table: Path) -> list[dict[str, float]]:
    """Lines of the table but for those that a full disk cut short.

    Raises
    ------
    OSError, ValueError
        If it cannot be read.
    """
    with table.open(newline="", encoding="utf-8") as stream:
        try:
            return list(filter(None, map(_numbers, csv.DictReader(stream, delimiter="\t"))))
        except csv.Error as fault:
            raise ValueError(str(fault)) from fault


def _numbers(row: Mapping[str, str | None]) -> dict[str, float]:
    """Numbers of a line of the table; none if one is missing."""
    try:
        return {name: float(row[name] or "") for name in COLUMNS}
    except (KeyError, ValueError):
        return {}


def draw(table: Path, picture: Path) -> None:
    """Draw memory and processors over time."""
    from matplotlib.figure import Figure

    rows = read_usage(table)
    minutes = [row["seconds"] / 60 for row in rows]
    figure = Figure(figsize=(8, 4), layout="constrained")
    memory, cpu = figure.subplots(2, 1, sharex=True)
    memory.plot(minutes, [row["memory_gb"] for row in rows], label="all processes")
    memory.plot(minutes, [row["largest_process_gb"] for row in rows], label="largest process")
    memory.set_ylabel("memory [GB]")
    memory.set_ylim(bottom=0)
    memory.legend(loc="upper left", fontsize="small")
    cpu.plot(minutes, [row["cpu_percent"] / 100 for row in rows])
    cpu.set(xlabel="time [min]", ylabel="processors")
    cpu.set_ylim(bottom=0)
    figure.savefig(picture)
