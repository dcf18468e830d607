"""SPINEPS at the participant level."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from spineps_nipype.bids.bids_layout import bids_paths
from spineps_nipype.bids.compatibility import check_compatibility
from spineps_nipype.bids.corrections import Corrections, find_corrections, read_fixed_names
from spineps_nipype.bids.dataset_description import label_tables
from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import SNAPSHOT_FOLDER, output_paths, parse_name, session_of
from spineps_nipype.bids.query import Query, Scan
from spineps_nipype.core.corrected_masks import refuse_empty
from spineps_nipype.core.images import load_mask
from spineps_nipype.core.labels import Label
from spineps_nipype.core.planes import image_plane
from spineps_nipype.core.session_names import Decision, Renamed
from spineps_nipype.errors import CompatibilityError, InputError, ModelError
from spineps_nipype.results.plan import ScanPlan, StoredResults, plan_after
from spineps_nipype.results.recipe import Recipe
from spineps_nipype.results.sidecar import read_record
from spineps_nipype.results.validity import EDITED
from spineps_nipype.spineps.recipe import (
    asked_for,
    recipe,
    recorded_settings,
    result_files,
    settled,
    stored_results,
)
from spineps_nipype.spineps.settings import OverrideSettings
from spineps_nipype.spineps.upstream import upstream

from ..engine.memory_estimates import model_voxels, scan_memory
from ..engine.run_resources import Machine
from ..options.other_systems import SPINEPS
from ..options.run_options import RunOptions
from .common import SESSION, SegmentationSystem
from .model_choice import KINDS, ChosenModels, ModelChooser
from .scan_jobs import NamedScan, PlannedScan, ScanJob
from .spineps_methods import write_methods
from .targets import Target

logger = logging.getLogger("spineps_nipype.run")

AMONG: Final = "NamesDecidedAmong"
"""Entry of the sidecar of a table of names: all such tables of its session, or those to come."""
CLASS_BYTES: Final = 8
"""Class probabilities, for each class and voxel of the model's grid [bytes]."""


class SpinepsSystem(SegmentationSystem):
    """The SPINEPS pipeline: see `base.System`.

    Parameters
    ----------
    options
        What the run is asked to do.

    Raises
    ------
    ModelError
        If a model that is asked for by name is not there.
    InputError
        If the table of names that a reader fixed cannot be used.
    """

    name: ClassVar[str] = SPINEPS
    generated_as: ClassVar[str] = ""
    work_bytes: ClassVar[int] = 40
    output_bytes: ClassVar[int] = 6
    kinds: tuple[str, ...] = KINDS
    results: Mapping[str, str] = {
        "spine": "spine mask",
        "vert": "vertebra mask",
        "poi": "centroids",
        "snapshot": "snapshot",
    }

    def __init__(self, options: RunOptions) -> None:
        super().__init__(options)
        self._settings = options.settings
        table = options.results.manual_labels
        self._names = {} if table is None else read_fixed_names(table)
        self._chooser = ModelChooser(
            options.models, ignore_compatibility=options.selection.ignore_compatibility
        )
        self._sessions: dict[tuple[str, str], list[Path]] = {}

    @property
    def recipe(self) -> Recipe:
        """The phases of every run, and those that the options ask for."""
        return recipe(self._settings.save)

    @property
    def log_models_in(self) -> Path:
        """The folder that gathers the snapshots."""
        return self.folders.output_dir / SNAPSHOT_FOLDER

    def find(self) -> Query:
        """Scans of the modalities and planes that the models are for."""
        asked = self.selection
        planes = self._chooser.planes() or {"sag"}
        return self.query(asked.modalities, None if asked.ignore_compatibility else planes)

    def jobs(self, scans: Iterable[Scan], machine: Machine) -> list[PlannedScan]:
        """As of every system; names that a reader fixed for no scan are told."""
        planned = super().jobs(scans, machine)
        unused = sorted(set(self._names) - {one.label for one in planned})
        if unused:
            listed = ", ".join(unused[:3]) + (" and more" if len(unused) > 3 else "")
            logger.warning("--manual-labels: rows for scans that are not in this run: %s", listed)
        return planned

    def targets(self, scans: Sequence[Path], device: str) -> dict[Path, Target]:
        """Paths in the layout that is asked for; engine and tiles are those for the device.

        Raises
        ------
        ResourceError
            If the engine that is asked for is not installed, or the device cannot do it.
        """
        self._sessions = {}
        for scan in scans if self.names_sessions else ():
            table = self._files(scan)["labels_table"]
            self._sessions.setdefault(session_of(parse_name(scan)), []).append(table)
        settings = settled(self._settings, device)
        recorded = recorded_settings(settings)
        return {
            scan: Target(self._files(scan), recorded, {"settings": settings}) for scan in scans
        }

    def choose(self, scan: Scan, header: ScanHeader) -> ChosenModels:
        """The models that fit a scan, and the networks that help them."""
        from spineps_nipype.spineps.helper_networks import helper_networks

        try:
            models = self._chooser.choose(scan.modality, header)
            if not self.selection.ignore_compatibility:
                _check_fit(scan.path, header, models)
            helpers = helper_networks(
                self._settings,
                models.semantic.config,
                header.shape,
                header.zooms,
                header.axis_codes,
            )
        except (CompatibilityError, InputError, ModelError) as fault:
            raise type(fault)(
                fault.what, file=fault.file or scan.path, remedy=fault.remedy
            ) from fault
        return replace(models, packages={**models.packages, **helpers})

    @property
    def names_sessions(self) -> bool:
        """Whether the scans of a session name their vertebrae together."""
        return not (self.policy.no_session_names or upstream(self._settings.numerics).scans_alone)

    def corrections(self, scan: Scan, files: Mapping[str, Path]) -> Corrections:
        """Masks with the entities of the scan, fixed names, and what its session has decided."""
        found = find_corrections(scan.path, self.policy.derivatives, self._names, system=self.name)
        record = read_record(files["labels_table"]) if self.names_sessions else None
        decided = (record or {}).get("Corrections", {}).get(SESSION, "")
        if decided and any(entry[1] is not None for entry in found.names):
            logger.warning(
                "--manual-labels: %s has names of its session; 'found' means those by the scan "
                "alone, in the column 'found' of %s",
                scan.path.name,
                files["labels_table"].name,
            )
        return replace(found, session=decided)

    def check_corrections(self, scan: Path, corrections: Corrections) -> None:
        """As of every system; a vertebra mask must hold a vertebra."""
        from spineps_nipype.spineps.numbers import vertebrae_alone

        super().check_corrections(scan, corrections)
        if corrections.vert is not None:
            refuse_empty(
                vertebrae_alone(load_mask(corrections.vert).get_array()), corrections.vert
            )

    def kept(
        self,
        models: ChosenModels,
        corrections: Corrections,
    ) -> frozenset[str]:
        """Raw masks unless they are not wanted; a table of names where names are given."""
        named = corrections.names or models.packages["labeling"] is not None
        without = set() if named and corrections.vert is None else {"labels_table"}
        if corrections.spine is not None:
            without.add("evidence")
        return stored_results(self._settings.save) - without

    def asked(self) -> Collection[str]:
        """Which additional files are kept."""
        return asked_for(self._settings.save)

    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """Meaning of masks and of the columns of tables."""
        from spineps_nipype.spineps.descriptions import ENTRIES

        return ENTRIES

    def entries_of(self, named: NamedScan) -> Mapping[str, Mapping[str, Any]]:
        """The table of names also says which tables of the session the run knew of."""
        entries, tables = self.entries(), self._session_tables(named.scan)
        if len(tables) < 2:
            return entries
        table = {**entries["labels_table"], AMONG: tables}
        return {**entries, "labels_table": table}

    def renamed(self, job: ScanJob, decision: Decision) -> ScanJob:
        """A scan that is done, with what is left to do where its session names it otherwise."""
        corrections = replace(job.corrections, session=decision.digest)
        way = replace(job.output.provenance, corrections=corrections.digests())
        said = {"NamesDecidedBy": list(decision.scans), "NamesProbability": decision.probability}
        entries = dict(job.output.entries)
        entries |= {name: {**entries[name], **said} for name in ("vert", "labels_table")}
        plan = plan_after(way, job.files, "final")
        if _is_edited(job.plan):
            plan = replace(plan, stored=_without_evidence(plan))
        return replace(
            job,
            plan=plan,
            output=replace(job.output, provenance=way, entries=entries),
            corrections=corrections,
            memory_gb=self.memory(job.header, job.models),
            arguments={**job.arguments, "session": Renamed(decision, job.files)},
        )

    def confidences(self) -> Mapping[str, str]:
        """The sidecar of the vertebra mask tells the confidence of each name."""
        from spineps_nipype.spineps.descriptions import CONFIDENCES

        return CONFIDENCES

    def memory(self, header: ScanHeader, models: ChosenModels) -> Mapping[str, float]:
        """By the number of voxels and the networks."""
        return scan_memory(header, models.packages, self._settings)

    def space(self, header: ScanHeader, models: ChosenModels) -> tuple[float, float]:
        """Volumes, and probabilities where they are asked for; series are averaged."""
        voxels, save = prod(header.shape[:3]), self._settings.save
        config = models.semantic.config
        classes = len(set(config.labels.values())) + 1
        further = int(save.save_softmax_logits) + int(save.save_probseg)
        probabilities = further * CLASS_BYTES * classes * model_voxels(header, config)
        return (
            (self.work_bytes * voxels + probabilities) / 1e9,
            (self.output_bytes * voxels + probabilities) / 1e9,
        )

    def tables(self) -> dict[str, list[Label]]:
        """Labels of both masks."""
        return label_tables()

    def write_methods(self, folder: Path, scans: Sequence[PlannedScan]) -> Path:
        """Text and references."""
        return write_methods(folder, self._settings, scans)

    def compute(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        """All phases that are left of a scan."""
        from ..spineps import init_spineps_wf

        return init_spineps_wf(
            semantic_model=job.models.semantic,
            instance_model=job.models.package("instance"),
            labeling_model=job.models.packages["labeling"],
            override=self._override(),
            stored=_without_evidence(job.plan) if _is_edited(job.plan) else job.plan.stored,
            corrections=job.corrections,
            average_4d=self.selection.average_4d,
            device=device,
            omp_nthreads=omp_nthreads,
            mem_gb=job.memory_gb,
            note=" ".join(job.models.notes),
            header_warnings=job.header.warnings,
            **job.arguments,
        )

    def _session_tables(self, scan: Scan) -> list[str]:
        """Tables of names of the session of a scan: those of this run, and stored ones."""
        mates = self._sessions.get(session_of(scan.name), [])
        homes = {path.parent for path in mates}
        stored = {path.name for home in homes for path in home.glob("*_labels.tsv")}
        return sorted(stored | {path.name for path in mates})

    def _override(self) -> OverrideSettings:
        names = {f.name for f in fields(OverrideSettings)}
        asked = self.policy.override
        return OverrideSettings(**{name: name in asked for name in names})

    def _files(self, scan: Path) -> dict[str, Path]:
        bids_dir, output_dir = self.folders.bids_dir, self.folders.output_dir
        if self.policy.output_layout == "bids":
            paths = bids_paths(scan, bids_dir, output_dir)
        else:
            snapshots = output_dir / SNAPSHOT_FOLDER
            paths = output_paths(scan, bids_dir, output_dir, snapshot_folder=snapshots)
        return result_files(paths, scan)


def _is_edited(plan: ScanPlan) -> bool:
    """Whether a reader changed a mask where it is stored."""
    return any(step.why == EDITED for step in plan)


def _without_evidence(plan: ScanPlan) -> StoredResults:
    """Stored results without what the network says of its own mask, as another one stands now."""
    files = {name: path for name, path in plan.stored.files.items() if name != "evidence"}
    return replace(plan.stored, files=files)


def _check_fit(path: Path, header: ScanHeader, models: ChosenModels) -> None:
    """Refuse a scan that a model is not for.

    Raises
    ------
    CompatibilityError
        With the reasons.
    """
    plane = image_plane(header.zooms, header.axis_codes)
    for kind in ("semantic", "labeling"):
        package = models.packages[kind]
        if package is None:
            continue
        reasons = check_compatibility(path, plane, package.config)
        if reasons:
            raise CompatibilityError(
                f"The scan does not fit the {kind} model {package.id}: {'; '.join(reasons)}.",
                file=path,
                remedy="Choose another model, or --ignore-inference-compatibility.",
            )
