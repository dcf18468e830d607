"""Running one case, and what there is afterwards."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .lab import Lab, computed
from .normalise import Normaliser
from .summaries import Summary, summary

KEPT: Final = "kept"
WRITTEN: Final = "written"
LOST: Final = "lost and not made again"
DELETED: Final = "deleted by the run"
PLAN: Final = re.compile(r"^  (\S+?) *(stored|run|copy|cannot run:) {1,}(.*)$")


@dataclass(frozen=True)
class Case:
    """A run that starts with given results.

    Parameters
    ----------
    name
        Short name.
    flags
        Further arguments; ``{lab}`` is the folder of the case.
    start
        Case whose results are there already; empty: none.
    with_work
        The work folder of that case is there too.
    lose
        Results that are deleted before: patterns below the output folder.
    prepare
        What else is done before, with the lab.
    dataset
        Folder of the dataset in the lab.
    run
        Stands in place of the command line: status and printed text.
    """

    name: str
    flags: Sequence[str] = ()
    start: str = ""
    with_work: bool = False
    lose: Sequence[str] = ()
    prepare: Callable[[Lab], object] | None = None
    dataset: str = "bids"
    run: Callable[[Lab], tuple[Any, str]] | None = None


@dataclass
class Record:
    """What a case did.

    Parameters
    ----------
    status
        Exit status.
    outcomes
        Code and reason of each scan in the tables of the run.
    plan
        What the dry run says of each phase.
    ran
        Interfaces that computed something.
    states
        Whether each file was kept or written.
    files
        Summaries of the files that are there at the end.
    """

    status: str
    outcomes: list[str] = field(default_factory=list)
    plan: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    files: dict[str, Summary] = field(default_factory=dict)


def run_case(lab: Lab, case: Case) -> Record:
    """Run a case; what it started with must be kept in the lab."""
    lab.clear()
    lab.bids = lab.root / case.dataset
    text = lab.normaliser()
    if case.start:
        lab.restore(case.start, with_work=case.with_work)
    earlier = {path: path.read_bytes() for path in lab.files()}
    if case.prepare:
        case.prepare(lab)
    text.know_files(lab.inputs())
    before = {path: _mark(path) for path in lab.files()}
    edited = {path: path.read_bytes() for path in before}
    lost = {path for pattern in case.lose for path in lab.out.glob(pattern)}
    if case.lose and not lost:
        raise ValueError(f"{case.name}: nothing fits {case.lose}")
    for path in lost:
        path.unlink()
    tables = set(_tables(lab))
    planned = _plan(lab, case, text)
    with computed() as ran:
        status, _ = case.run(lab) if case.run else lab.main(*case.flags)
    after = lab.files()
    text.know_files(after)
    text.know_moments(str(path) for path in (*before, *after))
    for contents, note in ((edited, " before the run"), (earlier, " before it was edited")):
        for path, content in contents.items():
            text.know_bytes(content, path, note)
    names = {path: text(path.relative_to(lab.out).as_posix()) for path in {*before, *after}}
    states = {name: _state(before.get(path), path, path in lost) for path, name in names.items()}
    files = {names[path]: summary(path, text) for path in after}
    states = dict(sorted(states.items()))
    return Record(str(status), _outcomes(lab, tables, text), planned, list(ran), states, files)


def _tables(lab: Lab) -> list[Path]:
    return sorted(lab.out.rglob("logs/*/scans.tsv"))


def _outcomes(lab: Lab, earlier: set[Path], text: Normaliser) -> list[str]:
    """What the tables of a run say of each scan."""
    told = []
    for table in (path for path in _tables(lab) if path not in earlier):
        system = table.relative_to(lab.out).parts[0].removeprefix("logs")
        with table.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                words = (system, row["scan"], row["code"], row["reason"])
                told.append(" ".join(text(word) for word in words if word not in ("", "n/a")))
    return told


def _plan(lab: Lab, case: Case, text: Normaliser) -> list[str]:
    """Phases as the dry run lists them."""
    if case.run is not None:
        return []
    _, told = lab.main(*case.flags, "--dry-run")
    found = (PLAN.match(line) for line in told.splitlines())
    return [": ".join(text(part) for part in f.groups()) for f in found if f]


def _mark(path: Path) -> tuple[int, int]:
    known = path.stat()
    return known.st_ino, known.st_mtime_ns


def _state(before: tuple[int, int] | None, path: Path, lost: bool) -> str:
    if not path.is_file():
        return LOST if lost else DELETED
    return KEPT if before == _mark(path) else WRITTEN
