"""Pages of the subjects of a run, from what is stored in the output folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from spineps_nipype.bids.names import parse_name
from spineps_nipype.core.tables import read_rows
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.reports.boilerplate import methods_text
from spineps_nipype.reports.subject_page import ScanEntry, write_subject_page

from .options import RunOptions
from .progress import PHASE_NAMES
from .records import methods_of
from .summary import Outcome

logger = logging.getLogger("spineps_nipype.reports")

FIGURES: Final = "figures"


def write_pages(results: Sequence[Outcome], options: RunOptions, logs: Path) -> list[Path]:
    """Write the page of each subject; a page that fails is logged and stops nothing.

    Parameters
    ----------
    results
        What became of the scans.
    logs
        Folder with the logs of all runs, which tell the run times.
    """
    methods = methods_text(methods_of(options, [result.unit for result in results]))
    times = _run_times(logs)
    subjects: dict[str, list[Outcome]] = {}
    for result in results:
        subject = "sub-" + "".join(
            c for c in parse_name(result.unit.scan.path).subject if c.isalnum() or c in "+-"
        )
        subjects.setdefault(subject, []).append(result)
    pages = []
    for subject, outcomes in subjects.items():
        try:
            entries = [_entry(o, subject, options.output_dir, times) for o in outcomes]
            pages.append(
                write_subject_page(options.output_dir, subject, entries, methods, COLUMNS)
            )
        except Exception:  # a page is not worth a result
            logger.exception("the page of %s could not be written", subject)
    return pages


def _entry(
    outcome: Outcome, subject: str, root: Path, times: dict[str, dict[str, float]]
) -> ScanEntry:
    unit, label = outcome.unit, outcome.unit.label
    metrics, checks = (
        read_rows(path) if (path := unit.paths.get(key)) and path.is_file() else []
        for key in ("out_metrics", "out_checks")
    )
    mosaic = root / subject / FIGURES / f"{label}_mosaic.png"
    volumes = mosaic.with_name(f"{label}_volumes.js")
    masks = [unit.paths[key] for key in ("out_spine", "out_vert") if key in unit.paths]
    if len(masks) == 2 and all(path.is_file() for path in masks):
        _draw(unit.scan.path, masks, label, mosaic, volumes)
    return ScanEntry(
        label,
        error="" if outcome.good else f"{outcome.code.name}: {outcome.reason}",
        mosaic=mosaic.relative_to(root).as_posix() if mosaic.is_file() else "",
        volumes=volumes.relative_to(root).as_posix() if volumes.is_file() else "",
        metrics=metrics,
        checks=checks,
        times=[(PHASE_NAMES[n], s) for n, s in times.get(label, {}).items() if n in PHASE_NAMES],
    )


def _draw(scan: Path, masks: Sequence[Path], label: str, mosaic: Path, volumes: Path) -> None:
    """Picture and volumes, unless those that are there are younger than the masks."""
    newest = max(path.stat().st_mtime for path in masks)
    if all(path.is_file() and path.stat().st_mtime >= newest for path in (mosaic, volumes)):
        return
    from spineps_nipype.core.images import load_image, load_mask
    from spineps_nipype.reports.mosaic import draw_mosaic
    from spineps_nipype.reports.viewer import write_volumes

    image, spine, vert = load_image(scan, average_4d=True), *map(load_mask, masks)
    draw_mosaic(image, spine, vert, mosaic)
    write_volumes(image, spine, vert, label, volumes)


def _run_times(logs: Path) -> dict[str, dict[str, float]]:
    """Latest duration of each node of each scan [s], from the courses of all runs."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted(logs.glob("*/progress.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                event = json.loads(line)
            except ValueError:  # a run that was killed while it wrote
                continue
            if event.get("event") == "done" and "scan" in event:
                node = str(event.get("node", "")).rpartition(".")[2]
                found.setdefault(event["scan"], {})[node] = float(event.get("seconds") or 0)
    return found
