"""The participant level of the BIDS App: all scans of a dataset, each by itself."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.bids.query import Query
from spineps_nipype.bids.sidecars import package_versions
from spineps_nipype.core.files import whole_file
from spineps_nipype.errors import InputError, ModelError, OutputError, ResourceError, SpinepsError

from .dry_run import dry_run
from .guards import library_environment, make_folder, only_run, terminable
from .options import WORKFLOW_NAME, RunOptions
from .resources import available_cpus, available_memory_gb, choose_device, threads_per_node
from .run_log import run_log
from .summary import (
    NOTHING_RAN,
    WRONG_USAGE,
    Outcome,
    exit_status,
    fault_line,
    last_words,
    outcomes,
    write_table,
)
from .systems.base import System
from .systems.spineps import ScanWorkflow, SpinepsSystem
from .units import Unit, check_folders

logger = logging.getLogger("spineps_nipype.run")

MODELS_NOTE: Final = "MODELS.txt"
"""File beside the snapshots that says which models made them."""


def run_participants(options: RunOptions, build: ScanWorkflow | None = None) -> int:
    """Segment the scans of a dataset.

    Parameters
    ----------
    options
        What to do.
    build
        Makes the workflow of one scan; `init_scan_wf` unless given.

    Returns
    -------
    int
        Exit status: 0 all scans are done, 1 nothing could run, 2 wrong usage, 3 some failed.
    """
    return run_system(options, lambda: SpinepsSystem(options, build))


def run_system(options: RunOptions, make: Callable[[], System]) -> int:
    """Run one system on a dataset; parameters and result as `run_participants`.

    Parameters
    ----------
    make
        Makes the system; what it raises ends the run with its message.
    """
    try:
        check_folders(options)
        system = make()
        query = system.find()
    except SpinepsError as fault:
        print(fault_line(fault))
        return NOTHING_RAN if isinstance(fault, ModelError) else WRONG_USAGE
    _say_what_is_left_out(query)
    try:
        if not query.scans:
            raise _no_scans(options, query)
        if options.dry_run:
            memory_gb = options.mem_gb or available_memory_gb()
            return dry_run(options, system.units(query.scans, memory_gb))
        return _run(options, query, system)
    except SpinepsError as fault:
        print(fault_line(fault))
        return NOTHING_RAN


def _run(options: RunOptions, query: Query, system: System) -> int:
    device = choose_device(options.device)
    nprocs = options.nprocs or available_cpus()
    memory_gb = options.mem_gb or available_memory_gb()
    run_id = f"{time.strftime('%Y%m%d-%H%M%S')}_{uuid.uuid4().hex[:8]}"
    logs = options.output_dir / "logs" / run_id
    make_folder(logs)
    make_folder(options.work_folder)
    with (
        only_run(options.work_folder),
        run_log(logs / "run.log", options.verbose),
        terminable(),
    ):
        threads = options.omp_nthreads or threads_per_node(nprocs, len(query.scans))
        with library_environment(threads):
            units = system.units(query.scans, memory_gb)
            system.describe()
            _write_record(logs / "run.json", options, units, device, nprocs, threads, memory_gb)
            _log_models(units, system.log_models_in)
            results = _execute(units, options, system, logs, device, nprocs, threads, memory_gb)
    table: Path | None = logs / "scans.tsv"
    try:
        write_table(results, logs / "scans.tsv")
    except OutputError as fault:
        table = None
        print(f"The table of this run is missing: {fault}")
    print(last_words(results, table))
    return exit_status(results)


def _execute(
    units: Sequence[Unit],
    options: RunOptions,
    system: System,
    logs: Path,
    device: str,
    nprocs: int,
    threads: int,
    memory_gb: float,
) -> list[Outcome]:
    """Run the scans that are left; what happens to each of them is its outcome."""
    todo = [unit for unit in units if unit.runs]
    if not todo:
        return outcomes(units)
    if options.plugin == "MultiProc":
        _warm_up()  # libraries load in the background while the graph is built
    from nipype.pipeline import engine as pe

    from .engine import EXECUTION, make_plugin
    from .progress import Progress

    workflow = pe.Workflow(name=WORKFLOW_NAME, base_dir=str(options.work_folder))
    for unit in todo:
        scan_wf = system.workflow(unit, device=device, omp_nthreads=threads)
        workflow.add_nodes([scan_wf])
    workflow.config["execution"] = {
        **EXECUTION,
        "crashdump_dir": str(logs),
        "stop_on_first_crash": str(options.stop_on_first_crash).lower(),
    }
    progress = Progress(_nodes_of(workflow, todo), logs / "progress.jsonl")
    plugin = make_plugin(
        options.plugin,
        nprocs=nprocs,
        memory_gb=memory_gb,
        gpus=int(device != "cpu"),
        observe=progress,
        tick=progress.tick,
        worker_log=logs / "workers.log",
        log_level=logging.WARNING if options.verbose < 2 else logging.DEBUG,
    )
    interrupted = False
    try:
        workflow.run(plugin=plugin)
    except KeyboardInterrupt:
        interrupted = True
    except Exception as fault:
        if not any(scan.failure for scan in progress.scans.values()):
            logger.exception("the run ended early")
            raise ResourceError(
                f"The run ended early: {type(fault).__name__}: {fault}."
            ) from fault
    finally:
        progress.end()
    return outcomes(units, progress, interrupted)


def _nodes_of(workflow: Any, units: Sequence[Unit]) -> dict[str, tuple[str, list[str]]]:
    """Label and nodes of each scan; identity nodes vanish when the graph is run."""
    nodes: dict[str, list[str]] = {unit.name: [] for unit in units}
    for name in workflow.list_node_names():
        interface = workflow.get_node(name).interface
        if type(interface).__name__ != "IdentityInterface":
            nodes[name.partition(".")[0]].append(f"{workflow.name}.{name}")
    return {unit.name: (unit.label, nodes[unit.name]) for unit in units}


def _say_what_is_left_out(query: Query) -> None:
    """Name images that somebody might miss, each kind of reason once."""
    reasons: dict[str, list[str]] = {}
    for image in query.skipped:
        if not image.expected:
            reasons.setdefault(image.why, []).append(image.path.name)
    for why, names in reasons.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        print(f"not taken: {', '.join(names[:3])}{more}: {why}", file=sys.stderr)


def _no_scans(options: RunOptions, query: Query) -> InputError:
    found = f"{len(query.skipped)} images are there, none of them fits" if query.skipped else ""
    first = f"; the first: {query.skipped[0].path.name}: {query.skipped[0].why}" if found else ""
    return InputError(
        f"There is no {' or '.join(options.modalities)} scan to segment"
        + (f" ({found}{first})." if found else "."),
        file=options.bids_dir,
        remedy="Scans are called like sub-01/anat/sub-01_T2w.nii.gz; "
        "--modalities and --ignore-bids-filter widen the search.",
    )


def _log_models(units: Sequence[Unit], folder: Path | None) -> None:
    """Say in the log, and in a file of a folder, which models are used."""
    lines: list[str] = []
    for unit in units:
        if unit.models is None:
            continue
        names = ", ".join(f"{k} {p.id if p else 'none'}" for k, p in unit.models.packages.items())
        lines.append(f"{unit.label}: {names}. {' '.join(unit.models.notes)}".rstrip())
    notes = sorted({note for unit in units if unit.models for note in unit.models.notes})
    for note in notes:
        logger.warning("%s", note)
    for line in lines:
        logger.info("%s", line)
    if lines and folder is not None:
        with whole_file(folder / MODELS_NOTE) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_record(
    path: Path,
    options: RunOptions,
    units: Sequence[Unit],
    device: str,
    nprocs: int,
    threads: int,
    memory_gb: float,
) -> None:
    """Write down what this run was asked to do, and on what machine."""
    asked: Mapping[str, Any] = asdict(options)
    record = {
        "version": __version__,
        "packages": package_versions(),
        "command": sys.argv,
        "options": asked,
        "device": device,
        "nprocs": nprocs,
        "omp_nthreads": threads,
        "memory_gb": memory_gb,
        "scans": [str(unit.scan.path) for unit in units],
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


def _warm_up() -> None:
    from .worker import start_server

    start_server()
