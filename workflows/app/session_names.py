"""Names that the scans of a session find together, after each has been segmented by itself."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.names import parse_name, session_of, split_extension
from spineps_nipype.core.files import is_file, read_json
from spineps_nipype.core.session_names import (
    Decision,
    JointNames,
    ScanNames,
    decision_for,
    joint_names,
)
from spineps_nipype.core.spine_names import name_of
from spineps_nipype.core.tables import read_rows
from spineps_nipype.errors import InputError
from spineps_nipype.results.proof import UNREADABLE, is_intact
from spineps_nipype.results.sidecar import read_record, sidecar_of
from spineps_nipype.spineps.numbers import in_order
from spineps_nipype.spineps.session_names import judged_rows, label_of, new_names

from ..options.other_systems import SPINEPS
from ..options.run_options import Folders
from ..stored.result_files import stored_files
from ..stored.scans import marked_scans, subject_of
from ..stored.session_evidence import OTHERS, names_of_other, names_of_spineps
from ..systems.base import System
from ..systems.common import SESSION
from ..systems.scan_jobs import PlannedScan, ScanJob, jobs_of
from ..systems.spineps import AMONG

logger = logging.getLogger("spineps_nipype.run")

FLAG: Final = "--override-session-names"
RESULTS: Final = {"spine": "spine", "vert": "vert", "labels": "labels_table"}
"""Results that tell names, by the words of `stored_files`."""
Session = tuple[str, str]
"""Subject and session."""


@dataclass
class SessionNames:
    """What the sessions of a run decided.

    Parameters
    ----------
    jobs
        Scans that get other names, or other probabilities of the same names.
    lines
        What is said of names that change, or would.
    """

    jobs: list[ScanJob] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Mate:
    """A scan of a session with names: `job` is None if the run does not take it."""

    names: ScanNames
    files: Mapping[str, Path]
    job: ScanJob | None
    rows: Sequence[Mapping[str, Any]] = ()
    """Its table of names, where there is one."""

    @property
    def labels(self) -> tuple[int, ...]:
        """Names that it has now, of the vertebrae that a network judged."""
        return tuple(label_of(row) for row in judged_rows(self.rows))

    @property
    def decided(self) -> str:
        """Digest of the names that its session gave it before; empty if it did not."""
        return str(self._record.get("Corrections", {}).get(SESSION, ""))

    @property
    def table(self) -> str:
        """Name of its table of names."""
        if self.job is not None:
            return self.job.files["labels_table"].name
        return self.files["labels"].name if "labels" in self.files else ""

    @property
    def _record(self) -> Mapping[str, Any]:
        return (read_record(self.files["labels"]) if "labels" in self.files else None) or {}

    @property
    def may_change(self) -> bool:
        """Whether its names are the program's own."""
        return not self.names.fixed and all(
            key in self.files and is_intact(self.files[key]) for key in RESULTS
        )

    def waited_for(self, tables: Collection[str]) -> bool:
        """Whether the run that made it would have let all of these decide with it.

        It ended too early then, and nobody has been told names that change now.
        """
        if self.decided or "labels" not in self.files:
            return False
        among = read_json(sidecar_of(self.files["labels"])).get(AMONG, [])
        return isinstance(among, list) and set(tables) <= set(among)


def name_sessions(
    system: System,
    scans: Sequence[PlannedScan],
    folders: Folders,
    *,
    made: Collection[str] = (),
    failed: Collection[str] = (),
    override: bool = False,
) -> SessionNames:
    """Let the scans of each session decide about their names.

    Reads what is stored, of scans beyond this run as well, and changes nothing.

    Parameters
    ----------
    system
        Whose scans are named.
    scans
        Those of the run.
    folders
        Where results lie.
    made
        Names of the jobs that have named their vertebrae in this run.
    failed
        Words of scans whose results are not to be believed.
    override
        Whether stored scans of earlier runs get other names as well.
    """
    found = SessionNames()
    jobs = jobs_of(scans)
    for mates in _sessions(jobs, folders, failed):
        by_word = {mate.names.scan: mate for mate in mates}
        groups = joint_names([mate.names for mate in mates])
        alone = set(by_word).difference(*(group.names for group in groups))
        for word in sorted(alone):
            others = ", ".join(sorted(set(by_word) - {word}))
            found.lines.append(f"{word} is named by itself: it does not fit {others}.")
        for group in groups:
            _decide(system, group, by_word, made, override, found)
    return found


def _decide(
    system: System,
    group: JointNames,
    mates: Mapping[str, _Mate],
    made: Collection[str],
    override: bool,
    found: SessionNames,
) -> None:
    """Add what a group of scans decides about each of them."""
    deciding = [mates[word] for word in group.scans]
    ours = all(mate.job is not None or "vert" in mate.files for mate in deciding)
    tables = {mate.table for mate in deciding}
    for word in group.scans:
        mate = mates[word]
        if not mate.may_change:
            continue
        decision = decision_for(word, group)
        if decision.digest == mate.decided:
            continue
        instances = in_order(filter(None, map(label_of, mate.rows)))
        try:
            new_names(instances, mate.rows, decision.labels)
        except InputError as fault:
            logger.warning("%s keeps its names: %s", word, fault)
            continue
        job = mate.job
        free = override or (
            job is not None and (job.name in made or (ours and mate.waited_for(tables)))
        )
        if job is not None and free:
            found.jobs.append(system.renamed(job, decision))
        if mate.labels != decision.labels:
            found.lines.append(_line(word, mate.labels, decision, job, free))


def _line(
    word: str, before: tuple[int, ...], decision: Decision, job: ScanJob | None, free: bool
) -> str:
    """What is said of a scan whose names change, or would."""
    by = ", ".join(name for name in decision.scans if name != word)
    change = f"{_ends(before)} by itself, {_ends(decision.labels)} with {by}"
    if not free:
        return f"{word} keeps its stored names: {change}; {FLAG} gives it these."
    if job is None:
        return f"{word} is not in this run and keeps its names: {change}."
    return f"{word}: {change} ({decision.probability:.2f})."


def _ends(labels: tuple[int, ...]) -> str:
    return f"{name_of(labels[0])} to {name_of(labels[-1])}"


def _sessions(
    jobs: Sequence[ScanJob], folders: Folders, failed: Collection[str]
) -> Iterator[list[_Mate]]:
    """Scans with names of each session of a run; sessions of a single scan are left out."""
    subjects = {subject_of(job.scan.path) for job in jobs}
    known: dict[Session, dict[Path, ScanJob | None]] = {}
    for path in _paths(folders, SPINEPS, folders.output_dir, subjects):
        known.setdefault(session_of(parse_name(path)), {})[path] = None
    for job in jobs:
        known.setdefault(session_of(job.scan.name), {})[job.scan.path] = job
    others: dict[Session, list[tuple[str, Path, Path]]] = {}
    for system, home in _other_homes(folders):
        for path in _paths(folders, system, home, subjects):
            others.setdefault(session_of(parse_name(path)), []).append((system, home, path))
    wanted = {session_of(job.scan.name) for job in jobs}
    for session in sorted(wanted):
        scans, further = known[session], others.get(session, [])
        if len(scans) + len(further) < 2:
            continue
        mates = [mate for path, job in scans.items() if (mate := _own(path, job, folders, failed))]
        words = {mate.names.scan for mate in mates}
        mates += [
            mate
            for system, home, path in further
            if _word(path) not in words and (mate := _other(system, home, path, folders))
        ]
        if len(mates) > 1:
            yield mates


def _own(
    path: Path, job: ScanJob | None, folders: Folders, failed: Collection[str]
) -> _Mate | None:
    word = _word(path)
    if word in failed:
        return None
    files = _files(path, job, folders)
    try:
        names = names_of_spineps(files, word)
        rows = read_rows(files["labels"]) if "labels" in files else []
        mate = None if names is None else _Mate(names, files, job, rows)
        return mate if mate and all(label_of(row) >= 0 for row in rows) else None
    except UNREADABLE as fault:
        logger.warning("%s tells no names to its session: %s", word, fault)
        return None


def _files(path: Path, job: ScanJob | None, folders: Folders) -> dict[str, Path]:
    """Stored results of a scan: where this run has them, or wherever they are."""
    if job is None:
        return stored_files(SPINEPS, path, folders.bids_dir, folders.output_dir)
    places = {word: job.files[result] for word, result in RESULTS.items()}
    return {word: place for word, place in places.items() if is_file(place)}


def _other(system: str, home: Path, path: Path, folders: Folders) -> _Mate | None:
    files = stored_files(system, path, folders.bids_dir, home)
    try:
        names = names_of_other(system, files, _word(path))
    except UNREADABLE as fault:
        logger.warning("%s of %s tells no names: %s", path.name, system, fault)
        return None
    return None if names is None else _Mate(names, {}, None)


def _word(path: Path) -> str:
    return split_extension(path.name)[0]


def _paths(folders: Folders, system: str, home: Path, subjects: Collection[str]) -> list[Path]:
    """Scans of which a system has stored results."""
    return [folders.bids_dir / source for source in sorted(marked_scans(home, system, subjects))]


def _other_homes(folders: Folders) -> Iterator[tuple[str, Path]]:
    """Output folders of the other systems: beside or below that of SPINEPS."""
    root = folders.output_dir
    for system in OTHERS:
        for home in (root / system, *([root.parent / system] if root.name == SPINEPS else [])):
            if home.is_dir():
                yield system, home
