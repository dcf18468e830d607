"""A recipe: what a system makes, from what, with which settings and which networks.

It is data. What is planned, recorded, described and stored follows from it; each system has one in
its own package.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

SCAN: Final = "scan"
"""The image that everything is made from."""


class Correctable(NamedTuple):
    """What makes a mask in the output folder that was changed a correction by a reader.

    Parameters
    ----------
    labels
        Labels that it may have beside 0; None for any.
    grid
        Input or result whose grid it must have, as far as that is there; empty for any grid.
    """

    labels: frozenset[int] | None = None
    grid: str = SCAN


@dataclass(frozen=True)
class Phase:
    """One row of a recipe: results that are made and stored together.

    Parameters
    ----------
    name
        What plans and records call it.
    makes
        Results that later runs build on.
    reads
        Inputs of the recipe and results of other phases: these alone say what depends on what.
    settings
        Entries of the settings that decide about the results, groups or single options.
    models
        Kinds of all networks that decide about the results.
    algorithm
        Raised when the phase makes other results than before, so that stored ones are made again.
    sometimes
        Results that exist for some scans only, as a table of names.
    extras
        Further results, and the setting that asks for each.
    undescribed
        Results without a sidecar.
    folders
        Results that are several files in a folder of their own.
    nodes
        Nodes that an override runs although the work folder remembers what they made.
    override
        Option that makes the results again.
    replaced_by
        Kind of corrected mask that stands for the results.
    takes
        Kinds of corrections that are worked into the results.
    correctable
        Masks that a reader may change where they are stored. Of other results a changed file is a
        damaged one.
    points
        Results that are files of points, which a reader may change as well.
    unless_same
        Whether the stored results stay where what they are made from is made again with the same
        bytes; that shows only while the graph runs.
    """

    name: str
    makes: tuple[str, ...]
    reads: tuple[str, ...]
    settings: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    algorithm: int = 1
    sometimes: tuple[str, ...] = ()
    extras: Mapping[str, str] = field(default_factory=dict)
    undescribed: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    nodes: tuple[str, ...] = ()
    override: str = ""
    replaced_by: str = ""
    takes: tuple[str, ...] = ()
    correctable: Mapping[str, Correctable] = field(default_factory=dict)
    points: frozenset[str] = frozenset()
    unless_same: bool = False

    @property
    def results(self) -> tuple[str, ...]:
        """All results, those among them that not every scan has."""
        return (*self.makes, *self.sometimes, *self.extras)


@dataclass(frozen=True)
class Recipe:
    """The phases of a system; their order is for readers only.

    Parameters
    ----------
    system
        Name of the system.
    phases
        Its rows.
    inputs
        What is not made by a phase: the scan, and for a comparison the results of other systems.
    finished
        Results that a finished scan has; the others are needed to make these only. All results
        unless given.
    copies
        Results that are copies of others, and of which.
    overrides
        Options that make results again, with their help. One that no phase names is for all.
    corrections
        Kinds of what a reader may correct, in words.
    words
        Inputs and results in words.

    Raises
    ------
    ValueError
        If the rows do not fit each other.
    """

    system: str
    phases: tuple[Phase, ...]
    inputs: tuple[str, ...] = (SCAN,)
    finished: frozenset[str] | None = None
    copies: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    corrections: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    _makers: Mapping[str, Phase] = field(init=False, repr=False, compare=False)
    _order: tuple[Phase, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse rows that do not fit each other, and find out what comes before what."""
        names = [phase.name for phase in self.phases]
        results = [result for phase in self.phases for result in phase.results]
        _refuse("phase", _twice(names))
        _refuse("result", _twice([*self.inputs, *results]))
        makers = {result: phase for phase in self.phases for result in phase.results}
        known = {*self.inputs, *makers}
        made = {result for phase in self.phases for result in phase.makes}
        for phase in self.phases:
            if not phase.makes:
                raise ValueError(f"recipe {self.system}: the phase {phase.name} makes nothing")
            self._unknown(phase.name, "reads", phase.reads, {*self.inputs, *made})
            self._unknown(phase.name, "is corrected by", phase.takes, self.corrections)
            self._unknown(
                phase.name, "is replaced by", filter(None, [phase.replaced_by]), self.corrections
            )
            self._unknown(
                phase.name, "is overridden by", filter(None, [phase.override]), self.overrides
            )
            self._unknown(phase.name, "does not describe", phase.undescribed, phase.results)
            changed = (*phase.correctable, *phase.points)
            self._unknown(phase.name, "takes changed", changed, phase.makes)
            grids = [mask.grid for mask in phase.correctable.values() if mask.grid]
            self._unknown(phase.name, "has masks on the grid of", grids, known)
            self._unknown(phase.name, "describes a folder", phase.folders, phase.undescribed)
        self._unknown("a finished scan", "has", self.finished or (), known)
        self._unknown("the copies", "name", (*self.copies, *self.copies.values()), known)
        object.__setattr__(self, "_makers", MappingProxyType(makers))
        object.__setattr__(self, "_order", self._sorted())

    def _unknown(
        self, who: str, does: str, names: Collection[str] | filter[str], known: Collection[str]
    ) -> None:
        strange = [name for name in names if name not in known]
        if strange:
            what = ", ".join(strange)
            raise ValueError(f"recipe {self.system}: {who} {does} {what}, which is unknown")

    def _sorted(self) -> tuple[Phase, ...]:
        """Phases, each after those that it depends on; where that leaves a choice, as written."""
        placed: dict[str, Phase] = {}
        while len(placed) < len(self.phases):
            ready = next(
                (
                    phase
                    for phase in self.phases
                    if phase.name not in placed
                    and all(maker.name in placed for maker in self.before(phase))
                ),
                None,
            )
            if ready is None:
                left = ", ".join(p.name for p in self.phases if p.name not in placed)
                raise ValueError(f"recipe {self.system}: a circle among the phases {left}")
            placed[ready.name] = ready
        return tuple(placed.values())

    def __getitem__(self, name: str) -> Phase:
        """The phase of a name."""
        for phase in self.phases:
            if phase.name == name:
                return phase
        raise KeyError(f"the recipe {self.system} has no phase {name!r}")

    @property
    def order(self) -> tuple[Phase, ...]:
        """Phases, each after those that it depends on."""
        return self._order

    @property
    def results(self) -> tuple[str, ...]:
        """All results."""
        return tuple(self._makers)

    @property
    def wanted(self) -> frozenset[str]:
        """Results that a finished scan has."""
        every = frozenset(result for phase in self.phases for result in phase.makes)
        return every if self.finished is None else self.finished

    def maker(self, result: str) -> Phase:
        """The phase that makes a result."""
        return self._makers[result]

    def before(self, phase: Phase) -> tuple[Phase, ...]:
        """Phases whose results a phase reads."""
        makers = [self._makers[name] for name in phase.reads if name in self._makers]
        return tuple({maker.name: maker for maker in makers}.values())

    def upstream(self, name: str) -> tuple[Phase, ...]:
        """A phase and all that it depends on, in their order."""
        found = {name}
        for phase in reversed(self._order):
            if phase.name in found:
                found.update(maker.name for maker in self.before(phase))
        return tuple(phase for phase in self._order if phase.name in found)

    def forced(self, overrides: Collection[str]) -> dict[str, str]:
        """Phases that are made again under some override options, each with its option."""
        own = {phase.override for phase in self.phases}
        whole = [name for name in self.overrides if name not in own and name in overrides]
        return {
            phase.name: phase.override if phase.override in overrides else whole[0]
            for phase in self.phases
            if whole or phase.override in overrides
        }

    def replaced(self, corrections: Collection[str]) -> set[str]:
        """Phases for whose results corrected masks stand."""
        return {phase.name for phase in self.phases if phase.replaced_by in corrections}

    def in_words(self, name: str) -> str:
        """An input or result in words."""
        return self.words.get(name, name)


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _refuse(what: str, names: list[str]) -> None:
    if names:
        raise ValueError(f"there are several of a {what}: {', '.join(names)}")
