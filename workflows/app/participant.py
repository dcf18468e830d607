"""The participant level of the BIDS App: all scans of a dataset, each by itself."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spineps_nipype.bids.query import Query
from spineps_nipype.errors import ErrCode, ModelError, OutputError, ResourceError, SpinepsError

from ..engine.plugin_choice import OURS, PluginChoice, choose_plugin, make_foreign_plugin
from ..engine.run_guards import (
    child_environment,
    clean_work,
    inside,
    interrupt_on_sigterm,
    lock_work_folder,
    make_writable,
)
from ..engine.run_log import run_log
from ..engine.run_resources import Machine, choose_machine
from ..engine.usage_monitor import resource_monitor
from ..options.overrides import SESSION_NAMES as OVERRIDE_SESSION_NAMES
from ..options.run_options import WORKFLOW_NAME, Folders, RunBehaviour, RunOptions
from ..systems.base import System
from ..systems.common import names_anew
from ..systems.scan_jobs import PlannedScan, ScanJob, check_folders, jobs_of
from ..systems.spineps import SpinepsSystem
from .dry_run import dry_run
from .graph_picture import write_graph
from .messages import no_scan_error, report_bids_faults, report_skipped_images
from .outcomes import (
    ALL_DONE,
    INTERRUPTED,
    NOTHING_RAN,
    WRONG_USAGE,
    Outcome,
    closing_lines,
    exit_status,
    fault_line,
    outcomes,
    with_names,
    write_table,
)
from .run_records import log_models, write_records

if TYPE_CHECKING:
    from .session_names import SessionNames

logger = logging.getLogger("spineps_nipype.run")


def run_participants(options: RunOptions) -> int:
    """Segment the scans of a dataset.

    Returns
    -------
    int
        Exit status: 0 all scans are done, 1 nothing could run, 2 wrong usage, 3 some failed.
    """
    return run_system(options, lambda: SpinepsSystem(options)).status


class RunEnd(NamedTuple):
    """Exit status of a run, and whether it was stopped from outside."""

    status: int
    interrupted: bool = False


def run_system(options: RunOptions, make: Callable[[], System]) -> RunEnd:
    """Run one system on a dataset.

    Parameters
    ----------
    options
        What to do.
    make
        Makes the system; what it raises ends the run with its message.
    """
    folders, selection, task = options.folders, options.selection, options.task
    try:
        check_folders(folders)
        plugin = choose_plugin(options.scheduling)
        system = make()
        query = system.find()
    except SpinepsError as fault:
        print(fault_line(fault))
        return RunEnd(NOTHING_RAN if isinstance(fault, ModelError) else WRONG_USAGE)
    report_skipped_images(query)
    report_bids_faults(folders.bids_dir, selection, query)
    try:
        if not query.scans:
            raise no_scan_error(folders.bids_dir, selection, query)
        if task.dry_run or task.boilerplate_only:
            machine = choose_machine(options.machine, plugin, len(query.scans))
            scans = system.jobs(query.scans, machine)
            if task.dry_run:
                return RunEnd(_dry_run(options, system, scans))
            print(f"Text for a methods section: {system.write_methods(folders.logs, scans)}")
            return RunEnd(ALL_DONE)
        return _run(options, query, system, plugin)
    except SpinepsError as fault:
        print(fault_line(fault))
        return RunEnd(NOTHING_RAN)


def _run(options: RunOptions, query: Query, system: System, plugin: PluginChoice) -> RunEnd:
    folders, behaviour = options.folders, options.behaviour
    machine = choose_machine(options.machine, plugin, len(query.scans))
    logs = folders.logs / f"{time.strftime('%Y%m%d-%H%M%S')}_{uuid.uuid4().hex[:8]}"
    try:
        make_writable(logs)
        make_writable(folders.work_folder)
    except OutputError as fault:
        return _only_look(query, system, machine, fault)
    with (
        lock_work_folder(folders.work_folder),
        run_log(logs / "run.log", behaviour.verbose),
        interrupt_on_sigterm(),
        nullcontext() if plugin.on_cluster else inside(folders.work_folder),
        child_environment(machine.threads),
        resource_monitor(logs) if behaviour.resource_monitor else nullcontext(),
    ):
        if behaviour.clean_workdir:
            clean_work(folders.work_folder)
        scans = system.jobs(query.scans, machine)
        if plugin.name == "MultiProc" and any(job.runs for job in jobs_of(scans)):
            _warm_up()  # libraries load in the background while the graph is built
        system.describe()
        write_records(logs, options, scans, machine)
        system.write_methods(logs, scans)
        log_models(scans, system.log_models_in)
        work = folders.work_folder
        results = _execute(scans, behaviour, system, plugin, logs, work, machine)
        named = _let_sessions_decide(options, system, scans, results)
        if named.jobs:
            print(f"{len(named.jobs)} scans get what their sessions decided about names.")
            second = _execute(named.jobs, behaviour, system, plugin, logs, work, machine)
            results = with_names(results, second)
        for line in named.lines:
            print(line)
    table: Path | None = logs / "scans.tsv"
    try:
        write_table(results, logs / "scans.tsv")
    except OutputError as fault:
        table = None
        print(f"The table of this run is missing: {fault}")
    interrupted = any(result.reason == INTERRUPTED for result in results)
    if interrupted:  # whoever stops a run does not wait long for its last words
        print("The pages of the subjects are left out; --reports-only writes them.")
    elif system.writes_pages:
        _write_pages(folders, [one.scan.path for one in scans])
    print(closing_lines(results, table))
    return RunEnd(exit_status(results), interrupted)


def _let_sessions_decide(
    options: RunOptions,
    system: System,
    scans: Sequence[PlannedScan],
    results: Sequence[Outcome] = (),
) -> SessionNames:
    """What the scans of each session decide about their names; nothing if the run was stopped."""
    from .session_names import SessionNames, name_sessions

    if not system.names_sessions or any(r.reason == INTERRUPTED for r in results):
        return SessionNames()
    done = {r.scan.name for r in results if r.code == ErrCode.OK}
    return name_sessions(
        system,
        scans,
        options.folders,
        made={job.name for job in jobs_of(scans) if job.name in done and names_anew(job)},
        failed={r.scan.label for r in results if not r.succeeded},
        override=OVERRIDE_SESSION_NAMES in options.results.override,
    )


def _dry_run(options: RunOptions, system: System, scans: Sequence[PlannedScan]) -> int:
    """Say what would happen, as far as stored results tell."""
    status = dry_run(options.folders.work_folder, scans)
    for line in _let_sessions_decide(options, system, scans).lines:
        print(line)
    return status


def _only_look(query: Query, system: System, machine: Machine, fault: OutputError) -> RunEnd:
    """End of a run in a folder that cannot be written: a good one if nothing is left to do.

    Raises
    ------
    OutputError
        The given one, if something is to be computed.
    """
    scans = system.jobs(query.scans, machine)
    if any(job.runs for job in jobs_of(scans)):
        raise fault
    results = outcomes(scans)
    print(f"Nothing is left to do, and nothing was written: {fault.file} cannot be written.")
    print(closing_lines(results, None))
    return RunEnd(exit_status(results))


def _write_pages(folders: Folders, scans: Sequence[Path]) -> None:
    """Pages of the subjects of a run; they are not worth its results."""
    from ..stored.subject_pages import write_pages

    try:
        for page in write_pages(folders.output_dir, folders.bids_dir, scans):
            print(f"Page: {page}")
    except Exception as fault:
        logger.exception("the pages could not be written")
        print(f"The pages are missing: {fault}; --reports-only writes them again.")


def _execute(
    scans: Sequence[PlannedScan],
    behaviour: RunBehaviour,
    system: System,
    choice: PluginChoice,
    logs: Path,
    work: Path,
    machine: Machine,
) -> list[Outcome]:
    """Run the scans that are left; what happens to each of them is its outcome."""
    todo = [job for job in jobs_of(scans) if job.runs]
    if not todo:
        return outcomes(scans)
    from nipype.pipeline import engine as pe

    from ..engine.plugins import EXECUTION, make_plugin
    from ..engine.progress import Progress

    workflow = pe.Workflow(name=WORKFLOW_NAME, base_dir=str(work))
    for job in todo:
        scan_wf = system.workflow(job, device=machine.device, omp_nthreads=machine.threads)
        workflow.add_nodes([scan_wf])
    workflow.config["execution"] = {
        **EXECUTION,
        "crashdump_dir": str(logs),
        "stop_on_first_crash": str(behaviour.stop_on_first_crash).lower(),
    }
    if behaviour.write_graph:
        write_graph(workflow, logs)
    progress = Progress(
        _nodes_of(workflow, todo), logs / "progress.jsonl", tracebacks=behaviour.debug
    )
    if choice.name in OURS:
        plugin = make_plugin(
            choice.name,
            nprocs=machine.nprocs,
            memory_gb=machine.memory_gb,
            gpus=machine.gpus,
            observe=progress,
            tick=progress.tick,
            worker_log=logs / "workers.log",
            log_level=logging.WARNING if behaviour.verbose < 2 else logging.DEBUG,
            plugin_args=choice.other_args,
        )
    else:
        plugin = make_foreign_plugin(choice, progress)
    interrupted = False
    try:
        workflow.run(plugin=plugin)
        if choice.name not in OURS:  # it may have told nothing: then the files say what is done
            progress.assume_finished()
    except KeyboardInterrupt:
        interrupted = True
    except Exception as fault:
        if not any(scan.failure for scan in progress.scans.values()):
            if isinstance(fault, SpinepsError):
                raise
            logger.exception("the run ended early")
            raise ResourceError(
                f"The run ended early: {type(fault).__name__}: {fault}.",
                file=logs / "run.log",
                remedy="Run it again: what is finished is kept.",
            ) from fault
    finally:
        progress.end()
    return outcomes(scans, progress, interrupted)


def _nodes_of(workflow: Any, jobs: Sequence[ScanJob]) -> dict[str, tuple[str, list[str]]]:
    """Label and nodes of each scan; identity nodes vanish when the graph is run."""
    nodes: dict[str, list[str]] = {job.name: [] for job in jobs}
    for name in workflow.list_node_names():
        interface = workflow.get_node(name).interface
        if type(interface).__name__ != "IdentityInterface":
            nodes[name.partition(".")[0]].append(f"{workflow.name}.{name}")
    return {job.name: (job.label, nodes[job.name]) for job in jobs}


def _warm_up() -> None:
    from ..engine.node_process import start_server

    start_server()
