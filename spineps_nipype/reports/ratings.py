"""Ratings that readers saved from the subject pages."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..core.own_readers import read_rating
from ..core.verdicts import worst

logger = logging.getLogger("spineps_nipype.reports")

FOLDER: Final = "ratings"
"""Folder beside the pages; subfolders, such as one per reader, are read as well."""


@dataclass(frozen=True)
class Rating:
    """Rating of a scan by a reader.

    Parameters
    ----------
    scan
        Label of the scan.
    verdict
        pass, look or fail.
    reader, comment
        As typed; may be empty.
    time
        Time of saving (ISO 8601).
    """

    scan: str
    verdict: str
    reader: str = ""
    comment: str = ""
    time: str = ""


def read_ratings(root: Path) -> dict[str, list[Rating]]:
    """Read the ratings in an output folder, by scan: the latest of each reader, sorted by reader.

    Files that are no ratings are reported in the log and left out.
    """
    latest: dict[tuple[str, str], Rating] = {}
    for path in sorted((root / FOLDER).rglob("*.json")):
        said, fault = read_rating(path)
        if fault:
            logger.warning("%s is no rating: %s", path, fault)
            continue
        names = ("scan", "rating", "reader", "comment", "time")
        entry = {name: "" if said.get(name) is None else str(said[name]) for name in names}
        rating = Rating(*(entry[name].strip() for name in names))
        key = (rating.scan, rating.reader)
        if key not in latest or rating.time >= latest[key].time:
            latest[key] = rating
    found: dict[str, list[Rating]] = {}
    for _, rating in sorted(latest.items()):
        found.setdefault(rating.scan, []).append(rating)
    return found


def joint_verdict(ratings: Iterable[Rating]) -> str:
    """The worst verdict of several ratings; empty if there are none."""
    return worst(rating.verdict for rating in ratings) or ""


def comments(ratings: Sequence[Rating]) -> str:
    """All comments in one line, each after the name of its reader if there are several readers."""
    several = len(ratings) > 1
    entries = [(r.reader if several else "", " ".join(r.comment.split())) for r in ratings]
    return "; ".join(f"{who}: {text}" if who else text for who, text in entries if text)
