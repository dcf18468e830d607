"""Scans of which an output folder knows something, whichever run it was that took them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.names import parse_name, split_extension
from spineps_nipype.bids.sidecars import RAW_LINK
from spineps_nipype.core.own_readers import (
    changed_since,
    read_checks,
    read_description,
    read_metrics,
    read_names,
    read_sidecar,
)
from spineps_nipype.core.safe_names import safe_below
from spineps_nipype.core.schema import Content, Rows
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.results.sidecar import sidecar_of

from ..options.other_systems import PIPELINES, SPINEPS
from ..options.run_options import ScanSelection
from .result_files import MARKERS, stored_files
from .run_history import GOOD, PastOutcome, below, read_history
from .settings_of_record import settings_fault

logger = logging.getLogger("spineps_nipype.reports")

LOGS: Final = "logs"
CONSENSUS: Final = "consensus"
MAIN: Final = ("vert", "spine", "totalspineseg", "totalspineseg_step1")
MAIN_RESULTS: Final = (*MAIN, "spine_segmentation", "two_classes", "cord")
"""Results whose sidecar tells how a scan was made, the best first."""
SMALL: Final = ("metrics", "checks", "labels")
"""Results that are held against the digest in their record when pages are written."""
MEASURES: Final = tuple(name for name, said in COLUMNS.items() if "Units" in said)
"""Columns of the metrics that hold numbers."""
_TITLE: Final = re.compile(r"Segmentations of the spine \((.+)\)")
_ODD: Final = re.compile(r"[^A-Za-z0-9+-]")


@dataclass(frozen=True)
class StoredScan:
    """A scan with what is stored of it.

    Parameters
    ----------
    system
        Word of ``--pipeline``.
    root
        Output folder of the system.
    scan
        The image; it may be gone.
    source
        Its path below the dataset.
    files
        Results that are there, by a word for each.
    outcome
        How it ended in the last run that took it; None if no log tells.
    times
        Duration of each node [s].
    """

    system: str
    root: Path
    scan: Path
    source: str
    files: Mapping[str, Path]
    outcome: PastOutcome | None = None
    times: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What runs call it: its file name without the extension."""
        return split_extension(self.scan.name)[0]

    @property
    def subject(self) -> str:
        """Label of the subject, with ``sub-``."""
        return subject_of(self.scan)

    @property
    def main(self) -> Path | None:
        """The mask whose sidecar tells how the scan was made."""
        return next((self.files[key] for key in MAIN_RESULTS if key in self.files), None)

    @property
    def error(self) -> str:
        """Why there is no result, or not the one that was asked for last; empty if all is well."""
        if self.damage:
            return f"Damaged: {self.damage}. Run the scan again: it is made again."
        if self.outcome is not None and self.outcome.code not in GOOD:
            return f"{self.outcome.code}: {self.outcome.reason}"
        return "" if self.main else "The results are no longer in the output folder."

    @cached_property
    def damage(self) -> str:
        """What is wrong with a stored file that pages read, by its name; empty if nothing is."""
        faults = [self._main_sidecar.fault] if self._main_sidecar.fault else []
        for key in SMALL:
            if key in self.files:
                path = self.files[key]
                faults += filter(None, [changed_since(path, sidecar_of(path))])
        read = (self.checks, self.metrics, self.names)
        faults += [rows.fault for rows in read if rows.fault]
        return "; ".join(faults[:1])

    @cached_property
    def _main_sidecar(self) -> Content:
        path = sidecar_of(self.main) if self.main else None
        if path is None or not path.is_file():
            return Content({})
        said, fault = read_sidecar(path)
        if self.system == SPINEPS:
            fault = fault or settings_fault(said.get("Provenance", {}).get("Settings", {}))
        return Content(said, f"{path.name}: {fault}" if fault else "")

    def sidecar(self) -> dict[str, Any]:
        """Content of the sidecar of the main mask; empty if there is none, or it is damaged."""
        return self._main_sidecar.said

    @cached_property
    def checks(self) -> Rows:
        """Table of the checks; no rows if there is none, or it is damaged."""
        return self._table("checks", read_checks)

    @cached_property
    def metrics(self) -> Rows:
        """Table of the metrics; no rows if there is none, or it is damaged."""
        return self._table("metrics", partial(read_metrics, numbers=MEASURES))

    @cached_property
    def names(self) -> Rows:
        """Table of the names; no rows if there is none, or it is damaged.

        That of SPINEPS is not read: its checks have read it.
        """
        return Rows([]) if self.system == SPINEPS else self._table("labels", read_names)

    def _table(self, key: str, read: Callable[[Path], Rows]) -> Rows:
        if key not in self.files:
            return Rows([])
        rows, fault = read(self.files[key])
        return Rows(rows, f"{self.files[key].name}: {fault}" if fault else "")


def subject_of(scan: Path) -> str:
    """Label of a scan's subject as pages and folders carry it, with ``sub-``."""
    return "sub-" + _ODD.sub("", parse_name(scan).subject)


def stored_scans(
    root: Path, bids_dir: Path, scans: Collection[Path] | None = None
) -> list[StoredScan]:
    """Scans of one output folder, from its logs and its sidecars, in the order of their paths.

    Parameters
    ----------
    root
        Output folder of one system.
    bids_dir
        The dataset that it was made from.
    scans
        Only the subjects of these, with all their scans that have results; None for all.
    """
    system = system_of(root)
    subjects = None if scans is None else {subject_of(scan) for scan in scans}
    sources = marked_scans(root, system, subjects)
    if scans is not None:
        sources |= {below(scan, bids_dir) for scan in scans}
    history = read_history(root / LOGS, bids_dir, None if scans is None else sources)
    known = [s for s in history.outcomes if subjects is None or subject_of(Path(s)) in subjects]
    found = []
    for source in sorted(sources.union(known)):
        scan = bids_dir / source
        stored = StoredScan(
            system,
            root,
            scan,
            source,
            stored_files(system, scan, bids_dir, root),
            history.outcomes.get(source),
            history.times.get(split_extension(scan.name)[0], {}),
        )
        if stored.files or stored.outcome:
            found.append(stored)
    return found


def system_of(root: Path) -> str:
    """System that an output folder belongs to, as its description says."""
    said = read_description(root / "dataset_description.json").said
    title = _TITLE.fullmatch(said.get("Name", ""))
    return title[1] if title and title[1] in PIPELINES else SPINEPS


def roots_of(output_dir: Path) -> list[Path]:
    """Output folders with results or logs: the folder itself, and those of systems in it."""
    below = [output_dir / name for name in PIPELINES]
    return [
        folder
        for folder in (output_dir, *below)
        if folder.is_dir() and (any(folder.glob(f"{LOGS}/*/")) or any(folder.glob("sub-*/")))
    ]


def wanted(scan: StoredScan, asked: ScanSelection) -> bool:
    """Whether the flags that choose subjects and sessions want a scan."""
    name = parse_name(scan.scan)

    def matches(label: str, prefix: str, labels: tuple[str, ...]) -> bool:
        return label in {text.removeprefix(prefix) for text in labels}

    if asked.participant_label and not matches(name.subject, "sub-", asked.participant_label):
        return False
    if asked.session_label and not matches(name.session, "ses-", asked.session_label):
        return False
    return not matches(name.subject, "sub-", asked.exclude_participant_label)


def marked_scans(root: Path, system: str, subjects: Collection[str] | None) -> set[str]:
    """Paths below the dataset of scans that sidecars of results name as their source.

    Parameters
    ----------
    root, system
        Output folder of one system.
    subjects
        Only these, with ``sub-``; None for all.
    """
    link = f"bids:{RAW_LINK}:"
    found: set[str] = set()
    for pattern in MARKERS[system]:
        for subject in sorted(subjects) if subjects is not None else ["sub-*"]:
            for path in root.glob(pattern.format(sub=subject)):
                said, fault = read_sidecar(path)
                if fault:
                    logger.warning("%s is damaged: %s", path, fault)
                raw = [s.removeprefix(link) for s in said.get("Sources", []) if s.startswith(link)]
                found.update(place for text in raw if (place := safe_below(text)) is not None)
    return found
