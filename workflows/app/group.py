"""The group level: one table and one page of all scans that the output folder knows."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import remove_file
from spineps_nipype.core.own_files import is_own, own_files
from spineps_nipype.core.tables import table_text
from spineps_nipype.errors import InputError, OutputError, SpinepsError
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.reports.group_page import PAGE, GroupEntry, write_group_page
from spineps_nipype.reports.page_files import is_own_page, subject_page
from spineps_nipype.reports.ratings import read_ratings

from ..options.run_options import Folders, ScanSelection
from ..stored.group_columns import table_columns
from ..stored.group_table import (
    GroupScan,
    all_spreads,
    level_rows,
    outliers_of,
    read_group_scan,
    table_rows,
)
from ..stored.methods_text import stored_methods
from ..stored.pictures import draw_thumbnail
from ..stored.scans import roots_of, stored_scans, wanted
from ..stored.subject_pages import write_pages
from ..systems.scan_jobs import check_folders
from .outcomes import ALL_DONE, NOTHING_RAN, WRONG_USAGE, fault_line

logger = logging.getLogger("spineps_nipype.reports")

TABLE: Final = "group_scans"
LEVELS: Final = "group_metrics"
WHERE: Final = ("subject", "session", "scan", "pipeline")
"""Columns that say which scan a row of the levels is about."""


def run_group(folders: Folders, selection: ScanSelection, *, pages_first: bool) -> int:
    """Write table and page of all scans; returns the exit status.

    No mask is opened, unless the pages of the subjects are to be written first.
    """
    try:
        check_folders(folders)
    except OutputError as fault:
        print(fault_line(fault))
        return WRONG_USAGE
    try:
        _check_names(folders.output_dir)
        if pages_first:
            for page in subject_pages(folders, selection):
                print(f"Page: {page}")
        scans = _scans(folders, selection)
        for path in _write(folders.output_dir, scans):
            print(f"Written: {path}")
    except SpinepsError as fault:
        print(fault_line(fault))
        return NOTHING_RAN
    failed = sum(bool(scan.stored.error) for scan in scans)
    print(
        f"{len(scans)} scans are in the table, {failed} of them without results or with an error."
    )
    return ALL_DONE


def run_reports(folders: Folders, selection: ScanSelection) -> int:
    """Write the pages of subjects again, from what is stored; returns the exit status."""
    try:
        pages = subject_pages(folders, selection)
    except SpinepsError as fault:
        print(fault_line(fault))
        return NOTHING_RAN
    for page in pages:
        print(f"Page: {page}")
    print(f"{len(pages)} pages are written; nothing was segmented.")
    return ALL_DONE


def subject_pages(folders: Folders, selection: ScanSelection) -> list[Path]:
    """Write the pages of the wanted subjects in all output folders.

    Raises
    ------
    InputError
        If nothing is stored.
    """
    pages = []
    for root in roots_of(folders.output_dir):
        scans = [s.scan for s in stored_scans(root, folders.bids_dir) if wanted(s, selection)]
        if scans:
            pages += write_pages(root, folders.bids_dir, scans)
    if not pages:
        raise _nothing(folders)
    return pages


def _check_names(folder: Path) -> None:
    """Refuse an output folder in which other programs' files have the names of ours.

    Raises
    ------
    OutputError
        If there is such a file.
    """
    tables = [folder / f"{n}{end}" for n in (TABLE, LEVELS) for end in (".tsv", ".json")]
    foreign = [path for path in tables if not is_own(folder, path)]
    if not is_own_page(folder / PAGE):
        foreign.append(folder / PAGE)
    if foreign:
        raise OutputError(
            "A file has the name of a table or page of this level, and this program did not "
            "write it, or it was changed since.",
            file=foreign[0],
            remedy="Move it away, then run again.",
        )


def _scans(folders: Folders, selection: ScanSelection) -> list[GroupScan]:
    found = []
    for root in roots_of(folders.output_dir):
        ratings = read_ratings(root)
        stored = stored_scans(root, folders.bids_dir)
        found += [
            read_group_scan(scan, folders.bids_dir, ratings)
            for scan in stored
            if wanted(scan, selection)
        ]
        for label in sorted(set(ratings) - {scan.label for scan in stored}):
            logger.warning("a rating is for %s, which is not in %s", label, root)
    if not found:
        raise _nothing(folders)
    return found


def _nothing(folders: Folders) -> InputError:
    return InputError(
        "There are no results of wanted scans in the output folder.",
        file=folders.output_dir,
        remedy="Run the level participant with this folder first; --participant-label, "
        "--exclude-participant-label and --session-label choose among the scans that are there.",
    )


def _write(folder: Path, scans: Sequence[GroupScan]) -> list[Path]:
    """Tables, their data dictionaries, and the page."""
    spread = all_spreads(scans)
    outliers = outliers_of(spread)
    rows = table_rows(scans, outliers)
    columns = table_columns(rows)
    written = _table(folder / f"{TABLE}.tsv", rows, columns)
    levels = [
        {**rows[level["scan"]], **level, "scan": rows[level["scan"]]["scan"]}
        for level in level_rows(scans)
    ]
    if levels:
        where: dict[str, Mapping[str, Any]] = {k: columns[k] for k in WHERE if k in columns}
        written += _table(folder / f"{LEVELS}.tsv", levels, {**where, **COLUMNS})
    else:
        _remove_table(folder / f"{LEVELS}.tsv")
    entries = [
        _entry(folder, scan, row, outliers.get(i, ()))
        for i, (scan, row) in enumerate(zip(scans, rows, strict=True))
    ]
    methods = [
        stored_methods([scan.stored for scan in scans if scan.stored.root == root])
        for root in dict.fromkeys(scan.stored.root for scan in scans)
    ]
    text = "\n\n".join(filter(None, methods))
    return [*written, write_group_page(folder, entries, columns, spread, COLUMNS, text)]


def _table(
    path: Path, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    told = path.with_suffix(".json")
    try:
        with own_files(path.parent) as own:
            own.write(path, table_text(rows, list(columns)))
            own.write(told, json.dumps(columns, indent=4) + "\n")
    except OutputError:
        _remove_table(path)
        raise
    return [path, told]


def _remove_table(path: Path) -> None:
    """Remove the table of an earlier run, which nobody should take for that of this one."""
    for old in (path, path.with_suffix(".json")):
        with suppress(OSError):
            if not old.is_file() or not is_own(path.parent, old):
                continue
            remove_file(old)
            logger.warning("%s was removed: it was of an earlier run", old)


def _entry(
    folder: Path, scan: GroupScan, row: Mapping[str, Any], outliers: Sequence[str]
) -> GroupEntry:
    stored = scan.stored
    page = subject_page(stored.root, stored.subject)
    try:
        picture = draw_thumbnail(stored)
    except Exception as fault:  # whatever a damaged picture makes Pillow raise
        logger.warning("%s has no small picture: %s", stored.label, fault)
        picture = None
    return GroupEntry(
        row,
        page=f"{page.relative_to(folder).as_posix()}#{stored.label}" if page.is_file() else "",
        picture=picture.relative_to(folder).as_posix() if picture else "",
        outliers=tuple(outliers),
    )
