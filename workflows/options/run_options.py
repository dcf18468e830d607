"""What a run of the BIDS App is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from spineps_nipype import __version__
from spineps_nipype.settings import PipelineSettings

from .other_systems import SisterOptions

WORKFLOW_NAME: Final = "spineps_" + "_".join(__version__.split(".")[:2]) + "_wf"
"""Carries the minor version: work of another version is not believed."""
AUTO = "auto"
OutputLayout = Literal["spineps", "bids"]
Level = Literal["participant", "group"]
NO_MODEL = "none"


@dataclass(frozen=True)
class RunOptions:
    """Options of one run.

    Parameters
    ----------
    bids_dir, output_dir
        Dataset, which is only read, and folder of the results.
    participant_label, exclude_participant_label, session_label
        Which subjects and sessions; empty for all, and for none that is left out.
    modalities
        Which kinds of scans.
    bids_filter_file
        JSON file that limits the scans further.
    ignore_bids_filter
        Take every image that is no mask, whatever its name.
    bids_database_dir
        Folder that keeps the index of the dataset; None indexes anew.
    skip_bids_validation
        Do not look for names and files that are not BIDS.
    derivatives
        Names and folders of datasets with corrected masks.
    manual_labels
        Table of vertebra names that a reader fixed.
    work_dir, clean_workdir
        Memory of unfinished work, None is ``work`` in the output folder; whether it is emptied.
    nprocs, omp_nthreads, mem_gb, gpu_procs
        Processors, threads of a network, memory, and networks on the GPU at the same time; None
        is what the machine gives.
    low_mem
        One node at a time.
    device, plugin, nipype_plugin_file
        Where networks run, and how nodes are started.
    sbatch_args, gpu_sbatch_args
        Options for jobs of SLURM, and for those on a GPU.
    models_dir
        Folder of installed models; None is that of the environment.
    model_semantic, model_instance, model_labeling
        Model id, folder, or ``auto``; for labelling also ``none``.
    ignore_compatibility
        Run scans that do not fit the model.
    settings
        Options of the phases of SPINEPS.
    override
        Options of the recipes that ask for results to be made again.
    reuse
        Which stored results are kept.
    output_layout
        Names of the results: those of SPINEPS, or of BIDS.
    average_4d
        Average 4-D images instead of refusing them.
    stop_on_first_crash, dry_run, boilerplate_only, debug
        How the run behaves.
    level, reports_only
        ``participant`` segments scans, ``group`` gathers what is stored; whether pages are only
        written again.
    write_graph, resource_monitor, verbose
        What it tells.
    pipelines
        Systems to run, each into its own folder; empty for SPINEPS into the output folder.
    sister
        Options of the systems beside SPINEPS.
    """

    bids_dir: Path
    output_dir: Path
    level: Level = "participant"
    participant_label: tuple[str, ...] = ()
    exclude_participant_label: tuple[str, ...] = ()
    session_label: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ("T2w",)
    bids_filter_file: Path | None = None
    ignore_bids_filter: bool = False
    bids_database_dir: Path | None = None
    skip_bids_validation: bool = False
    derivatives: tuple[tuple[str, Path], ...] = ()
    manual_labels: Path | None = None
    work_dir: Path | None = None
    clean_workdir: bool = False
    nprocs: int | None = None
    omp_nthreads: int | None = None
    mem_gb: float | None = None
    low_mem: bool = False
    gpu_procs: int | None = None
    device: str = AUTO
    plugin: Literal["MultiProc", "Linear", "SLURM", "SLURMGraph"] = "MultiProc"
    nipype_plugin_file: Path | None = None
    sbatch_args: str = ""
    gpu_sbatch_args: str = ""
    models_dir: Path | None = None
    model_semantic: str = AUTO
    model_instance: str = AUTO
    model_labeling: str = AUTO
    ignore_compatibility: bool = False
    settings: PipelineSettings = PipelineSettings()
    override: frozenset[str] = frozenset()
    reuse: Literal["same", "any"] = "same"
    output_layout: OutputLayout = "spineps"
    average_4d: bool = False
    stop_on_first_crash: bool = False
    dry_run: bool = False
    boilerplate_only: bool = False
    reports_only: bool = False
    debug: bool = False
    write_graph: bool = False
    resource_monitor: bool = False
    verbose: int = 0
    pipelines: tuple[str, ...] = ()
    sister: SisterOptions = SisterOptions()

    @property
    def work_folder(self) -> Path:
        """Work folder in force."""
        return self.work_dir or self.output_dir / "work"
