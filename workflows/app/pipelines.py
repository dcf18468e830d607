"""Several systems in one run, each into its own folder, and their comparison."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import SpinepsError

from ..options.other_systems import SC_EPI, SPINE_SEGMENTATION, SPINEPS, TOTALSPINESEG
from ..options.run_options import Folders, RunOptions
from ..stored.scans import CONSENSUS, roots_of
from .outcomes import ALL_DONE, NOTHING_RAN, SOME_FAILED, WRONG_USAGE, fault_line
from .participant import RunEnd, run_participants, run_system

SYSTEMS: Final[Mapping[str, tuple[str, str]]] = {
    SPINEPS: ("spineps", "SpinepsSystem"),
    TOTALSPINESEG: ("totalspineseg", "TotalSpineSegSystem"),
    SC_EPI: ("sc_epi", "ScEpiSystem"),
    SPINE_SEGMENTATION: ("spine_segmentation", "SpineSegmentationSystem"),
}
"""Module and class of each system."""


def run_pipelines(options: RunOptions) -> int:
    """Run what ``--pipeline`` asks for, one system after another; returns the exit status.

    Scans of one system run side by side. A system that fails does not stop the others. SPINEPS
    comes last, as the scans of its sessions read what the others found.
    """
    asked = options.task.pipelines
    if not asked:
        return run_participants(options)
    ends: dict[str, RunEnd] = {}
    for name in sorted(asked, key=SPINEPS.__eq__):
        print(f"--- {name} ---", flush=True)
        own = of_system(options, name)
        ends[name] = run_system(own, partial(_system, name, own))
        stopped = ends[name].interrupted or (
            options.behaviour.stop_on_first_crash and ends[name].status != ALL_DONE
        )
        if stopped or ends[name].status == WRONG_USAGE:
            break
    else:
        _compare(options, ends)
    status = joint_status([end.status for name, end in ends.items() if name != CONSENSUS])
    compared = ends.get(CONSENSUS)
    if status == ALL_DONE and compared is not None and compared.status != ALL_DONE:
        status = SOME_FAILED
    if len(asked) > 1:
        print(_last_line(asked, ends))
    return status


def of_system(options: RunOptions, name: str) -> RunOptions:
    """Options of one system: results and work in folders of its own."""
    return replace(
        options,
        folders=options.folders.of_system(name),
        task=replace(options.task, pipelines=(name,)),
    )


def joint_status(statuses: Sequence[int]) -> int:
    """Exit status of several systems."""
    if WRONG_USAGE in statuses:
        return WRONG_USAGE
    if all(status == NOTHING_RAN for status in statuses):
        return NOTHING_RAN
    return ALL_DONE if all(status == ALL_DONE for status in statuses) else SOME_FAILED


def _system(name: str, options: RunOptions) -> Any:
    module, kind = SYSTEMS[name]
    return getattr(importlib.import_module(f"..systems.{module}", __package__), kind)(options)


def _compare(options: RunOptions, ends: dict[str, RunEnd]) -> None:
    """Compare the systems where two or more of them have named vertebrae."""
    from ..systems.consensus import ConsensusSystem, comparable

    folders = options.folders
    if options.task.dry_run or not comparable(folders.output_dir):
        return
    print(f"--- {CONSENSUS} ---", flush=True)
    own = of_system(options, CONSENSUS)
    system = ConsensusSystem(own, folders.output_dir)
    try:
        scans = [scan.path for scan in system.find().scans]
    except SpinepsError as fault:
        print(fault_line(fault))
        return
    if not scans:
        print("No scan has results of two systems.")
        return
    ends[CONSENSUS] = run_system(own, lambda: system)
    for line in system.lines(scans):
        print(line)
    _write_pages_again(folders, scans)


def _write_pages_again(folders: Folders, scans: Sequence[Path]) -> None:
    """Write the pages of compared scans again, with what the comparison says."""
    from ..stored.subject_pages import write_pages

    for root in roots_of(folders.output_dir):
        write_pages(root, folders.bids_dir, scans)


def _last_line(asked: Sequence[str], ends: Mapping[str, RunEnd]) -> str:
    words = {ALL_DONE: "done", NOTHING_RAN: "nothing could run", SOME_FAILED: "some scans failed"}
    ran = [*(n for n in asked if n in ends), *(n for n in ends if n not in asked)]
    said = [f"{n}: {words.get(ends[n].status, 'wrong usage')}" for n in ran]
    said += [f"{n}: not started" for n in asked if n not in ends]
    return "; ".join(said) + "."
