"""Which stored results enter a graph as files, and which phases run.

The output folder remembers results. A phase whose results are there, made from the same files with
the same settings and the same networks, is not computed again; everything that reads what another
phase makes again runs after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from spineps_nipype.core.files import file_digest

from .recipe import Phase
from .record import Provenance, differences
from .sidecar import has_record, read_record

Reuse = Literal["same", "any"]
"""Keep stored results only if made the same way, or whatever they were made with."""
Action = Literal["stored", "run", "check", "copy"]
"""``check``: what it reads is made again; with the same bytes the stored results stay."""
NOT_NEEDED = "not needed: the final results are stored"
EDITED = "stored, and changed since: kept as a correction"
SHOWN = 2
"""Names of absent files in a reason; more are counted."""


class Step(NamedTuple):
    """What happens to one phase, and why."""

    phase: str
    action: Action
    why: str


class Kept(NamedTuple):
    """Stored results of a phase that stay if it would read the same files again.

    Parameters
    ----------
    files
        The results by name.
    inputs
        Digests of the files that they were made from, by name.
    """

    files: Mapping[str, Path]
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class StoredResults:
    """Results that enter the graph as files.

    Parameters
    ----------
    files
        Stored file by the name of the result.
    unless_changed
        Results that stay if the graph makes what they were made from with the same bytes, by
        phase.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    unless_changed: Mapping[str, Kept] = field(default_factory=dict)

    def has(self, *results: str) -> bool:
        """Whether all of these results are stored."""
        return all(name in self.files for name in results)


@dataclass(frozen=True)
class ScanPlan:
    """Steps of one scan in their order; iterating gives (phase, action, why).

    Parameters
    ----------
    steps
        One step a phase, then copies of stored files that are still to be made.
    stored
        Results that enter the graph as files.
    copies
        Stored file and the place where a copy of it is wanted.
    """

    steps: tuple[Step, ...]
    stored: StoredResults
    copies: tuple[tuple[Path, Path], ...] = ()

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def all_done(self) -> bool:
        """Whether nothing is left to do (ALL_DONE of SPINEPS)."""
        return all(step.action == "stored" for step in self.steps)

    @property
    def running(self) -> frozenset[str]:
        """Phases that are computed, or at least checked."""
        return frozenset(s.phase for s in self.steps if s.action in ("run", "check"))

    def runs(self, phase: str) -> bool:
        """Whether a phase is computed, or at least checked."""
        return phase in self.running


def plan_scan(
    provenance: Provenance,
    files: Mapping[str, Path],
    *,
    overrides: Collection[str] = (),
    asked: Collection[str] = (),
    reuse: Reuse = "same",
) -> ScanPlan:
    """Decide for each phase of a scan whether its stored results are used or made again.

    Reads the output folder and changes nothing. Source: SPINEPS 2.1.3, decision table of one
    image; other than there, what depends on a new result is made again, and a result is kept only
    if it was made in the same way.

    Parameters
    ----------
    provenance
        How the results shall be made.
    files
        Inputs of the recipe, and where its results lie or would lie, by name. A result without a
        path is never stored.
    overrides
        Options that ask for phases to be made again.
    asked
        Settings that are on and ask for further results.
    reuse
        ``any`` keeps every stored result, whatever it was made with, as SPINEPS does.
    """
    recipe = provenance.recipe
    shelf = _Shelf(provenance, files, reuse)
    forced = recipe.forced(overrides)
    missing, copies = _missing(provenance, files, asked)
    finished = (
        not forced
        and not missing
        and all(source.is_file() for source, _ in copies)
        and all(shelf.finished(phase).usable for phase in recipe.phases)
    )
    steps = _stored_steps(shelf) if finished else _steps(shelf, forced, missing)
    used = [recipe[s.phase] for s in steps if s.action == "stored" and s.why != NOT_NEEDED]
    results = (name for phase in used for name in (*phase.makes, *phase.sometimes))
    stored = {name: files[name] for name in results if shelf.is_there(name)}
    left = tuple((a, b) for a, b in copies if a in stored.values())
    return ScanPlan(
        (*steps, *(Step(b.name, "copy", f"copy of {a.name}") for a, b in left)),
        StoredResults(
            stored, {s.phase: shelf.kept(recipe[s.phase]) for s in steps if s.action == "check"}
        ),
        left,
    )


class _Verdict(NamedTuple):
    usable: bool
    why: str


class _Shelf:
    """The stored results of one scan, and what is known about each."""

    def __init__(self, provenance: Provenance, files: Mapping[str, Path], reuse: Reuse) -> None:
        self.provenance, self.recipe = provenance, provenance.recipe
        self._files, self._reuse = files, reuse
        self._digests: dict[str, str | None] = {}
        self._verdicts: dict[tuple[str, ...], _Verdict] = {}

    def whole(self, phase: Phase) -> _Verdict:
        """Whether all stored results of a phase can be used, and why."""
        return self._verdict(phase, phase.makes)

    def finished(self, phase: Phase) -> _Verdict:
        """The same for those that a finished scan has; other phases are not needed."""
        results = tuple(name for name in phase.makes if name in self.recipe.wanted)
        return self._verdict(phase, results) if results else _Verdict(True, NOT_NEEDED)

    def is_there(self, name: str) -> bool:
        """Whether a result is stored."""
        return name in self._files and self._files[name].is_file()

    def stays_if_same(self, phase: Phase) -> bool:
        """Whether the stored results stand for all that the phase makes from the same files."""
        if not phase.unless_same or not all(self.is_there(name) for name in phase.makes):
            return False
        wanted = self.provenance.own_record(phase.name)
        for name in phase.makes:
            record = read_record(self._files[name])
            if record is None:
                return False
            networks = {k: m for k, m in record.get("Models", {}).items() if k in phase.models}
            own = {**record, "Models": networks, "Corrections": {}, "Inputs": {}}
            if self._reuse == "same" and differences(own, wanted, self.recipe):
                return False
        return True

    def kept(self, phase: Phase) -> Kept:
        """Stored results of a phase, and what they were made from."""
        described = next(n for n in phase.makes if has_record(self._files[n]))
        record = read_record(self._files[described]) or {}
        return Kept({n: self._files[n] for n in phase.makes}, record.get("Inputs", {}))

    def _verdict(self, phase: Phase, results: tuple[str, ...]) -> _Verdict:
        if results not in self._verdicts:
            self._verdicts[results] = self._look(phase, results)
        return self._verdicts[results]

    def _look(self, phase: Phase, results: tuple[str, ...]) -> _Verdict:
        absent = [self._shown(name) for name in results if not self.is_there(name)]
        if absent:
            more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
            return _Verdict(False, f"not stored yet: {', '.join(absent[:SHOWN])}{more}")
        if self._reuse == "any":
            return _Verdict(True, "stored, kept whatever it was made with")
        described = [name for name in results if has_record(self._files[name])]
        if not described:
            return _Verdict(False, f"stored, but nothing tells how {results[0]} was made")
        wanted = self.provenance.record(phase.name)
        wanted["Inputs"] = {n: d for n in phase.reads if (d := self._digest(n)) is not None}
        return self._compared(described, wanted)

    def _shown(self, name: str) -> str:
        """File name of a result; with its folder where another one has the same name."""
        path = self._files.get(name)
        if path is None:
            return name
        made = (n for phase in self.recipe.phases for n in phase.makes if n in self._files)
        names = [self._files[other].name for other in made]
        return path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"

    def _compared(self, described: list[str], wanted: Mapping[str, Any]) -> _Verdict:
        edited = False
        for name in described:
            record = read_record(self._files[name])
            if record is None:
                return _Verdict(False, f"stored, but nothing tells how {name} was made")
            differ = differences(record, wanted, self.recipe)
            if differ:
                return _Verdict(False, f"stored result does not fit: {'; '.join(differ)}")
            edited |= record.get("Sha256", self._digest(name)) != self._digest(name)
        return _Verdict(True, EDITED if edited else "stored, made the same way")

    def _digest(self, name: str) -> str | None:
        """Digest of a stored file, None if it is absent."""
        if name not in self._digests:
            there = self.is_there(name)
            self._digests[name] = file_digest(self._files[name]) if there else None
        return self._digests[name]


def _stored_steps(shelf: _Shelf) -> list[Step]:
    """Steps of a finished scan; what is only needed to make other results may be absent."""
    steps = []
    for phase in shelf.recipe.order:
        verdict = shelf.whole(phase)
        why = verdict.why if verdict.usable else shelf.finished(phase).why
        steps.append(Step(phase.name, "stored", why))
    return steps


def _steps(shelf: _Shelf, forced: Mapping[str, str], missing: Mapping[str, str]) -> list[Step]:
    """Steps of a scan that is not finished, each phase after those that it depends on."""
    steps: dict[str, Step] = {}
    for phase in shelf.recipe.order:
        before = [maker.name for maker in shelf.recipe.before(phase)]
        ran = [name for name in before if steps[name].action != "stored"]
        verdict = shelf.whole(phase)
        action: Action = "run"
        if phase.name in forced:
            why = f"{forced[phase.name]} is set"
        elif ran and phase.name not in missing and shelf.stays_if_same(phase):
            action = "check"
            why = f"kept if the {ran[-1]} phase, which runs, makes the same again"
        elif not verdict.usable:
            why = verdict.why
        elif phase.name in missing:
            why = f"{missing[phase.name]} asked for and not stored"
        elif ran:
            why = f"depends on the {ran[-1]} phase, which runs"
        else:
            action, why = "stored", verdict.why
        steps[phase.name] = Step(phase.name, action, why)
    return list(steps.values())


def _missing(
    provenance: Provenance, files: Mapping[str, Path], asked: Collection[str]
) -> tuple[dict[str, str], list[tuple[Path, Path]]]:
    """Phases that must run for a further result, and copies of stored results that are absent."""
    recipe = provenance.recipe
    missing: dict[str, str] = {}
    copies: list[tuple[Path, Path]] = []
    for phase in recipe.phases:
        for name in wanted_extras(phase, provenance, asked):
            path, source = files.get(name), files.get(recipe.copies.get(name, ""))
            if path is None or path == source or _is_there(path):
                continue
            if source is not None:
                copies.append((source, path))
            else:
                missing.setdefault(phase.name, name)
    return missing, copies


def wanted_extras(phase: Phase, provenance: Provenance, asked: Collection[str]) -> tuple[str, ...]:
    """Further results of a phase that are asked for; a corrected mask has copies only."""
    replaced = phase.name in provenance.recipe.replaced(provenance.corrections)
    return tuple(
        name
        for name, setting in phase.extras.items()
        if (setting in asked or not setting) and (name in provenance.recipe.copies or not replaced)
    )


def _is_there(path: Path) -> bool:
    """Whether a file, or a folder with something in it, is there."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
