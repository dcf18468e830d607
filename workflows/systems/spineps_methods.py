"""Text for a methods section about the scans of a run of SPINEPS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spineps_nipype.bids.sidecars import package_versions
from spineps_nipype.core.files import write_text
from spineps_nipype.reports.boilerplate import Methods, bibliography, methods_text
from spineps_nipype.spineps.recipe import VIBESEG
from spineps_nipype.spineps.settings import PipelineSettings

from .model_choice import KINDS
from .scan_jobs import PlannedScan, jobs_of


def write_methods(folder: Path, settings: PipelineSettings, scans: Sequence[PlannedScan]) -> Path:
    """Write the text for a methods section and its references; returns the text."""
    path = folder / "CITATION.md"
    for file, text in (
        (path, methods_text(methods_of(settings, scans))),
        (folder / "CITATION.bib", bibliography()),
    ):
        write_text(file, text)
    return path


def methods_of(settings: PipelineSettings, scans: Sequence[PlannedScan]) -> Methods:
    """What the scans of a run were, or would be, made with; scans that cannot run do not count."""
    jobs = jobs_of(scans)
    models: dict[str, list[str]] = {kind: [] for kind in KINDS}
    modalities: dict[str, int] = {}
    for job in jobs:
        for kind in KINDS:
            package = job.models.packages[kind]
            name = package.id if package else "none"
            if name not in models[kind]:
                models[kind].append(name)
        modality = job.scan.modality or job.scan.name.suffix
        modalities[modality] = modalities.get(modality, 0) + 1
    return Methods(
        models=models,
        settings=settings,
        scans=modalities,
        versions=package_versions(),
        corrected=sum(bool(job.corrections.masks) for job in jobs),
        named=sum(bool(job.corrections.names) for job in jobs),
        bias_corrected=any(not job.models.semantic.config.is_ct for job in jobs),
        cropped=any(VIBESEG in job.models.packages for job in jobs),
    )
