"""The table of a speed comparison."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.timing.phases import REFERENCE, Row

LIBRARIES: Final = ("torch", "openvino", "nnunetv2", "numpy", "spineps-nipype")
"""Whose versions stand above the table."""


def line(row: Row, rows: Sequence[Row]) -> str:
    """Row of the table.

    Parameters
    ----------
    rows
        All rows so far; CPU seconds are compared with those of SPINEPS among them.
    """
    if row.fault:
        return f"| {row.case} | {row.phase} | {row.program} | failed: {row.fault} | | | | |"
    base = next(
        (r for r in rows if (r.case, r.phase, r.program) == (row.case, row.phase, REFERENCE)), None
    )
    ratio = f"{base.cpu / row.cpu:.2f} ×" if base and base.cpu and row.cpu else ""
    same = "" if row.agreement is None else f"{row.agreement:.6f}"
    return (
        f"| {row.case} | {row.phase} | {row.program} | {row.cpu:.2f} | {row.wall:.1f} | {ratio} "
        f"| {row.peak_gb:.2f} | {same} |"
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown table of all rows, with the machine and versions above it."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    head = (
        f"{date.today()}, {_processor()}, {os.cpu_count()} processors, load "
        f"{os.getloadavg()[0]:.0f} at the end; Python {platform.python_version()}, {versions}.\n\n"
        "| case | phase | program | CPU s | wall s | SPINEPS CPU / CPU | peak GB | same labels |"
        "\n|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(line(row, rows) for row in rows) + "\n"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")
