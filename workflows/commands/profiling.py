"""Time and memory of a command, as the Spinal Cord Toolbox 7.0 writes them."""

from __future__ import annotations

import cProfile
import io
import pstats
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TIME_FILE: Final = "time_profiling_results.txt"
PEAK_FILE: Final = "peak_memory.txt"
SNAPSHOT_FILE: Final = "memory_snapshots.txt"


def profile_path(stated: str | Path) -> Path:
    """File of the time profile: the stated one, or the usual name inside a stated folder."""
    path = Path(stated)
    return path / TIME_FILE if path.is_dir() else path


@contextmanager
def time_profile(stated: str | Path | None) -> Iterator[None]:
    """Profile what runs inside; None does nothing.

    Parameters
    ----------
    stated
        File or folder; a name that ends with ``.prof`` takes binary statistics, any other a
        table sorted by cumulative time.
    """
    if stated is None:
        yield
        return
    path = profile_path(stated)
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        yield
    finally:
        profiler.disable()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".prof":
            profiler.dump_stats(path)
        else:
            text = io.StringIO()
            pstats.Stats(profiler, stream=text).sort_stats("cumulative").print_stats()
            path.write_text(text.getvalue(), encoding="utf-8")


@contextmanager
def memory_trace(folder: str | Path | None) -> Iterator[None]:
    """Write the peak of the memory that Python handed out inside; None does nothing.

    Parameters
    ----------
    folder
        Gets ``peak_memory.txt``; files of an earlier trace are removed.
    """
    if folder is None:
        yield
        return
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (PEAK_FILE, SNAPSHOT_FILE):
        (folder / name).unlink(missing_ok=True)
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        (folder / PEAK_FILE).write_text(f"PEAK; {peak / 1024:.3f}\n", encoding="utf-8")
