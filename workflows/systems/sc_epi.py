"""EPISeg at the participant level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import output_folder, parse_name
from spineps_nipype.bids.query import FUNCTIONAL, Query
from spineps_nipype.errors import InputError
from spineps_nipype.sc_epi.lookup import find_epi_package
from spineps_nipype.sc_epi.naming import QcNames, stem_of
from spineps_nipype.settings import deciding_values

from ..options.other_systems import SC_EPI
from ..options.run_options import RunOptions
from .common import SisterSystem, digest_or_none, run_anyway
from .scan_jobs import Unit

BASE_GB: Final = 0.9
"""Interpreter with torch [GB]."""
NETWORK_GB: Final = 1.5
VOXEL_BYTES: Final = 100
QC_FOLDER: Final = "qc"


class ScEpiSystem(SisterSystem):
    """Cord masks of functional images, and pages for quality control."""

    name: ClassVar[str] = SC_EPI
    remedy_4d: ClassVar[str] = "Segment the mean of its volumes (--on-4d mean), or each (each)."

    def __init__(self, options: RunOptions) -> None:
        self._epi = find_epi_package(options.sc_epi.epi_model, models=options.models.models_dir)
        super().__init__(options)
        crop = options.sc_epi.qc_seg
        if crop is not None and not crop.is_file():
            raise InputError(
                "The mask of --qc-seg does not exist.", file=crop, remedy="Check the path."
            )

    @property
    def results(self) -> Mapping[str, str]:
        """One mask a class of the model."""
        return {o.suffix: f"mask {o.suffix.strip('_')}" for o in self._epi.outputs}

    def find(self) -> Query:
        """Functional images; others are not missed."""
        query = self._query((FUNCTIONAL,), None)
        others = tuple(replace(image, expected=True) for image in query.skipped)
        return replace(query, skipped=others)

    def averages_4d(self) -> bool:
        """Unless series shall be refused."""
        return self.options.sc_epi.settings.on_4d != "error"

    def paths(self, scan: Path) -> dict[str, Path]:
        """Names of the toolbox, in the folders of the dataset."""
        folder = output_folder(
            scan, self.options.folders.bids_dir, self.options.folders.output_dir
        )
        return {o.suffix: folder / f"{stem_of(scan)}{o.suffix}.nii.gz" for o in self._epi.outputs}

    def settings(self, scan: Path) -> dict[str, Any]:  # noqa: ARG002
        """Clean-up, treatment of series, pictures."""
        asked = self.options.sc_epi
        return {
            **deciding_values(asked.settings),
            "qc_seg": digest_or_none(asked.qc_seg),
            "report": asked.qc,
        }

    def memory(self, header: ScanHeader) -> dict[str, float]:
        """By the number of voxels."""
        data = prod(header.shape) * VOXEL_BYTES / 1e9
        return {"cord": BASE_GB + NETWORK_GB + data, "pictures": BASE_GB + data}

    def tables(self) -> dict[str, list[tuple[int, str]]]:
        """There is one label only."""
        return {"seg_dseg.tsv": [(1, "spinal_cord")]}

    def workflow(self, unit: Unit, *, device: str, omp_nthreads: int) -> Any:
        """Mask and page of an image."""
        from ..sc_epi import init_sc_epi_wf

        asked, name = self.options.sc_epi, parse_name(unit.scan.path)
        workflow = init_sc_epi_wf(
            model=self._epi,
            settings=asked.settings,
            in_file=unit.scan.path,
            paths=unit.paths,
            description=self.description(unit),
            qc_dir=self.options.folders.output_dir / QC_FOLDER if asked.qc else None,
            qc_names=QcNames(
                asked.qc_dataset or self.options.folders.bids_dir.name,
                asked.qc_subject or f"sub-{name.subject}",
                unit.scan.path.parent.name,
            ),
            qc_seg=asked.qc_seg,
            mem_gb=unit.memory_gb,
            device=device,
            omp_nthreads=omp_nthreads,
            name=unit.name,
        )
        if self.options.results.override_others:
            run_anyway(workflow)
        return workflow

    def _packages(self) -> dict[str, Any]:
        return {"cord": self._epi.package}
