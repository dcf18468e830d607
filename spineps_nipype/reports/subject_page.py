"""The subject page: one HTML file that works offline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from .. import __version__
from ..core.files import whole_file
from ..core.verdicts import VERDICTS
from .methods_view import methods_views
from .metrics_view import metrics_view
from .mosaic_layout import MosaicLayout, legends
from .page_files import subject_page
from .templates import HOME, load_template
from .usual_ranges import usual_ranges
from .viewer import colour_tables

ASSETS: Final = "assets"
"""Folder in the output folder with the files that all pages share."""
SHARED: Final = ("niivue.umd.js", "NIIVUE_LICENSE.txt")
OVERVIEW, METHODS, ABOUT = "Scans", "Methods", "About"
"""Names of the sections that are of no single scan: the first, and the last two."""
REPORTLETS: Final = ("summary", "mosaic", "viewer", "checks", "rating", "metrics", "times")
"""Parts of the page about a scan, in this order: macros of ``reportlets.html``."""


@dataclass(frozen=True)
class ScanEntry:
    """Content of the page about one scan; paths are relative to the page.

    Parameters
    ----------
    label
        Name of the scan.
    error
        Why it failed; empty if it succeeded.
    mosaic, volumes
        Picture, and script with the volumes for the viewer; empty for none.
    layout
        Where the panels of the picture lie; None if it is not known.
    metrics, checks
        Rows of both tables.
    quality
        Verdict on the expected Dice, and words for it; empty where none is known.
    times
        Steps and their duration [s].
    """

    label: str
    error: str = ""
    mosaic: str = ""
    volumes: str = ""
    layout: MosaicLayout | None = None
    metrics: Sequence[Mapping[str, Any]] = ()
    checks: Sequence[Mapping[str, Any]] = ()
    quality: tuple[str, str] = ("", "")
    times: Sequence[tuple[str, float]] = field(default_factory=tuple)

    @property
    def verdict(self) -> str:
        """Overall verdict of the checks; empty if there are none."""
        return str(self.checks[0]["verdict"]) if self.checks else ""

    @property
    def reason(self) -> str:
        """Reason for the overall verdict."""
        return str(self.checks[0]["reason"] or "") if self.checks else ""


def write_subject_page(
    folder: Path,
    subject: str,
    scans: Sequence[ScanEntry],
    methods: str,
    columns: Mapping[str, Mapping[str, Any]],
) -> Path:
    """Write the page of a subject, see `subject_page`, and the files that all pages share.

    Parameters
    ----------
    folder
        Root of the output folder.
    subject
        Subject label with ``sub-``.
    methods
        Methods text with its references.
    columns
        Data dictionary of the metrics.
    """
    for name in SHARED:
        target = folder / ASSETS / name
        content = (HOME / name).read_bytes()
        there = target.read_bytes() if target.is_file() else b""
        if there != content and content.startswith(there):  # absent, or cut off
            with whole_file(target) as temporary:
                temporary.write_bytes(content)
    path = subject_page(folder, subject)
    with whole_file(path) as temporary:
        page = _page(f"{subject}: spine segmentation", scans, methods, columns)
        temporary.write_text(page, encoding="utf-8")
    return path


def _page(
    title: str,
    scans: Sequence[ScanEntry],
    methods: str,
    columns: Mapping[str, Mapping[str, Any]],
) -> str:
    """HTML of the page: sections about all scans, about each of them, and about the run."""
    from markupsafe import Markup

    # Safe to mark up: the table is ours. A "<" could end the script element that holds it.
    colours = Markup(json.dumps(colour_tables()).replace("<", "\\u003c"))  # noqa: S704
    macros = load_template("reportlets.html").make_module(
        {
            "view_of": partial(metrics_view, columns=columns, usual=usual_ranges()),
            "legends": legends,
            "words": VERDICTS,
            "version": __version__,
            "colours": colours,
        }
    )
    views = methods_views(methods)
    sections = [
        _section(OVERVIEW, ("overview",), macros, scans),
        *(_section(scan.label, REPORTLETS, macros, scan) for scan in scans),
        _section(METHODS, ("methods",), macros, views),
        _section(ABOUT, ("about",), macros, None),
    ]
    return load_template("subject.html").render(
        title=title, sections=[section for section in sections if section["reportlets"]]
    )


def _section(name: str, reportlets: Sequence[str], macros: Any, content: Any) -> dict[str, Any]:
    """Section of the page; empty reportlets are left out."""
    parts = [getattr(macros, kind)(content).strip() for kind in reportlets]
    return {"name": name, "reportlets": [part for part in parts if part]}
