"""What the systems beside SPINEPS share: one step a scan, stored with a record of its making."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from spineps_nipype import __version__
from spineps_nipype.bids.header import ScanHeader, read_header
from spineps_nipype.bids.query import Query, Scan, find_scans, read_filter_file
from spineps_nipype.bids.sidecars import scan_metadata
from spineps_nipype.bids.system_description import SOURCES, describe_system
from spineps_nipype.core.files import file_digest, whole_file
from spineps_nipype.core.image_checks import check_shape, volume_shape
from spineps_nipype.errors import InputError
from spineps_nipype.models.lookup import comes_with_us
from spineps_nipype.reports.boilerplate import system_text
from spineps_nipype.results.plan import ScanPlan, Step, StoredResults, read_record
from spineps_nipype.results.record import differences

from ..options.run_options import RunOptions
from ..store import Description
from .model_choice import ChosenModels
from .scan_jobs import Unit, check_free, check_memory, gather_units

ALGORITHM = 1
"""Raised when a system gives other results than before, so that stored ones are made again."""

DESCRIBED = (".nii.gz", ".json")
"""Kinds of results that say how they were made."""


@dataclass(frozen=True)
class Package:
    """Networks of a system as a record names them."""

    id: str
    digest: str
    folder: Path


class SisterSystem(ABC):
    """Base of the systems beside SPINEPS: see `base.System`."""

    name: ClassVar[str]
    log_models_in = None
    work_bytes: ClassVar[int] = 60
    """Files in the work folder for each voxel of a scan [bytes]."""
    output_bytes: ClassVar[int] = 8
    """Files in the output folder for each voxel of a scan [bytes]."""
    remedy_4d: ClassVar[str] = ""
    """What to do about a series that is refused, where the usual remedy does not help."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.packages = self._packages()

    @abstractmethod
    def _packages(self) -> dict[str, Any]:
        """Networks by kind; raises `ModelError` when one is absent."""

    @abstractmethod
    def paths(self, scan: Path) -> dict[str, Path]:
        """Output paths of a scan by result."""

    @property
    @abstractmethod
    def results(self) -> Mapping[str, str]:
        """Results that a finished scan has, with words for them."""

    @abstractmethod
    def settings(self, scan: Path) -> dict[str, Any]:
        """Everything but scan and networks that decides about the results."""

    @abstractmethod
    def memory(self, header: ScanHeader) -> dict[str, float]:
        """Memory of the nodes by name [GB]."""

    @abstractmethod
    def tables(self) -> dict[str, list[tuple[int, str]]]:
        """Label tables by file name: number and name."""

    def find(self) -> Query:
        """Scans of the modalities that are asked for."""
        return self._query(self.options.selection.modalities, None)

    def averages_4d(self) -> bool:
        """Whether 4-D images are welcome."""
        return self.options.selection.average_4d

    def units(self, scans: Iterable[Scan], memory_gb: float) -> list[Unit]:
        """Stored results and memory of each scan."""
        notes = ()
        own = sorted({p.id for p in self.packages.values() if comes_with_us(p.folder)})
        if own:
            notes = (f"Made with compact networks ({', '.join(own)}), not with released weights.",)
        models = ChosenModels(dict(self.packages), notes)

        def new(scan: Scan, label: str, name: str) -> Unit:
            return Unit(
                scan,
                label,
                name,
                self.paths(scan.path),
                models=models,
                results=self.results,
                kinds=tuple(self.packages),
            )

        return gather_units(
            scans, self.options.folders.bids_dir, new, lambda unit: self._prepare(unit, memory_gb)
        )

    def describe(self) -> None:
        """Description of the derivative, label tables."""
        describe_system(
            self.options.folders.output_dir,
            self.options.folders.bids_dir,
            system=self.name,
            tables=self.tables(),
        )

    def write_methods(self, folder: Path, units: Sequence[Unit]) -> Path:
        """Text with the networks, rules and the source of the system."""
        used = sum(unit.fault is None for unit in units)
        networks = {kind: package.id for kind, package in self.packages.items()}
        text = system_text(self.name, __version__, used, networks, SOURCES[self.name])
        with whole_file(folder / "CITATION.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        return folder / "CITATION.md"

    def description(self, unit: Unit) -> Description:
        """What the sidecars of a scan say."""
        return Description(self._record(unit.scan.path), unit.metadata)

    def _query(self, modalities: Iterable[str], plane: str | None) -> Query:
        asked, file = self.options.selection, self.options.selection.bids_filter_file
        return find_scans(
            self.options.folders.bids_dir,
            modalities=tuple(modalities),
            plane=plane,
            participant_label=asked.participant_label,
            exclude_participant_label=asked.exclude_participant_label,
            session_label=asked.session_label,
            filters=read_filter_file(file) if file else None,
            ignore_bids_filter=asked.ignore_bids_filter,
            database=asked.bids_database_dir,
        )

    def _prepare(self, unit: Unit, memory_gb: float) -> None:
        path = unit.scan.path
        unit.header = header = read_header(path)
        shape = volume_shape(header.shape)
        try:
            check_shape(shape, path, self.averages_4d())
        except InputError as fault:
            remedy = self.remedy_4d if len(shape) == 4 and self.remedy_4d else fault.remedy
            raise InputError(fault.what, file=path, remedy=remedy) from fault
        unit.metadata = {
            "GeneratedBy": [
                {"Name": "spineps_nipype", "Version": __version__, "Description": self.name}
            ],
            **scan_metadata(path, self.options.folders.bids_dir, notes=unit.models.notes),
        }
        unit.plan = ScanPlan((self._step(unit),), StoredResults())
        if unit.runs:
            unit.memory_gb = self.memory(header)
            check_memory(path, header, memory_gb)
            voxels = 1
            for size in header.shape:
                voxels *= size
            for folder, each in (
                (self.options.folders.work_folder, self.work_bytes),
                (self.options.folders.output_dir, self.output_bytes),
            ):
                check_free(path, folder, each * voxels / 1e9)

    def _record(self, scan: Path) -> dict[str, Any]:
        return {
            "Phase": self.name,
            "Algorithm": {self.name: ALGORITHM},
            "Settings": self.settings(scan),
            "Models": {k: {"id": p.id, "digest": p.digest} for k, p in self.packages.items()},
        }

    def _step(self, unit: Unit) -> Step:
        """Whether the stored results can be used, and why."""
        if self.options.results.override_others:
            return Step(self.name, "run", "override_others is set")
        files = [unit.paths[key] for key in unit.results]
        absent = [path.name for path in files if not path.is_file()]
        if absent:
            more = f" and {len(absent) - 2} more" if len(absent) > 2 else ""
            return Step(self.name, "run", f"not stored yet: {', '.join(absent[:2])}{more}")
        if self.options.results.reuse == "any":
            return Step(self.name, "stored", "stored, kept whatever it was made with")
        wanted = self._record(unit.scan.path)
        wanted["Inputs"] = {"scan": file_digest(unit.scan.path)}
        described = [path for path in files if path.name.endswith(DESCRIBED)]
        if not described:
            return Step(self.name, "run", f"nothing tells how {files[0].name} was made")
        for path in described:
            stored = read_record(path)
            if stored is None:
                return Step(self.name, "run", f"nothing tells how {path.name} was made")
            differ = differences(stored, wanted)
            if differ:
                return Step(self.name, "run", f"stored result does not fit: {'; '.join(differ)}")
        return Step(self.name, "stored", "stored, made the same way")


def run_anyway(workflow: Any) -> None:
    """Make all nodes of a workflow run although the work folder holds their results."""
    for name in workflow.list_node_names():
        workflow.get_node(name).overwrite = True


def digest_or_none(path: Path | None) -> str:
    """Digest of a file that may be absent, as settings record it."""
    return "none" if path is None else file_digest(path)
