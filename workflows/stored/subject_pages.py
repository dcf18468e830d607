"""Pages of subjects, from what is stored in the output folder of a system."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.names import output_folder, output_name, parse_name
from spineps_nipype.bids.sidecars import INPUT_WARNINGS
from spineps_nipype.core.files import is_file
from spineps_nipype.core.own_readers import read_comparison
from spineps_nipype.core.verdicts import worst
from spineps_nipype.errors import OutputError
from spineps_nipype.metrics.checks import HEADER_CHECK, REMEDIES, check_names, summed_up
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.metrics.findings import Finding
from spineps_nipype.metrics.quality import QUALITY, QUALITY_WORDS
from spineps_nipype.reports.mosaic_layout import read_layout
from spineps_nipype.reports.subject_page import ScanEntry, write_subject_page

from ..engine.phase_names import PHASE_NAMES
from ..options.other_systems import SPINE_SEGMENTATION, TOTALSPINESEG
from .methods_text import stored_methods
from .pictures import draw_pictures, pictures_of
from .scans import CONSENSUS, StoredScan, stored_scans

logger = logging.getLogger("spineps_nipype.reports")

CONSENSUS_CHECK: Final = "other systems"
SESSION_CHECK: Final = "session"
COMPARE_PAGES: Final = (
    "Open the page of each system at the levels that differ, and decide which one is right; names "
    "are fixed with --manual-labels, masks with --derivatives."
)
NAME_REMEDIES: Final = {
    TOTALSPINESEG: "Look for C2, the first rib or the sacrum, also in other scans of the session: "
    "give a labelled scan in the same space with --loc, or correct the label map in step2_output "
    "and run again with --derivatives.",
    SPINE_SEGMENTATION: "Look for C2, the first rib or the sacrum, also in other scans of the "
    "session: correct seg-instance and run again with --derivatives.",
}
"""What a reader does about uncertain names of the systems that have no checks of their own."""


def write_pages(root: Path, bids_dir: Path, scans: Collection[Path] | None = None) -> list[Path]:
    """Write the page of each subject; a page that fails is logged and stops nothing.

    Parameters
    ----------
    root
        Output folder of a system.
    bids_dir
        The dataset that it was made from; images that are gone are not drawn again.
    scans
        Only the subjects of these; None for all.

    Returns
    -------
    list of Path
        The pages, in the order of the subjects.
    """
    groups: dict[str, list[StoredScan]] = {}
    for scan in stored_scans(root, bids_dir, scans):
        groups.setdefault(scan.subject, []).append(scan)
    pages = []
    for subject, stored in groups.items():
        try:
            entries = [_entry(scan, bids_dir) for scan in stored]
            methods = stored_methods(stored)
            pages.append(write_subject_page(root, subject, entries, methods, COLUMNS))
        except OutputError as fault:
            logger.warning("the page of %s is not written: %s", subject, fault)
        except Exception:  # a page is not worth a result
            logger.exception("the page of %s could not be written", subject)
    return pages


def checks_of(scan: StoredScan, bids_dir: Path) -> list[dict[str, Any]]:
    """Rows of the checks of a scan; what other systems say of it stands at the end.

    Systems without checks of their own say at least how probable the names are, and what is odd
    about the scan; where names have probabilities, the sum stands at the beginning.
    """
    compared = [*_named_together(scan), *_comparison(consensus_of(scan, bids_dir))]
    if scan.checks.rows:
        return [*scan.checks.rows, *map(_row, compared)]
    names = _name_findings(scan)
    found = [*names, *_odd_headers(scan), *compared]
    return [_row(finding) for finding in ([summed_up(found)] if names else []) + found]


def _row(finding: Finding) -> dict[str, Any]:
    return asdict(finding) | {"level": finding.level or None}


def _comparison(said: Mapping[str, Any]) -> list[Finding]:
    """What the comparison of the systems says of a scan, if there is one."""
    if not said:
        return []
    agrees = not said.get("Disagreements") and said.get("SharedStructures", 1) > 0
    reason = said.get("Check", "")
    if agrees:
        return [Finding(CONSENSUS_CHECK, "pass", "", reason)]
    return [Finding(CONSENSUS_CHECK, "look", "", reason, COMPARE_PAGES)]


def _odd_headers(scan: StoredScan) -> list[Finding]:
    """What is odd about the header of a scan, as its sidecar tells."""
    warnings = scan.sidecar().get(INPUT_WARNINGS, ())
    remedy = REMEDIES[HEADER_CHECK]
    return [Finding(HEADER_CHECK, "look", "", str(warning), remedy) for warning in warnings]


def _name_findings(scan: StoredScan) -> list[Finding]:
    """How probable the names are, as far as a table tells."""
    names = [
        {**row, "confidence": float(row["confidence"])}
        for row in scan.names.rows
        if row["confidence"] is not None
    ]
    return check_names(names, NAME_REMEDIES.get(scan.system, "")) if names else []


def _named_together(scan: StoredScan) -> list[Finding]:
    """Which scans of its session decided about the names of a scan."""
    said = scan.sidecar()
    others = [word for word in said.get("NamesDecidedBy", ()) if word != scan.label]
    if not others:
        return []
    reason = f"Named together with {', '.join(others)}"
    probability = said.get("NamesProbability")
    words = "." if probability is None else f" (probability of all names {probability:.2f})."
    return [Finding(SESSION_CHECK, "pass", "", reason + words)]


def consensus_of(scan: StoredScan, bids_dir: Path) -> dict[str, Any]:
    """Comparison of the systems on a scan; empty if there is none."""
    for home in (scan.root, scan.root.parent):
        folder = output_folder(scan.scan, bids_dir, home / CONSENSUS)
        path = folder / output_name(parse_name(scan.scan), CONSENSUS, ".json")
        said, fault = read_comparison(path)
        if fault:
            logger.warning("%s is damaged: %s", path, fault)
        if said:
            return said
    return {}


def metrics_of(scan: StoredScan) -> Sequence[dict[str, Any]]:
    """Rows of the metrics of a scan."""
    return scan.metrics.rows


def _entry(scan: StoredScan, bids_dir: Path) -> ScanEntry:
    error = scan.error
    try:
        draw_pictures(scan)
    except Exception as fault:  # the rest of the page is worth having
        logger.warning("%s is not drawn: %s", scan.label, fault)
        error = error or f"The pictures could not be drawn: {fault}"
    pictures = pictures_of(scan)
    mosaic, volumes = (
        path.relative_to(scan.root).as_posix() if is_file(path) else ""
        for path in (pictures.mosaic, pictures.volumes)
    )
    checks = checks_of(scan, bids_dir)
    quality = worst(row["verdict"] for row in checks if row["check"] == QUALITY) or ""
    return ScanEntry(
        scan.label,
        error=error,
        mosaic=mosaic,
        volumes=volumes,
        layout=read_layout(pictures.mosaic) if mosaic else None,
        metrics=metrics_of(scan),
        checks=checks,
        quality=(quality, QUALITY_WORDS.get(quality, "")),
        times=[(word, scan.times[n]) for n, word in PHASE_NAMES.items() if n in scan.times],
    )
