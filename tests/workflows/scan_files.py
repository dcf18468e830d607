"""Output paths of a test scan, and stored results made up by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from spineps_nipype.bids import names
from spineps_nipype.results.plan import Reuse, ScanPlan, plan_scan
from spineps_nipype.results.record import Models
from spineps_nipype.spineps.recipe import asked_for, provenance, result_files
from spineps_nipype.spineps.settings import OverrideSettings, PipelineSettings

from ..results.stored_results import store


@dataclass(frozen=True)
class Package:
    """As much of a model package as a record needs."""

    id: str
    digest: str
    folder: Path = Path("package")


MODELS: Models = {
    "semantic": Package("tiny_semantic", "a" * 64),
    "instance": Package("tiny_instance", "b" * 64),
    "labeling": Package("tiny_labeling", "c" * 64),
}


def output_paths(folder: Path) -> dict[str, Path]:
    """Paths with the names of SPINEPS below `folder`."""
    return names.output_paths(
        "/bids/sub-x/sub-x_T2w.nii.gz", "/bids", folder, snapshot_folder=folder / "snaps"
    )


def store_all(
    scan: Path, paths: dict[str, Path], settings: PipelineSettings, models: Models = MODELS
) -> None:
    """Write results with their records, as a run would leave them."""
    files = result_files(paths, scan)
    store(provenance(settings, models), files)
    copy = paths.get("out_snap2")
    if copy is not None:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(paths["out_snap"].read_bytes())


def plan(
    scan: Path,
    paths: dict[str, Path],
    *,
    settings: PipelineSettings,
    models: Models,
    override: OverrideSettings | None = None,
    corrections: Mapping[str, str] | None = None,
    reuse: Reuse = "same",
) -> ScanPlan:
    """Plan of a scan of SPINEPS."""
    return plan_scan(
        provenance(settings, models, corrections),
        result_files(paths, scan),
        overrides=[name for name, on in asdict(override or OverrideSettings()).items() if on],
        asked=asked_for(settings.save),
        reuse=reuse,
    )
