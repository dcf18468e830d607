"""What all systems share: which scans, from a scan to its job, from a job to its workflow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from numpy.typing import NDArray

from spineps_nipype import __version__
from spineps_nipype.bids.corrections import Corrections, find_corrections
from spineps_nipype.bids.dataset_description import SOURCES, describe_dataset
from spineps_nipype.bids.header import ScanHeader, grid_of, read_header
from spineps_nipype.bids.names import split_extension
from spineps_nipype.bids.query import Query, Scan, find_scans, read_filter_file
from spineps_nipype.bids.sidecars import scan_metadata
from spineps_nipype.core.corrected_masks import corrected_mask
from spineps_nipype.core.files import write_text
from spineps_nipype.core.image_checks import check_shape, volume_shape
from spineps_nipype.core.labels import Label
from spineps_nipype.core.nifti_files import check_length
from spineps_nipype.core.session_names import Decision
from spineps_nipype.errors import InputError, SpinepsError
from spineps_nipype.reports.boilerplate import system_text
from spineps_nipype.results.plan import ScanPlan, plan_scan
from spineps_nipype.results.recipe import SCAN, Recipe
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.scan_output import ScanOutput
from spineps_nipype.results.sidecar import generated_by

from ..engine.memory_estimates import check_tiles
from ..engine.run_resources import Machine
from ..options.run_options import RunOptions
from .model_choice import ChosenModels
from .output_checks import check_foreign, check_names
from .scan_jobs import (
    NamedScan,
    PlannedScan,
    ScanJob,
    check_free,
    check_memory,
    jobs_of,
    plan_each,
    refused,
    workflow_name,
)
from .targets import Target

SESSION: Final = "session"
"""Kind of correction: names that a session decided."""


def named_by_session(recipe: Recipe) -> frozenset[str]:
    """Phases into whose results a session works its names."""
    return frozenset(phase.name for phase in recipe.phases if SESSION in phase.takes)


def names_anew(job: ScanJob) -> bool:
    """Whether a job names the vertebrae of its scan, or named them before it was carried out."""
    return bool(job.plan.running & named_by_session(job.output.provenance.recipe))


class SegmentationSystem(ABC):
    """Base of all systems, see `base.System`; the recipe says what there is to do."""

    name: ClassVar[str]
    generated_as: ClassVar[str] = ""
    """What sidecars call the system, where the name of this package says too little."""
    writes_pages: ClassVar[bool] = True
    engine: ClassVar[str] = "torch"
    """What computes its networks; empty where there are none."""
    remedy_4d: ClassVar[str] = ""
    """What to do about a series that is refused, where the usual remedy does not help."""
    work_bytes: ClassVar[int]
    """Files in the work folder for each voxel of a scan [bytes]."""
    output_bytes: ClassVar[int]
    """Files in the output folder for each voxel of a scan [bytes]."""

    def __init__(self, options: RunOptions) -> None:
        self.folders, self.selection = options.folders, options.selection
        self.policy, self.models_dir = options.results, options.models.models_dir

    @property
    def log_models_in(self) -> Path | None:
        """Folder for the file that names the models of each scan."""
        return None

    @property
    def names_sessions(self) -> bool:
        """Whether the scans of a session name their vertebrae together."""
        return False

    def renamed(self, job: ScanJob, decision: Decision) -> ScanJob:
        """A scan that is done, with what is left to do where its session names it otherwise."""
        raise NotImplementedError(
            f"{self.name} does not let sessions name {job.label}: {decision}"
        )

    @property
    @abstractmethod
    def recipe(self) -> Recipe:
        """Phases of the system under the options of the run."""

    @property
    @abstractmethod
    def results(self) -> Mapping[str, str]:
        """Results that a finished scan has, with words for them."""

    @property
    @abstractmethod
    def kinds(self) -> tuple[str, ...]:
        """Kinds of models that the table of a run names."""

    @abstractmethod
    def find(self) -> Query:
        """Scans of the dataset that are for this system."""

    @abstractmethod
    def targets(self, scans: Sequence[Path], device: str) -> dict[Path, Target]:
        """Where the results of the scans of a run go, and what decides about them."""

    @abstractmethod
    def choose(self, scan: Scan, header: ScanHeader) -> ChosenModels:
        """Networks that segment a scan.

        Raises
        ------
        ModelError, CompatibilityError
            If there are none, or the scan does not fit them.
        """

    @abstractmethod
    def memory(self, header: ScanHeader, models: ChosenModels) -> Mapping[str, float]:
        """Memory of the nodes by name [GB]."""

    @abstractmethod
    def tables(self) -> dict[str, list[Label]]:
        """Labels by the file name of their table."""

    @abstractmethod
    def compute(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        """Workflow that makes what is left of a scan, without storing it."""

    def averages_4d(self) -> bool:
        """Whether 4-D images are welcome."""
        return self.selection.average_4d

    def corrections(self, scan: Scan, files: Mapping[str, Path]) -> Corrections:
        """What a reader corrected: masks that lie where the system would put its own."""
        root = self.folders.output_dir
        kinds = [kind for kind in self.recipe.corrections if kind in files]
        return find_corrections(
            scan.path,
            self.policy.derivatives,
            segments={},
            files={kind: files[kind].relative_to(root) for kind in kinds},
            system=self.name,
        )

    def check_corrections(self, scan: Path, corrections: Corrections) -> None:
        """Refuse corrected masks that are not labels on the grid of their scan, as nodes would.

        Raises
        ------
        InputError, EmptyResultError
            With the mask, and what is wrong with it.
        """
        shape, affine = self.correction_grid(scan)
        for path in corrections.masks.values():
            corrected_mask(path, shape, affine)

    def correction_grid(self, scan: Path) -> tuple[tuple[int, ...], NDArray[Any]]:
        """Grid of the corrected masks of a scan: voxels, and voxel indices to world [mm]."""
        return grid_of(scan)

    def kept(
        self,
        models: ChosenModels,  # noqa: ARG002
        corrections: Corrections,  # noqa: ARG002
    ) -> Collection[str]:
        """Results that the run keeps of a scan, as far as they are made."""
        return self.recipe.results

    def asked(self) -> Collection[str]:
        """Settings that are on and ask for further results."""
        return ()

    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """Further entries of the sidecars of single results."""
        return {}

    def entries_of(self, named: NamedScan) -> Mapping[str, Mapping[str, Any]]:  # noqa: ARG002
        """The same with those that hold for one scan."""
        return self.entries()

    def confidences(self) -> Mapping[str, str]:
        """Results whose sidecars tell confidences, and the tables that have them."""
        return {}

    def computed_by(self, target: Target) -> str:
        """What computes the networks of a scan: what is chosen, where there is a choice."""
        chosen = target.settings.get("engine")
        return str(chosen["engine"]) if chosen else self.engine

    def space(self, header: ScanHeader, models: ChosenModels) -> tuple[float, float]:  # noqa: ARG002
        """Files of a scan in the work folder and in the output folder [GB]."""
        voxels = prod(header.shape)
        return self.work_bytes * voxels / 1e9, self.output_bytes * voxels / 1e9

    def jobs(self, scans: Iterable[Scan], machine: Machine) -> list[PlannedScan]:
        """Networks, stored results and memory of each scan."""
        scans = list(scans)
        targets = self.targets([scan.path for scan in scans], machine.device)
        names: set[str] = set()
        named = [
            NamedScan(
                scan,
                split_extension(scan.path.name)[0],
                workflow_name(scan.path, self.folders.bids_dir, names),
                {SCAN: scan.path, **targets[scan.path].files},
                self.results,
                self.kinds,
            )
            for scan in scans
        ]
        return plan_each(named, lambda one: self._look(one, targets[one.scan.path], machine))

    def describe(self) -> None:
        """Description of the derivative, label tables."""
        describe_dataset(
            self.folders.output_dir,
            self.folders.bids_dir,
            self.policy.derivatives,
            system=self.name,
            tables=self.tables(),
        )

    def write_methods(self, folder: Path, scans: Sequence[PlannedScan]) -> Path:
        """Text with the networks, rules and the source of the system."""
        used = jobs_of(scans)
        networks = {k: p.id for job in used for k, p in job.models.packages.items() if p}
        text = system_text(self.name, __version__, len(used), networks, SOURCES[self.name])
        write_text(folder / "CITATION.md", text)
        return folder / "CITATION.md"

    def workflow(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        """Everything that is left of a scan; results are stored as soon as they are there."""
        from ..store import init_scan_wf

        compute = self.compute(job, device=device, omp_nthreads=omp_nthreads)
        return init_scan_wf(compute=compute, plan=job.plan, output=job.output, name=job.name)

    def query(self, modalities: Iterable[str], plane: str | Collection[str] | None) -> Query:
        """Scans of some modalities and planes that the options want."""
        asked, file = self.selection, self.selection.bids_filter_file
        return find_scans(
            self.folders.bids_dir,
            modalities=tuple(modalities),
            plane=plane,
            participant_label=asked.participant_label,
            exclude_participant_label=asked.exclude_participant_label,
            session_label=asked.session_label,
            filters=read_filter_file(file) if file else None,
            ignore_bids_filter=asked.ignore_bids_filter,
        )

    def _look(self, named: NamedScan, target: Target, machine: Machine) -> PlannedScan:
        """Job of a scan, or why there is none and what was known of the scan by then."""
        header: ScanHeader | None = None
        models: ChosenModels | None = None
        try:
            header = self._header(named.scan.path)
            models = self.choose(named.scan, header)
            return self._job(named, target, header, models, machine)
        except SpinepsError as fault:
            return refused(named, fault, header, models)

    def _header(self, path: Path) -> ScanHeader:
        header = read_header(path)
        check_length(path)
        shape = volume_shape(header.shape)
        try:
            check_shape(shape, path, self.averages_4d())
        except InputError as fault:
            if len(shape) == 4 and self.remedy_4d:
                raise InputError(fault.what, file=path, remedy=self.remedy_4d) from fault
            raise
        return header

    def _job(
        self,
        named: NamedScan,
        target: Target,
        header: ScanHeader,
        models: ChosenModels,
        machine: Machine,
    ) -> ScanJob:
        check_names(named, self.recipe, self.folders)
        corrections = self.corrections(named.scan, target.files)
        provenance, plan = self._planned(named, target, models, corrections)
        if corrections.session and plan.running & named_by_session(self.recipe):
            # Made anew, a scan has names by itself first.
            corrections = replace(corrections, session="")
            provenance, plan = self._planned(named, target, models, corrections)
        output = ScanOutput(
            provenance,
            named.files,
            kept=self.kept(models, corrections),
            asked=self.asked(),
            metadata=self._metadata(named.scan.path, header, target, models, corrections, machine),
            entries=self.entries_of(named),
            confidences=self.confidences(),
            root=self.folders.output_dir,
        )
        memory_gb: Mapping[str, float] = {}
        if not plan.all_done:
            check_foreign(plan, output)
            if corrections.masks:
                self.check_corrections(named.scan.path, corrections)
            memory_gb = self.memory(header, models)
            check_memory(named.scan.path, header, machine.memory_gb)
            check_tiles(models.packages, machine.memory_gb)
            self._check_space(named.scan.path, header, models)
        return ScanJob(
            **vars(named),
            header=header,
            models=models,
            plan=plan,
            output=output,
            memory_gb=memory_gb,
            corrections=corrections,
            arguments=target.arguments,
        )

    def _planned(
        self, named: NamedScan, target: Target, models: ChosenModels, corrections: Corrections
    ) -> tuple[Provenance, ScanPlan]:
        """How the results of a scan shall be made, and what is left to do."""
        provenance = Provenance(
            self.recipe, target.settings, models.packages, corrections.digests()
        )
        plan = plan_scan(
            provenance,
            named.files,
            overrides=self.policy.override,
            asked=self.asked(),
            reuse=self.policy.reuse,
        )
        return provenance, plan

    def _metadata(
        self,
        path: Path,
        header: ScanHeader,
        target: Target,
        models: ChosenModels,
        corrections: Corrections,
        machine: Machine,
    ) -> dict[str, Any]:
        """Entries of all sidecars of a scan."""
        made = {
            **generated_by(self.generated_as),
            **scan_metadata(
                path, self.folders.bids_dir, notes=models.notes, warnings=header.warnings
            ),
        }
        made["Sources"] = [*made["Sources"], *corrections.sources]
        engine = self.computed_by(target)
        return {**made, "Device": machine.device, "Engine": engine} if engine else made

    def _check_space(self, path: Path, header: ScanHeader, models: ChosenModels) -> None:
        work_gb, output_gb = self.space(header, models)
        check_free(path, self.folders.work_folder, work_gb)
        check_free(path, self.folders.output_dir, output_gb)
