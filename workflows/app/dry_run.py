"""What a run would do: scans, phases, what is stored and what is not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..options.run_options import WORKFLOW_NAME
from ..systems.scan_jobs import PlannedScan, RefusedScan, jobs_of
from .outcomes import exit_status, outcomes


def dry_run(work_folder: Path, scans: Sequence[PlannedScan]) -> int:
    """Say what would happen, and change nothing."""
    for one in scans:
        print(_plan_text(one, work_folder))
    jobs = jobs_of(scans)
    todo = sum(job.runs for job in jobs)
    done, faulty = len(jobs) - todo, len(scans) - len(jobs)
    print(
        f"{len(scans)} scans: {todo} would run, {done} are done, {faulty} cannot run. "
        "Nothing was changed."
    )
    return exit_status(outcomes(scans)) if faulty else 0


def _plan_text(one: PlannedScan, work_folder: Path) -> str:
    lines = [f"{one.label}  [{one.scan.path}]"]
    if one.header is not None:
        shape = " x ".join(map(str, one.header.shape))
        zooms = " x ".join(f"{z:.2f}" for z in one.header.zooms)
        axes = "".join(one.header.axis_codes)
        lines.append(f"  image     {shape} voxels of {zooms} mm, {axes}")
        lines += [f"  warning   {warning}" for warning in one.header.warnings]
    if one.models is not None:
        packages = one.models.packages
        names = [f"{k}: {p.id if p else 'none'}" for k, p in packages.items()]
        lines.append(f"  models    {', '.join(names)}")
        lines += [f"  note      {note}" for note in one.models.notes]
    if isinstance(one, RefusedScan):
        lines.append(f"  cannot run ({one.fault.code.name}): {one.fault}")
        return "\n".join(lines)
    lines += [f"  {step.phase:<10}{step.action:<8}{step.why}" for step in one.plan]
    if one.runs and (work_folder / WORKFLOW_NAME / one.name).is_dir():
        lines.append("  The work folder remembers nodes of this scan; those that fit are not run.")
    return "\n".join(lines)
