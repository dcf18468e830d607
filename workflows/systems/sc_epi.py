"""EPISeg at the participant level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import output_folder, parse_name
from spineps_nipype.bids.query import FUNCTIONAL, Query, Scan
from spineps_nipype.core.anatomy import CORD
from spineps_nipype.core.labels import Label, tissue_label
from spineps_nipype.errors import InputError
from spineps_nipype.models.finding import find_package
from spineps_nipype.results.recipe import Recipe
from spineps_nipype.sc_epi.model import epi_package
from spineps_nipype.sc_epi.naming import QcNames, stem_of
from spineps_nipype.sc_epi.recipe import recipe, recorded_settings, result_name

from ..engine.memory_estimates import torch_gb
from ..options.other_systems import SC_EPI
from ..options.run_options import RunOptions
from .common import SegmentationSystem
from .model_choice import ChosenModels
from .scan_jobs import ScanJob
from .targets import Target, digest_or_none, with_notes

NETWORK_GB: Final = 1.5
VOXEL_BYTES: Final = 100
QC_FOLDER: Final = "qc"


class ScEpiSystem(SegmentationSystem):
    """Cord masks of functional images, and pages for quality control."""

    name: ClassVar[str] = SC_EPI
    generated_as: ClassVar[str] = SC_EPI
    work_bytes: ClassVar[int] = 60
    output_bytes: ClassVar[int] = 8
    remedy_4d: ClassVar[str] = "Segment the mean of its volumes (--on-4d mean), or each (each)."
    kinds: tuple[str, ...] = ("cord",)

    def __init__(self, options: RunOptions) -> None:
        super().__init__(options)
        self._asked = asked = options.sc_epi
        package = find_package(SC_EPI, "cord", asked.epi_model, models=self.models_dir)
        self._epi = epi_package(package)
        self._models = with_notes({"cord": self._epi.package})
        crop = asked.qc_seg
        if crop is not None and not crop.is_file():
            raise InputError(
                "The mask of --qc-seg does not exist.", file=crop, remedy="Check the path."
            )

    @property
    def recipe(self) -> Recipe:
        """One phase, with a mask for each class of the model."""
        return recipe([output.suffix for output in self._epi.outputs])

    @property
    def results(self) -> Mapping[str, str]:
        """One mask a class of the model."""
        suffixes = [output.suffix for output in self._epi.outputs]
        return {result_name(suffix): f"mask {suffix.strip('_')}" for suffix in suffixes}

    def find(self) -> Query:
        """Functional images; others are not missed."""
        query = self.query((FUNCTIONAL,), None)
        others = tuple(replace(image, expected=True) for image in query.skipped)
        return replace(query, skipped=others)

    def averages_4d(self) -> bool:
        """Unless series shall be refused."""
        return self._asked.settings.on_4d != "error"

    def targets(self, scans: Sequence[Path], device: str) -> dict[Path, Target]:  # noqa: ARG002
        """Names of the toolbox, in the folders of the dataset."""
        asked = self._asked
        settings = recorded_settings(asked.settings, digest_or_none(asked.qc_seg), asked.qc)
        return {scan: Target(self._files(scan), settings) for scan in scans}

    def choose(self, scan: Scan, header: ScanHeader) -> ChosenModels:  # noqa: ARG002
        """The same network for every scan."""
        return self._models

    def memory(self, header: ScanHeader, models: ChosenModels) -> Mapping[str, float]:  # noqa: ARG002
        """By the number of voxels."""
        data = prod(header.shape) * VOXEL_BYTES / 1e9
        return {"cord": torch_gb() + NETWORK_GB + data, "pictures": torch_gb() + data}

    def tables(self) -> dict[str, list[Label]]:
        """There is one label only."""
        return {"seg_dseg.tsv": [tissue_label(1, "spinal_cord", CORD)]}

    def compute(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        """Mask and page of an image."""
        from ..sc_epi import init_sc_epi_wf

        asked, name = self._asked, parse_name(job.scan.path)
        return init_sc_epi_wf(
            model=self._epi,
            settings=asked.settings,
            stored=job.plan.stored,
            corrections=job.corrections,
            overrides=self.policy.override,
            qc_dir=self.folders.output_dir / QC_FOLDER if asked.qc else None,
            qc_names=QcNames(
                asked.qc_dataset or self.folders.bids_dir.name,
                asked.qc_subject or f"sub-{name.subject}",
                job.scan.path.parent.name,
            ),
            qc_seg=asked.qc_seg,
            mem_gb=job.memory_gb,
            device=device,
            omp_nthreads=omp_nthreads,
        )

    def _files(self, scan: Path) -> dict[str, Path]:
        folder = output_folder(scan, self.folders.bids_dir, self.folders.output_dir)
        suffixes = [output.suffix for output in self._epi.outputs]
        return {result_name(s): folder / f"{stem_of(scan)}{s}.nii.gz" for s in suffixes}
