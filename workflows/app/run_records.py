"""What a run writes down about itself: options, machine, models."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.bids.sidecars import package_versions
from spineps_nipype.core.files import write_text
from spineps_nipype.core.own_files import is_own, own_files
from spineps_nipype.settings import flat_values

from ..engine.run_resources import Machine
from ..options.config_file import config_text
from ..options.run_options import RunOptions
from ..systems.scan_jobs import PlannedScan

logger = logging.getLogger("spineps_nipype.run")

MODELS_NOTE: Final = "MODELS.txt"
"""File beside the snapshots that says which models made them."""


def write_records(
    logs: Path, options: RunOptions, scans: Sequence[PlannedScan], machine: Machine
) -> None:
    """Write down what this run was asked to do, and on what machine."""
    record: dict[str, Any] = {
        "version": __version__,
        "packages": package_versions(),
        "command": sys.argv,
        "options": flat_values(options),
        "device": machine.device,
        "nprocs": machine.nprocs,
        "omp_nthreads": machine.threads,
        "memory_gb": machine.memory_gb,
        "scans": [str(one.scan.path) for one in scans],
    }
    write_text(logs / "run.json", json.dumps(record, indent=2, default=str) + "\n")
    write_text(logs / "config.toml", config_text(options))


def log_models(scans: Sequence[PlannedScan], folder: Path | None) -> None:
    """Say in the log, and in a file of a folder, which models are used."""
    lines: list[str] = []
    notes: set[str] = set()
    for one in scans:
        if one.models is None:
            continue
        names = ", ".join(f"{k} {p.id if p else 'none'}" for k, p in one.models.packages.items())
        lines.append(f"{one.label}: {names}. {' '.join(one.models.notes)}".rstrip())
        notes.update(one.models.notes)
    for note in sorted(notes):
        logger.warning("%s", note)
    for line in lines:
        logger.info("%s", line)
    if lines and folder is not None:
        _note_models(folder / MODELS_NOTE, lines)


def _note_models(path: Path, lines: Sequence[str]) -> None:
    """Add a line a scan to the note; runs for other scans may do so at the same time."""
    root = path.parent.parent
    with own_files(root) as own:
        there = path.is_file() and is_own(root, path)
        known = path.read_text(encoding="utf-8").splitlines() if there else []
        merged = {line.partition(": ")[0]: line for line in (*known, *lines)}
        own.write(path, "\n".join(merged[scan] for scan in sorted(merged)) + "\n")
