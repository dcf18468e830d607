"""What a run keeps of one scan, where it goes, and what its sidecars say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spineps_nipype.bids.sidecars import bids_uri

from .plan import wanted_extras
from .recipe import Phase
from .record import Provenance
from .sidecar import Description


@dataclass(frozen=True)
class ScanOutput:
    """Output files of one scan.

    Parameters
    ----------
    provenance
        How the results are made.
    files
        Inputs of the recipe, and where its results go, by name.
    kept
        Results that the run keeps, where it makes them.
    asked
        Settings that are on and ask for further results.
    metadata
        Entries of all sidecars.
    entries
        Further entries of the sidecars of single results: of tables, what their columns mean.
    confidences
        Results whose sidecars tell the confidence of each name, and the tables that have it.
    root
        Root of the output dataset, which stored files are named from as sources of others.
    """

    provenance: Provenance
    files: Mapping[str, Path]
    kept: Collection[str]
    asked: Collection[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    confidences: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None

    def products(self, phase: Phase) -> tuple[str, ...]:
        """Results of a phase that are stored when it runs, in that order.

        Those that nobody misses where they are absent come before those that tell that it is done.
        """
        extras = wanted_extras(phase, self.provenance, self.asked)
        wanted = (*phase.sometimes, *phase.makes, *extras)
        copies = self.provenance.recipe.copies
        return tuple(
            name
            for name in wanted
            if name in self.kept
            and name in self.files
            and self.files[name] != self.files.get(copies.get(name, ""))
        )

    def described(self, phase: Phase) -> tuple[str, ...]:
        """Those among them that say how they were made."""
        return tuple(n for n in self.products(phase) if n not in phase.undescribed)

    def description(self, phase: Phase) -> Description:
        """What the sidecars of a phase say."""
        results = self.described(phase)
        return Description(
            self.provenance.record(phase.name),
            {**self.metadata, "Sources": self._sources(phase)},
            {name: self.entries[name] for name in results if name in self.entries},
            {
                n: table
                for n, table in self.confidences.items()
                if n in results and table in results
            },
        )

    def _sources(self, phase: Phase) -> list[str]:
        """BIDS URIs of what a phase was made from: the scan, then results that are kept."""
        uris: list[str] = list(self.metadata.get("Sources", []))
        if self.root is None:
            return uris
        read = [self.files[n] for n in phase.reads if n in self.kept and n in self.files]
        return uris + [bids_uri(path, self.root, "") for path in read]
