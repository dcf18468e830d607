"""Output paths of a test scan, and stored results made up by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from spineps_nipype.bids import names
from spineps_nipype.core.files import file_digest
from spineps_nipype.results.plan import OUTPUT_KEYS, RESULTS, SOURCES, sidecar_of
from spineps_nipype.results.record import PHASES, Models, phase_record
from spineps_nipype.spineps.settings import PipelineSettings


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
    for phase in PHASES:
        for name in RESULTS[phase]:
            path = paths[OUTPUT_KEYS[name]]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix != ".json":
                path.write_text(f"{name} of {phase}")
            record = phase_record(phase, settings, models)
            record["Inputs"] = {
                s: file_digest(scan if s == "scan" else paths[OUTPUT_KEYS[s]])
                for s in SOURCES[phase]
            }
            content: object
            if path.suffix == ".json":
                content = [{"format": "POI", "Provenance": record}, {}]
            else:
                content = {"Provenance": {**record, "Sha256": file_digest(path)}}
            sidecar_of(path).write_text(json.dumps(content))
    copy = paths.get("out_snap2")
    if copy is not None:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(paths["out_snap"].read_bytes())
