"""What a run of the BIDS App is asked to do, in parts: each room takes the parts that it reads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from spineps_nipype import __version__
from spineps_nipype.sc_epi.settings import ScEpiOptions
from spineps_nipype.spine_segmentation.settings import SpineSegmentationOptions
from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.totalspineseg.settings import TotalSpineSegOptions

WORKFLOW_NAME: Final = "spineps_" + "_".join(__version__.split(".")[:2]) + "_wf"
"""Carries the minor version: work of another version is not believed."""
AUTO = "auto"
NO_MODEL = "none"
Level = Literal["participant", "group"]
OutputLayout = Literal["spineps", "bids"]
Plugin = Literal["MultiProc", "Linear", "SLURM", "SLURMGraph"]


@dataclass(frozen=True)
class Folders:
    """Where a run reads and writes.

    Parameters
    ----------
    bids_dir, output_dir
        Dataset, which is only read, and folder of the results.
    work_dir
        Memory of unfinished work, None is ``work`` in the output folder.
    """

    bids_dir: Path
    output_dir: Path
    work_dir: Path | None = None

    @property
    def work_folder(self) -> Path:
        """Work folder in force."""
        return self.work_dir or self.output_dir / "work"

    @property
    def logs(self) -> Path:
        """Folder with a folder for each run."""
        return self.output_dir / "logs"

    def of_system(self, name: str) -> Folders:
        """Folders of one of several systems: results and work below those of the run."""
        return replace(self, output_dir=self.output_dir / name, work_dir=self.work_folder / name)


@dataclass(frozen=True)
class ScanSelection:
    """Which scans of the dataset run.

    Parameters
    ----------
    participant_label, exclude_participant_label, session_label
        Which subjects and sessions; empty for all, and for none that is left out.
    modalities
        Which kinds of scans.
    bids_filter_file
        JSON file that limits the scans further.
    ignore_bids_filter
        Take every image that is no mask, whatever its name.
    skip_bids_validation
        Do not look for names and files that are not BIDS.
    average_4d
        Average 4-D images instead of refusing them.
    ignore_compatibility
        Run scans that do not fit the model.
    """

    participant_label: tuple[str, ...] = ()
    exclude_participant_label: tuple[str, ...] = ()
    session_label: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ("T2w",)
    bids_filter_file: Path | None = None
    ignore_bids_filter: bool = False
    skip_bids_validation: bool = False
    average_4d: bool = False
    ignore_compatibility: bool = False


@dataclass(frozen=True)
class ModelChoice:
    """Which model packages are used.

    Parameters
    ----------
    models_dir
        Folder of installed models; None is that of the environment.
    model_semantic, model_instance, model_labeling
        Model id, folder, or ``auto``; for labelling also ``none``.
    """

    models_dir: Path | None = None
    model_semantic: str = AUTO
    model_instance: str = AUTO
    model_labeling: str = AUTO


@dataclass(frozen=True)
class MachineRequest:
    """What of the machine a run may use; None is what the machine gives.

    Parameters
    ----------
    device
        Where networks run.
    nprocs, omp_nthreads, mem_gb, gpu_procs
        Processors, threads of a network, memory [GB], and networks on the GPU at the same time.
    low_mem
        One node at a time.
    """

    device: str = AUTO
    nprocs: int | None = None
    omp_nthreads: int | None = None
    mem_gb: float | None = None
    gpu_procs: int | None = None
    low_mem: bool = False


@dataclass(frozen=True)
class Scheduling:
    """How nodes are started.

    Parameters
    ----------
    plugin, nipype_plugin_file
        Plugin of nipype by name, or as a file says it.
    sbatch_args, gpu_sbatch_args
        Options for jobs of SLURM, and for those on a GPU.
    """

    plugin: Plugin = "MultiProc"
    nipype_plugin_file: Path | None = None
    sbatch_args: str = ""
    gpu_sbatch_args: str = ""


@dataclass(frozen=True)
class ResultPolicy:
    """What becomes of results.

    Parameters
    ----------
    derivatives
        Names and folders of datasets with corrected masks.
    manual_labels
        Table of vertebra names that a reader fixed.
    no_session_names
        Whether each scan names its vertebrae by itself.
    reuse
        Which stored results are kept.
    override
        Options of the recipes that ask for results to be made again, by name.
    output_layout
        Names of the results: those of SPINEPS, or of BIDS.
    """

    derivatives: tuple[tuple[str, Path], ...] = ()
    manual_labels: Path | None = None
    no_session_names: bool = False
    reuse: Literal["same", "any"] = "same"
    override: tuple[str, ...] = ()
    output_layout: OutputLayout = "spineps"


@dataclass(frozen=True)
class Task:
    """What is done at all.

    Parameters
    ----------
    level
        ``participant`` segments scans, ``group`` gathers what is stored.
    pipelines
        Systems to run, each into its own folder; empty for SPINEPS into the output folder.
    dry_run, boilerplate_only, reports_only
        Only list what would run, only write the text for a methods section, or only write the
        pages again.
    """

    level: Level = "participant"
    pipelines: tuple[str, ...] = ()
    dry_run: bool = False
    boilerplate_only: bool = False
    reports_only: bool = False


@dataclass(frozen=True)
class RunBehaviour:
    """How a run goes about it, and what it tells.

    Parameters
    ----------
    clean_workdir
        Delete what earlier runs left in the work folder.
    stop_on_first_crash
        Do not go on with other scans.
    debug, verbose
        Tracebacks on the terminal, and how much is told.
    write_graph, resource_monitor
        Further files beside the logs.
    """

    clean_workdir: bool = False
    stop_on_first_crash: bool = False
    debug: bool = False
    verbose: int = 0
    write_graph: bool = False
    resource_monitor: bool = False


@dataclass(frozen=True)
class RunOptions:
    """All options of one run.

    Their names on the command line, in configuration files and in ``run.json`` are flat: see
    `spineps_nipype.settings.flat_values`.

    Parameters
    ----------
    settings
        Options of the phases of SPINEPS.
    totalspineseg, sc_epi, spine_segmentation
        Options of the other systems.
    """

    folders: Folders
    task: Task = field(default_factory=Task)
    selection: ScanSelection = field(default_factory=ScanSelection)
    models: ModelChoice = field(default_factory=ModelChoice)
    machine: MachineRequest = field(default_factory=MachineRequest)
    scheduling: Scheduling = field(default_factory=Scheduling)
    results: ResultPolicy = field(default_factory=ResultPolicy)
    behaviour: RunBehaviour = field(default_factory=RunBehaviour)
    settings: PipelineSettings = field(default_factory=PipelineSettings)
    totalspineseg: TotalSpineSegOptions = field(default_factory=TotalSpineSegOptions)
    sc_epi: ScEpiOptions = field(default_factory=ScEpiOptions)
    spine_segmentation: SpineSegmentationOptions = field(default_factory=SpineSegmentationOptions)
