"""The page of a subject: one HTML file that needs no network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from .. import __version__
from ..core.files import whole_file
from .viewer import colour_tables

ASSETS: Final = "assets"
"""Folder below the output folder with what all pages share."""
SHARED: Final = ("niivue.umd.js", "NIIVUE_LICENSE.txt")


@dataclass(frozen=True)
class ScanEntry:
    """What the page says of one scan; paths are relative to the page.

    Parameters
    ----------
    label
        Name of the scan.
    error
        Why it failed; empty if it did not.
    mosaic, volumes
        Picture, and script with the volumes of the viewer; empty for none.
    metrics, checks
        Rows of both tables.
    times
        Steps and their duration [s].
    """

    label: str
    error: str = ""
    mosaic: str = ""
    volumes: str = ""
    metrics: Sequence[Mapping[str, Any]] = ()
    checks: Sequence[Mapping[str, Any]] = ()
    times: Sequence[tuple[str, float]] = field(default_factory=tuple)

    @property
    def verdict(self) -> str:
        """Overall verdict of the checks; empty if there are none."""
        return str(self.checks[0]["verdict"]) if self.checks else ""

    @property
    def reason(self) -> str:
        """Reason of the overall verdict."""
        return str(self.checks[0]["reason"] or "") if self.checks else ""


def write_subject_page(
    folder: Path,
    subject: str,
    scans: Sequence[ScanEntry],
    methods: str,
    columns: Mapping[str, Mapping[str, Any]],
) -> Path:
    """Write ``<subject>.html`` and the files that all pages share.

    Parameters
    ----------
    folder
        Root of the output folder.
    subject
        Label with ``sub-``.
    methods
        Text about methods with its references.
    columns
        Data dictionary of the metrics.
    """
    from jinja2 import Environment

    home = files("spineps_nipype") / "data" / "report"
    template = Environment(autoescape=True).from_string(
        (home / "subject.html").read_text(encoding="utf-8")
    )
    from markupsafe import Markup

    colours = json.dumps(colour_tables()).replace("<", "\\u003c")
    text = template.render(
        subject=subject,
        version=__version__,
        scans=scans,
        methods=methods,
        columns=columns,
        colours=Markup(colours),  # noqa: S704 - made above from our own tables
    )
    for name in SHARED:
        target = folder / ASSETS / name
        if not target.is_file():
            with as_file(home / name) as source, whole_file(target) as temporary:
                shutil.copyfile(source, temporary)
    path = folder / f"{subject}.html"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
