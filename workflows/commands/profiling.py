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

from spineps_nipype.core.files import make_folder, remove_file, whole_file, write_text

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
        if path.suffix == ".prof":
            with whole_file(path) as temporary:
                profiler.dump_stats(temporary)
        else:
            text = io.StringIO()
            pstats.Stats(profiler, stream=text).sort_stats("cumulative").print_stats()
            write_text(path, text.getvalue())


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
    make_folder(folder)
    for name in (PEAK_FILE, SNAPSHOT_FILE):
        remove_file(folder / name)
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        write_text(folder / PEAK_FILE, f"PEAK; {peak / 1024:.3f}\n")
