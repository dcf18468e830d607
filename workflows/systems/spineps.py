"""SPINEPS at the participant level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spineps_nipype.bids.corrections import read_fixed_names
from spineps_nipype.bids.dataset_description import describe_dataset
from spineps_nipype.bids.names import SNAPSHOT_FOLDER
from spineps_nipype.bids.query import Query, Scan, find_scans, read_filter_file
from spineps_nipype.models.engine_choice import choose_engine

from ..app.messages import say_unused_names
from ..app.run_records import write_methods
from ..engine.available_resources import choose_device
from ..options.run_options import RunOptions
from .model_choice import ModelChooser
from .scan_jobs import Unit, make_units

ScanWorkflow = Callable[..., Any]


class SpinepsSystem:
    """The SPINEPS pipeline: see `base.System`.

    Parameters
    ----------
    options
        What the run is asked to do.
    build
        Makes the workflow of one scan; `init_scan_wf` unless given.

    Raises
    ------
    ModelError
        If a model that is asked for by name is not there.
    InputError
        If the table of names that a reader fixed cannot be used.
    """

    name = "spineps"

    def __init__(self, options: RunOptions, build: ScanWorkflow | None = None) -> None:
        self._options, self._build = options, build
        table = options.results.manual_labels
        self._names = {} if table is None else read_fixed_names(table)
        self._chooser = ModelChooser(options.models)
        self.log_models_in = options.folders.output_dir / SNAPSHOT_FOLDER

    def find(self) -> Query:
        """Scans of the modalities and planes that the models are for."""
        asked, file = self._options.selection, self._options.selection.bids_filter_file
        return find_scans(
            self._options.folders.bids_dir,
            modalities=asked.modalities,
            plane=None if asked.ignore_compatibility else self._chooser.planes() or {"sag"},
            participant_label=asked.participant_label,
            exclude_participant_label=asked.exclude_participant_label,
            session_label=asked.session_label,
            filters=read_filter_file(file) if file else None,
            ignore_bids_filter=asked.ignore_bids_filter,
            database=asked.bids_database_dir,
        )

    def units(self, scans: Iterable[Scan], memory_gb: float) -> list[Unit]:
        """Models, stored results and memory of each scan.

        Raises
        ------
        ResourceError
            If the engine that is asked for is not installed, or the device cannot do it.
        """
        self._options = _with_engine(self._options)
        units = make_units(scans, self._options, self._chooser, memory_gb, self._names)
        say_unused_names(self._names, units)
        return units

    def describe(self) -> None:
        """Description of the derivative, label tables."""
        folders = self._options.folders
        describe_dataset(folders.output_dir, folders.bids_dir, self._options.results.derivatives)

    def write_methods(self, folder: Path, units: Sequence[Unit]) -> Path:
        """Text and references."""
        return write_methods(folder, self._options.settings, units)

    def workflow(self, unit: Unit, *, device: str, omp_nthreads: int) -> Any:
        """All phases that are left of a scan."""
        from ..scan import init_scan_wf

        options = self._options
        assert unit.models is not None
        return (self._build or init_scan_wf)(
            in_file=unit.scan.path,
            paths=unit.paths,
            plan=unit.plan,
            models=unit.models.packages,
            settings=options.settings,
            override=options.results.override,
            metadata=unit.metadata,
            corrections=unit.corrections,
            out_root=options.folders.output_dir,
            name=unit.name,
            average_4d=options.selection.average_4d,
            device=device,
            omp_nthreads=omp_nthreads,
            mem_gb=unit.memory_gb,
            note=" ".join(unit.models.notes),
        )


def _with_engine(options: RunOptions) -> RunOptions:
    """Options that name the engine and the precision in force, as records need them."""
    asked = options.settings.engine
    engine = choose_engine(asked, choose_device(options.machine.device))
    return replace(options, settings=replace(options.settings, engine=engine))
