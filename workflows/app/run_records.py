"""What a run writes down about itself: options, machine, models, methods."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.bids.sidecars import package_versions
from spineps_nipype.core.files import whole_file
from spineps_nipype.reports.boilerplate import Methods, bibliography, methods_text

from ..engine.run_guards import make_folder
from ..engine.run_resources import Machine
from ..options.config_file import config_text
from ..options.run_options import RunOptions
from ..systems.model_choice import KINDS
from ..systems.scan_jobs import Unit

logger = logging.getLogger("spineps_nipype.run")

MODELS_NOTE: Final = "MODELS.txt"
"""File beside the snapshots that says which models made them."""


def write_records(
    logs: Path, options: RunOptions, units: Sequence[Unit], machine: Machine
) -> None:
    """Write down what this run was asked to do, and on what machine."""
    record: dict[str, Any] = {
        "version": __version__,
        "packages": package_versions(),
        "command": sys.argv,
        "options": asdict(options),
        "device": machine.device,
        "nprocs": machine.nprocs,
        "omp_nthreads": machine.threads,
        "memory_gb": machine.memory_gb,
        "scans": [str(unit.scan.path) for unit in units],
    }
    _write(logs / "run.json", json.dumps(record, indent=2, default=str) + "\n")
    _write(logs / "config.toml", config_text(options))


def write_methods(folder: Path, options: RunOptions, units: Sequence[Unit]) -> Path:
    """Write the text for a methods section and its references; returns the text."""
    path = folder / "CITATION.md"
    _write(path, methods_text(methods_of(options, units)))
    _write(folder / "CITATION.bib", bibliography())
    return path


def methods_of(options: RunOptions, units: Sequence[Unit]) -> Methods:
    """What the scans of a run were, or would be, made with; scans that cannot run do not count."""
    used = [unit for unit in units if unit.models is not None and unit.fault is None]
    models: dict[str, list[str]] = {kind: [] for kind in KINDS}
    scans: dict[str, int] = {}
    ct = 0
    for unit in used:
        assert unit.models is not None
        for kind, package in unit.models.packages.items():
            name = package.id if package else "none"
            if name not in models[kind]:
                models[kind].append(name)
        modality = unit.scan.modality or unit.scan.name.suffix
        scans[modality] = scans.get(modality, 0) + 1
        ct += unit.models.semantic.config.is_ct
    return Methods(
        models=models,
        settings=options.settings,
        scans=scans,
        versions=package_versions(),
        corrected=sum(bool(u.corrections.spine or u.corrections.vert) for u in used),
        named=sum(bool(u.corrections.names) for u in used),
        bias_corrected=ct < len(used),
        cropped=options.settings.crop.auto_crop_to_spine == "yes",
    )


def log_models(units: Sequence[Unit], folder: Path | None) -> None:
    """Say in the log, and in a file of a folder, which models are used."""
    lines: list[str] = []
    for unit in units:
        if unit.models is None:
            continue
        names = ", ".join(f"{k} {p.id if p else 'none'}" for k, p in unit.models.packages.items())
        lines.append(f"{unit.label}: {names}. {' '.join(unit.models.notes)}".rstrip())
    notes = sorted({note for unit in units if unit.models for note in unit.models.notes})
    for note in notes:
        logger.warning("%s", note)
    for line in lines:
        logger.info("%s", line)
    if lines and folder is not None:
        _note_models(folder / MODELS_NOTE, lines)


def _note_models(path: Path, lines: Sequence[str]) -> None:
    """Add a line a scan to the note; runs for other scans may do so at the same time."""
    from filelock import FileLock

    make_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock")):
        known = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        merged = {line.partition(": ")[0]: line for line in (*known, *lines)}
        _write(path, "\n".join(merged[scan] for scan in sorted(merged)) + "\n")


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
