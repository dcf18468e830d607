"""The one place where files that this program wrote are read for pages and tables.

Each kind has a schema. What does not fit is not used, and the fault says why, so that one damaged
file stops no page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from .files import file_digest
from .schema import (
    Content,
    Every,
    Need,
    Rows,
    Schema,
    number_or_nothing,
    parse_object,
    read_object,
    read_table,
)
from .verdicts import VERDICTS

RECORD: Final = {
    "Phase": str,
    "Settings": Every((str, float, bool, None, list, dict)),
    "Models": Every({"id": Need(str), "digest": Need(str)}),
    "Corrections": Every(str),
    "Inputs": Every(str),
    "Algorithm": Every(int),
    "Sha256": str,
}
SIDECAR: Final[Schema] = {
    "Sources": [str],
    "Provenance": RECORD,
    "Versions": Every(str),
    "Device": str,
    "InputWarnings": [str],
    "Engine": str,
    "LabelConfidence": Every({"Confidence": (float, None)}),
    "NamesDecidedBy": [str],
    "NamesProbability": float,
}
RUN: Final[Schema] = {"options": {"bids_dir": (str, None)}, "scans": [str]}
EVENT: Final[Schema] = {
    "event": str,
    "scan": str,
    "node": str,
    "seconds": (float, None),
    "reason": str,
    "ended": str,
}
RATING: Final[Schema] = {
    "scan": Need(str),
    "rating": Need(str),
    "reader": (str, float, None),
    "comment": (str, float, None),
    "time": (str, None),
}
COMPARISON: Final[Schema] = {"Check": str, "Disagreements": float, "SharedStructures": float}
DESCRIPTION: Final[Schema] = {"Name": str}
MOSAIC: Final[Schema] = {
    "width": Need(int),
    "height": Need(int),
    "tops": Need([int]),
    "panel_height": Need(int),
    "panels": Need([{"title": Need(str), "left": Need(int), "width": Need(int)}]),
    "vert": Need([int]),
    "spine": Need([int]),
}
MOSAIC_ROWS: Final = 3
OUTCOMES: Final = ("scan", "code", "file")
CHECKS: Final = ("check", "verdict", "level", "reason")
METRICS: Final = ("level",)
LABELS: Final = ("name", "confidence")


def read_sidecar(path: Path) -> Content:
    """Sidecar of a result."""
    return read_object(path, SIDECAR)


def read_run(path: Path) -> Content:
    """What a run wrote down about itself when it began; nothing where the file is absent."""
    return read_object(path, RUN) if path.is_file() else Content({})


def read_outcomes(path: Path) -> Rows:
    """Table of the scans of a run."""
    return read_table(path, OUTCOMES, {"file": bool, "code": bool})


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Events of a run; lines that do not fit are left out, as a killed run leaves half a line."""
    try:
        lines = path.read_bytes().splitlines() if path.is_file() else []
    except OSError:
        lines = []
    for line in lines:
        said = parse_object(line.decode(errors="replace"), EVENT).said
        if said:
            yield said


def read_rating(path: Path) -> Content:
    """Rating that a reader saved from a page."""
    content = read_object(path, RATING)
    if not content.fault and content.said["rating"].strip() not in VERDICTS:
        return Content({}, f"rating is none of {', '.join(VERDICTS)}")
    if not content.fault and not content.said["scan"].strip():
        return Content({}, "scan is empty")
    return content


def read_checks(path: Path) -> Rows:
    """Table of checks of a scan."""
    return read_table(path, CHECKS, {"verdict": VERDICTS.__contains__, "check": bool})


def read_metrics(path: Path, numbers: Collection[str]) -> Rows:
    """Table of metrics of a scan.

    Parameters
    ----------
    numbers
        Columns that hold numbers.
    """
    return read_table(path, METRICS, {"level": bool, **dict.fromkeys(numbers, number_or_nothing)})


def read_names(path: Path) -> Rows:
    """Table of the names of a scan, with their probabilities."""
    return read_table(path, LABELS, {"confidence": number_or_nothing})


def read_comparison(path: Path) -> Content:
    """Comparison of the systems on a scan; nothing where there is none."""
    return read_object(path, COMPARISON) if path.is_file() else Content({})


def read_description(path: Path) -> Content:
    """Description of an output folder; nothing where there is none."""
    return read_object(path, DESCRIPTION) if path.is_file() else Content({})


def read_mosaic(path: Path, key: str) -> Content:
    """Layout of a mosaic, from the metadata of its picture.

    Parameters
    ----------
    key
        Word of the metadata under which the layout stands.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            size, text = picture.size, picture.info.get(key)
    except Exception as raised:  # whatever a damaged file makes Pillow raise
        return Content({}, f"it is no picture ({raised})")
    if not isinstance(text, str):
        return Content({}, "it tells no layout")
    content = parse_object(text, MOSAIC)
    if content.fault:
        return content
    said = content.said
    fits = (said["width"], said["height"]) == size and len(said["tops"]) == MOSAIC_ROWS
    boxes = [(0, top, 1, said["panel_height"]) for top in said["tops"]]
    boxes += [(panel["left"], 0, panel["width"], 1) for panel in said["panels"]]
    inside = all(
        min(x, y) >= 0 and min(w, h) > 0 and x + w <= size[0] and y + h <= size[1]
        for x, y, w, h in boxes
    )
    return (
        content if fits and inside and said["panels"] else Content({}, "its layout is no layout")
    )


def changed_since(path: Path, sidecar: Path) -> str:
    """What speaks against a small result by its digest; empty where none is known."""
    if not sidecar.is_file():
        return ""
    said, fault = read_sidecar(sidecar)
    digest = said.get("Provenance", {}).get("Sha256")
    if fault:
        return f"{sidecar.name}: {fault}"
    if digest is not None and digest != file_digest(path):
        return f"{path.name}: it is not what was stored"
    return ""
