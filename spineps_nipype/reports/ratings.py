"""Ratings that readers saved on the pages of subjects."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..core.files import read_json
from ..core.verdicts import VERDICTS

logger = logging.getLogger("spineps_nipype.reports")

FOLDER: Final = "ratings"
"""Folder beside the pages; folders in it, one a reader, are read as well."""


@dataclass(frozen=True)
class Rating:
    """What a reader says about a scan.

    Parameters
    ----------
    scan
        Label of the scan.
    verdict
        pass, look or fail.
    reader, comment
        As they were typed; may be empty.
    time
        When it was saved (ISO 8601).
    """

    scan: str
    verdict: str
    reader: str = ""
    comment: str = ""
    time: str = ""


def read_ratings(root: Path) -> dict[str, list[Rating]]:
    """Ratings in an output folder by scan; of each reader the last one, in order of readers.

    A file that is no rating is named in the log and left out.
    """
    latest: dict[tuple[str, str], Rating] = {}
    for path in sorted((root / FOLDER).rglob("*.json")):
        said = {key: str(value).strip() for key, value in read_json(path).items()}
        scan, verdict = said.get("scan", ""), said.get("rating", "")
        if not scan or verdict not in VERDICTS:
            logger.warning("%s is no rating: it needs 'scan', and 'rating' as %s", path, VERDICTS)
            continue
        rating = Rating(
            scan, verdict, said.get("reader", ""), said.get("comment", ""), said.get("time", "")
        )
        key = (scan, rating.reader)
        if key not in latest or rating.time >= latest[key].time:
            latest[key] = rating
    found: dict[str, list[Rating]] = {}
    for _, rating in sorted(latest.items()):
        found.setdefault(rating.scan, []).append(rating)
    return found


def joint_verdict(ratings: Iterable[Rating]) -> str:
    """The worst of several ratings; empty for none."""
    given = [VERDICTS.index(rating.verdict) for rating in ratings]
    return VERDICTS[max(given)] if given else ""


def comments(ratings: Sequence[Rating]) -> str:
    """All comments in one line, each behind its reader if there are several."""
    several = len(ratings) > 1
    said = [(r.reader if several else "", " ".join(r.comment.split())) for r in ratings]
    return "; ".join(f"{who}: {text}" if who else text for who, text in said if text)
