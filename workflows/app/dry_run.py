"""What a run would do: scans, phases, what is stored and what is not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..options.run_options import WORKFLOW_NAME
from ..systems.scan_jobs import Unit
from .outcomes import exit_status, outcomes


def dry_run(work_folder: Path, units: Sequence[Unit]) -> int:
    """Say what would happen, and change nothing."""
    for unit in units:
        print(_plan_text(unit, work_folder))
    todo = sum(unit.runs for unit in units)
    done = sum(unit.done_before for unit in units)
    faulty = len(units) - todo - done
    print(
        f"{len(units)} scans: {todo} would run, {done} are done, {faulty} cannot run. "
        "Nothing was changed."
    )
    return exit_status(outcomes(units)) if faulty else 0


def _plan_text(unit: Unit, work_folder: Path) -> str:
    lines = [f"{unit.label}  [{unit.scan.path}]"]
    if unit.header is not None:
        shape = " x ".join(map(str, unit.header.shape))
        zooms = " x ".join(f"{z:.2f}" for z in unit.header.zooms)
        axes = "".join(unit.header.axis_codes)
        lines.append(f"  image     {shape} voxels of {zooms} mm, {axes}")
    if unit.models is not None:
        packages = unit.models.packages
        names = [f"{k}: {p.id if p else 'none'}" for k, p in packages.items()]
        lines.append(f"  models    {', '.join(names)}")
        lines += [f"  note      {note}" for note in unit.models.notes]
    if unit.fault is not None:
        lines.append(f"  cannot run ({unit.fault.code.name}): {unit.fault}")
        return "\n".join(lines)
    assert unit.plan is not None
    lines += [f"  {step.phase:<10}{step.action:<8}{step.why}" for step in unit.plan]
    if unit.runs and (work_folder / WORKFLOW_NAME / unit.name).is_dir():
        lines.append("  The work folder remembers nodes of this scan; those that fit are not run.")
    return "\n".join(lines)
