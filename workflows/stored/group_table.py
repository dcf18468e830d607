"""The table of all scans: how each ended, its checks, ratings, measures, times, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from spineps_nipype.bids.names import parse_name
from spineps_nipype.core.anatomy import ANATOMICAL_ORDER, VERTEBRA_NAMES
from spineps_nipype.core.verdicts import worst
from spineps_nipype.metrics.columns import COLUMNS, WHOLE
from spineps_nipype.metrics.findings import OVERALL
from spineps_nipype.metrics.quality import PLURAL, QUALITY
from spineps_nipype.reports.outliers import Spread, number, spreads
from spineps_nipype.reports.ratings import Rating, comments, joint_verdict

from ..engine.phase_names import PHASE_NAMES
from .group_columns import CHECKS, CURVES, LEVEL_MEASURES, check_column, dice_column
from .scans import MEASURES, StoredScan
from .subject_pages import CONSENSUS_CHECK, checks_of, metrics_of

LEVELS: Final = tuple(VERTEBRA_NAMES[v] for v in ANATOMICAL_ORDER)
"""Levels from cranial to caudal."""


@dataclass(frozen=True)
class GroupScan:
    """A scan with all that its row needs.

    Parameters
    ----------
    stored
        What is in the output folder.
    checks, metrics
        Rows of both tables.
    ratings
        What readers say.
    sidecar
        Content of the sidecar of its main mask.
    """

    stored: StoredScan
    checks: Sequence[Mapping[str, Any]]
    metrics: Sequence[Mapping[str, Any]]
    ratings: Sequence[Rating]
    sidecar: Mapping[str, Any]


def read_group_scan(
    stored: StoredScan, bids_dir: Path, ratings: Mapping[str, Sequence[Rating]]
) -> GroupScan:
    """Read the tables and the sidecar of a scan; no mask is opened."""
    return GroupScan(
        stored,
        checks_of(stored, bids_dir),
        metrics_of(stored),
        ratings.get(stored.label, ()),
        stored.sidecar(),
    )


def level_rows(scans: Sequence[GroupScan]) -> list[dict[str, Any]]:
    """Metrics of all scans, a row for each scan and level; ``scan`` is an index."""
    return [{"scan": i, **row} for i, scan in enumerate(scans) for row in scan.metrics]


def all_spreads(scans: Sequence[GroupScan]) -> dict[str, list[Spread]]:
    """Spread of each measure that has values, level by level."""
    rows = level_rows(scans)
    found = {name: spreads(rows, name, LEVELS) for name in MEASURES}
    return {name: levels for name, levels in found.items() if levels}


def outliers_of(spread: Mapping[str, Sequence[Spread]]) -> dict[int, list[str]]:
    """In words, what lies far from the others in each scan."""
    found: dict[int, list[str]] = {}
    for measure, levels in spread.items():
        said = COLUMNS[measure]
        for one in levels:
            low, high = one.whiskers
            place = "" if one.level == WHOLE else f" {one.level}"
            for scan, value in one.outliers:
                words = f"{said['LongName']}{place} {value:g} (others {low:g} to {high:g})"
                found.setdefault(scan, []).append(words)
    return found


def table_rows(
    scans: Sequence[GroupScan], outliers: Mapping[int, Sequence[str]]
) -> list[dict[str, Any]]:
    """One row a scan, with the columns of `table_columns`."""
    return [_row(scan, outliers.get(i, ())) for i, scan in enumerate(scans)]


def _row(scan: GroupScan, outliers: Sequence[str]) -> dict[str, Any]:
    return {
        **_ending(scan.stored),
        **_judgements(scan),
        **_measures(scan, outliers),
        **_times(scan.stored.times),
        **_origin(scan.sidecar),
    }


def _ending(stored: StoredScan) -> dict[str, Any]:
    """Which scan it is, and how it ended."""
    session = parse_name(stored.scan).session
    return {
        "subject": stored.subject,
        "session": f"ses-{session}" if session else None,
        "scan": stored.label,
        "pipeline": stored.system,
        "source": stored.source,
        "status": _status(stored),
        "error": " ".join(stored.error.split()),
    }


def _status(stored: StoredScan) -> str:
    if stored.damage:
        return "damaged"
    return "failed" if stored.error else "done"


def _judgements(scan: GroupScan) -> dict[str, Any]:
    """What the checks and the readers say."""
    return {
        "verdict": _overall(scan.checks, "verdict"),
        "reason": _overall(scan.checks, "reason"),
        **{check_column(check): _worst(scan.checks, check) for check in CHECKS},
        **_expected_dice(scan.checks),
        "rating": joint_verdict(scan.ratings),
        "readers": ", ".join(r.reader or "unnamed" for r in scan.ratings),
        "comments": comments(scan.ratings),
    }


def _expected_dice(checks: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Expected Dice of each structure, and the lowest of them."""
    rows = {row["level"]: row for row in checks if row["check"] == QUALITY}
    each = {name: number(rows.get(name, {}).get("expected_dice")) for name in PLURAL}
    known = [value for value in each.values() if value is not None]
    return {
        "expected_dice": min(known, default=None),
        **{dice_column(name): value for name, value in each.items()},
    }


def _measures(scan: GroupScan, outliers: Sequence[str]) -> dict[str, Any]:
    """Levels in view, measures of the whole spine, and medians over the levels."""
    measured = "metrics" in scan.stored.files
    levels = [row for row in scan.metrics if row.get("level") != WHOLE]
    whole: Mapping[str, Any] = next((r for r in scan.metrics if r.get("level") == WHOLE), {})
    names = list(scan.sidecar.get("LabelConfidence", {}).values())
    return {
        "vertebrae": sum(map(_has_body, levels)) if measured else None,
        "levels": f"{levels[0]['level']}-{levels[-1]['level']}" if levels else None,
        "label_confidence": _median(_numbers(names, "Confidence")),
        "outliers": len(outliers) if measured else None,
        "outlier_values": "; ".join(outliers),
        **{name: whole.get(name) for name in CURVES},
        **{f"median_{n}": _median(_numbers(levels, n)) for n in LEVEL_MEASURES},
    }


def _times(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Run times of the phases [s]."""
    total = round(sum(seconds.values()), 1) if seconds else None
    return {"seconds": total, **{f"seconds_{n}": seconds.get(n) for n in PHASE_NAMES}}


def _origin(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """What the results were made with."""
    versions = dict(sidecar.get("Versions", {}))
    models = sidecar.get("Provenance", {}).get("Models", {})
    return {
        "version": versions.pop("spineps-nipype", None),
        "software": _listed(versions),
        "models": _listed({kind: model.get("id") for kind, model in models.items()}),
        "engine": sidecar.get("Engine"),
        "device": sidecar.get("Device"),
    }


def _overall(checks: Sequence[Mapping[str, Any]], key: str) -> str | None:
    first = checks[0] if checks else {}
    return first.get(key) if first.get("check") in (OVERALL, CONSENSUS_CHECK) else None


def _worst(checks: Sequence[Mapping[str, Any]], check: str) -> str | None:
    return worst(row["verdict"] for row in checks if row["check"] == check)


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [value for row in rows if (value := number(row.get(name))) is not None]


def _median(values: Sequence[float]) -> float | None:
    return round(median(values), 3) if values else None


def _listed(entries: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} {value}" for key, value in entries.items())


def _has_body(row: Mapping[str, Any]) -> bool:
    """Whether a level has a vertebral body, not only a disc; one that is cut has a side."""
    return any(row.get(key) for key in row if key.startswith("body_") or key == "cut")
