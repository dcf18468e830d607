"""The stored results of one scan: which are there, and whether they are still true."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from spineps_nipype.core.files import file_digest

from .proof import UNFINISHED, mask_fault, opening_fault, points_fault, stored_fault
from .recipe import Phase
from .record import Provenance, differences
from .sidecar import has_record, read_record

Reuse = Literal["same", "any"]
"""Keep stored results only if made the same way, or whatever they were made with."""
NOT_NEEDED: Final = "not needed: the final results are stored"
EDITED: Final = "stored, and changed since: kept as a correction"
SHOWN: Final = 2
"""Names of absent files in a reason; more are counted."""


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


class Verdict(NamedTuple):
    """Whether stored results can be used, and why."""

    usable: bool
    why: str


class Validity:
    """Which stored results of one scan can be used, and why; files are read once.

    Parameters
    ----------
    provenance
        How the results shall be made.
    files
        Inputs of the recipe, and where its results lie or would lie, by name.
    reuse
        Which stored results may be kept.
    """

    def __init__(self, provenance: Provenance, files: Mapping[str, Path], reuse: Reuse) -> None:
        self.provenance, self.recipe = provenance, provenance.recipe
        self._files, self._reuse = files, reuse
        self._digests: dict[str, str | None] = {}
        self._records: dict[str, Mapping[str, Any] | None] = {}
        self._stored_faults: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._verdicts: dict[tuple[str, ...], Verdict] = {}

    def whole(self, phase: Phase) -> Verdict:
        """Whether all stored results of a phase can be used, and why."""
        return self._verdict(phase, phase.makes)

    def finished(self, phase: Phase) -> Verdict:
        """The same for those that a finished scan has; others need not be there, only whole."""
        results = tuple(name for name in phase.makes if name in self.recipe.wanted)
        if results:
            return self._verdict(phase, results)
        return self._damaged(phase) or Verdict(True, NOT_NEEDED)

    def is_there(self, name: str) -> bool:
        """Whether a result is stored."""
        return name in self._files and self._files[name].is_file()

    def fault(self, name: str) -> str:
        """Why a stored result is not what was stored and no correction; empty if all is well."""
        if name not in self._faults:
            self._faults[name] = self._find_fault(name)
        return self._faults[name]

    def is_copy(self, name: str, source: Path) -> bool:
        """Whether a result is there that is a copy of another; any counts while that is absent."""
        path = self._files[name]
        if name not in self.recipe.maker(name).undescribed:
            return path.is_file() and not self.fault(name)
        there = path.is_file() and path.stat().st_size > 0
        return there and (not source.is_file() or filecmp.cmp(path, source, shallow=False))

    def stays_if_same(self, phase: Phase) -> bool:
        """Whether the stored results stand for all that the phase makes from the same files."""
        if not phase.unless_same or not all(self.is_there(name) for name in phase.makes):
            return False
        wanted = self.provenance.own_record(phase.name)
        for name in phase.makes:
            record = self._record(name)
            if record is None or self.fault(name):
                return False
            networks = {k: m for k, m in record.get("Models", {}).items() if k in phase.models}
            own = {**record, "Models": networks, "Corrections": {}, "Inputs": {}}
            if self._reuse == "same" and differences(own, wanted, self.recipe):
                return False
        return True

    def kept(self, phase: Phase) -> Kept:
        """Stored results of a phase, and what they were made from."""
        described = next(n for n in phase.makes if has_record(self._files[n]))
        record = self._record(described) or {}
        return Kept({n: self._files[n] for n in phase.makes}, record.get("Inputs", {}))

    def _verdict(self, phase: Phase, results: tuple[str, ...]) -> Verdict:
        if results not in self._verdicts:
            self._verdicts[results] = self._look(phase, results)
        return self._verdicts[results]

    def _look(self, phase: Phase, results: tuple[str, ...]) -> Verdict:
        absent = [self._shown(name) for name in results if not self.is_there(name)]
        if absent:
            more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
            return Verdict(False, f"not stored yet: {', '.join(absent[:SHOWN])}{more}")
        damaged = self._damaged(phase)
        if damaged is not None:
            return damaged
        if self._reuse == "any":
            return Verdict(True, "stored, kept whatever it was made with")
        described = [name for name in results if has_record(self._files[name])]
        if not described:
            return Verdict(False, f"stored, but nothing tells how {results[0]} was made")
        wanted = self.provenance.record(phase.name)
        wanted["Inputs"] = {n: d for n in phase.reads if (d := self._digest(n)) is not None}
        return self._compared(described, wanted)

    def _damaged(self, phase: Phase) -> Verdict | None:
        """What speaks against the stored results of a phase, those not needed among them."""
        for name in (*phase.makes, *phase.sometimes):
            if self.is_there(name) and self.fault(name):
                return Verdict(False, f"stored, but {self._shown(name)}: {self.fault(name)}")
        return None

    def _find_fault(self, name: str) -> str:
        """See `fault`; of a file without a record nothing is known but whether it opens."""
        path, phase = self._files[name], self.recipe.maker(name)
        mask = phase.correctable.get(name)
        if self._record(name) is None:
            if self._reuse == "same":
                return opening_fault(path)
            if mask is not None:
                return mask_fault(path, self._files.get(mask.grid), None)
            return points_fault(path) if name in phase.points else opening_fault(path)
        stored = self._stored_fault(name)
        if not stored or stored == UNFINISHED:
            return stored
        if name in phase.points:
            return points_fault(path)
        if mask is None:
            return stored
        labels = None if mask.labels is None else mask.labels | self._labels_of_networks()
        return mask_fault(path, self._files.get(mask.grid), labels)

    def _labels_of_networks(self) -> frozenset[int]:
        """Labels that networks of other packages than the usual ones give."""
        found: set[int] = set()
        for package in self.provenance.models.values():
            config = getattr(package, "config", None)
            found.update(config.labels.values() if config is not None else ())
        return frozenset(found)

    def _shown(self, name: str) -> str:
        """File name of a result; with its folder where another one has the same name."""
        path = self._files.get(name)
        if path is None:
            return name
        made = (n for phase in self.recipe.phases for n in phase.makes if n in self._files)
        names = [self._files[other].name for other in made]
        return path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"

    def _compared(self, described: list[str], wanted: Mapping[str, Any]) -> Verdict:
        edited = False
        for name in described:
            record = self._record(name)
            if record is None:
                return Verdict(False, f"stored, but nothing tells how {name} was made")
            differ = differences(record, wanted, self.recipe)
            if differ:
                return Verdict(False, f"stored result does not fit: {'; '.join(differ)}")
            edited |= bool(self._stored_fault(name))
        return Verdict(True, EDITED if edited else "stored, made the same way")

    def _record(self, name: str) -> Mapping[str, Any] | None:
        """What is known of how a stored result was made, None if nothing is."""
        if name not in self._records:
            path = self._files[name]
            self._records[name] = read_record(path) if has_record(path) else None
        return self._records[name]

    def _stored_fault(self, name: str) -> str:
        """See `stored_fault`, of a result that has a record."""
        if name not in self._stored_faults:
            record = self._record(name)
            assert record is not None
            self._stored_faults[name] = stored_fault(self._files[name], record)
        return self._stored_faults[name]

    def _digest(self, name: str) -> str | None:
        """Digest of a stored file, None if it is absent."""
        if name not in self._digests:
            there = self.is_there(name)
            self._digests[name] = file_digest(self._files[name]) if there else None
        return self._digests[name]
