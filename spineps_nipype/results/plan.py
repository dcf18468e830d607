"""Which stored results enter a graph as files, and which phases run.

The output folder remembers results. A phase whose results are there, made from the same files with
the same settings and the same networks, is not computed again; everything that reads what another
phase makes again runs after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from .recipe import Phase
from .record import Provenance
from .validity import NOT_NEEDED, Kept, Reuse, Validity

Action = Literal["stored", "run", "check", "copy"]
"""``check``: what it reads is made again; with the same bytes the stored results stay."""


class Step(NamedTuple):
    """What happens to one phase, and why."""

    phase: str
    action: Action
    why: str


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
    validity = Validity(provenance, files, reuse)
    forced = recipe.forced(overrides)
    missing, copies = _missing(validity, files, asked)
    asks_for_more = forced or missing
    if not asks_for_more and _is_finished(validity, copies):
        steps = _stored_steps(validity)
    else:
        steps = _steps(validity, forced, missing)
    stored = _stored_results(validity, files, steps)
    left = tuple((a, b) for a, b in copies if a in stored.files.values())
    copy_steps = (Step(b.name, "copy", f"copy of {a.name}") for a, b in left)
    return ScanPlan((*steps, *copy_steps), stored, left)


def plan_after(provenance: Provenance, files: Mapping[str, Path], phase: str) -> ScanPlan:
    """Plan of a finished scan whose results of one phase are changed, without making them anew.

    The phase runs, and all that depend on it. What other phases made is not needed: whoever makes
    the graph feeds the phase with its own stored results.

    Parameters
    ----------
    provenance
        How the changed results are made.
    files
        Inputs of the recipe, and where its results lie, by name.
    phase
        The phase whose results are changed.
    """
    recipe = provenance.recipe
    steps: dict[str, Step] = {}
    for one in recipe.order:
        ran = [m.name for m in recipe.before(one) if steps[m.name].action == "run"]
        if one.name == phase:
            steps[one.name] = Step(one.name, "run", "the stored results are changed")
        elif ran:
            steps[one.name] = Step(one.name, "run", f"depends on the {ran[-1]} phase, which runs")
        else:
            steps[one.name] = Step(one.name, "stored", NOT_NEEDED)
    kept = [recipe[s.phase] for s in steps.values() if s.action == "stored"]
    names = (name for one in kept for name in (*one.makes, *one.sometimes))
    stored = {name: files[name] for name in names if name in files and files[name].is_file()}
    return ScanPlan(tuple(steps.values()), StoredResults(stored))


def _is_finished(validity: Validity, copies: Iterable[tuple[Path, Path]]) -> bool:
    """Whether all final results can be used, and copies still to be made have their source."""
    usable = all(validity.finished(phase).usable for phase in validity.recipe.phases)
    return usable and all(source.is_file() for source, _ in copies)


def _stored_results(
    validity: Validity, files: Mapping[str, Path], steps: Iterable[Step]
) -> StoredResults:
    """Results that enter the graph as files, by what the steps say."""
    stored: dict[str, Path] = {}
    unless_changed: dict[str, Kept] = {}
    for step in steps:
        phase = validity.recipe[step.phase]
        if step.action == "check":
            unless_changed[phase.name] = validity.kept(phase)
        elif step.action == "stored" and step.why != NOT_NEEDED:
            results = (*phase.makes, *phase.sometimes)
            stored |= {name: files[name] for name in results if validity.is_there(name)}
    return StoredResults(stored, unless_changed)


def _stored_steps(validity: Validity) -> list[Step]:
    """Steps of a finished scan; what is only needed to make other results may be absent."""
    steps = []
    for phase in validity.recipe.order:
        verdict = validity.whole(phase)
        why = verdict.why if verdict.usable else validity.finished(phase).why
        steps.append(Step(phase.name, "stored", why))
    return steps


def _steps(
    validity: Validity, forced: Mapping[str, str], missing: Mapping[str, str]
) -> list[Step]:
    """Steps of a scan that is not finished, each phase after those that it depends on."""
    steps: dict[str, Step] = {}
    for phase in validity.recipe.order:
        before = [maker.name for maker in validity.recipe.before(phase)]
        ran = [name for name in before if steps[name].action != "stored"]
        verdict = validity.whole(phase)
        action: Action = "run"
        if phase.name in forced:
            why = f"{forced[phase.name]} is set"
        elif ran and phase.name not in missing and validity.stays_if_same(phase):
            action = "check"
            why = f"kept if the {ran[-1]} phase, which runs, makes the same again"
        elif not verdict.usable:
            why = verdict.why
        elif phase.name in missing:
            why = missing[phase.name]
        elif ran:
            why = f"depends on the {ran[-1]} phase, which runs"
        else:
            action, why = "stored", verdict.why
        steps[phase.name] = Step(phase.name, action, why)
    return list(steps.values())


def _missing(
    validity: Validity, files: Mapping[str, Path], asked: Collection[str]
) -> tuple[dict[str, str], list[tuple[Path, Path]]]:
    """Phases that must run for a further result, and copies of stored results to be made."""
    provenance, recipe = validity.provenance, validity.recipe
    missing: dict[str, str] = {}
    copies: list[tuple[Path, Path]] = []
    for phase in recipe.phases:
        for name in wanted_extras(phase, provenance, asked):
            path, source = files.get(name), files.get(recipe.copies.get(name, ""))
            if path is None or path == source:
                continue
            if source is not None:
                if not validity.is_copy(name, source):
                    copies.append((source, path))
                continue
            why = _why_missing(validity, name, path)
            if why:
                missing.setdefault(phase.name, why)
    return missing, copies


def _why_missing(validity: Validity, name: str, path: Path) -> str:
    """Why a further result has to be made; empty if it is there and whole."""
    if path.is_dir() and any(path.iterdir()):
        return ""
    if not path.is_file():
        return f"{name} asked for and not stored"
    fault = validity.fault(name)
    return f"stored, but {path.name}: {fault}" if fault else ""


def wanted_extras(phase: Phase, provenance: Provenance, asked: Collection[str]) -> tuple[str, ...]:
    """Further results of a phase that are asked for; a corrected mask has copies only."""
    replaced = phase.name in provenance.recipe.replaced(provenance.corrections)
    return tuple(
        name
        for name, setting in phase.extras.items()
        if (setting in asked or not setting) and (name in provenance.recipe.copies or not replaced)
    )
