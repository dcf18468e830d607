"""spine-segmentation at the participant level."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import output_folder, output_name, parse_name
from spineps_nipype.bids.query import Query
from spineps_nipype.core.files import file_digest
from spineps_nipype.settings import deciding_values
from spineps_nipype.spine_segmentation.models import CLASSES, Role, find_model
from spineps_nipype.spine_segmentation.names import names_by_neighbours
from spineps_nipype.spine_segmentation.slices import HEIGHT, WIDTH

from ..options.other_systems import SPINE_SEGMENTATION
from .common import Package, SisterSystem, run_anyway
from .scan_jobs import Unit

BASE_GB: Final = 0.7
"""Interpreter with onnxruntime [GB]."""
NETWORK_GB: Final = 1.5
"""Weights and feature maps of the larger network for one slice [GB]."""
FEATURE_BYTES: Final = 4 * 64
"""Feature maps of the finest level for each further pixel of a batch [bytes]."""
VOXEL_BYTES: Final = 60
WORDS: Final[Mapping[str, str]] = {
    "semantic": "two classes",
    "instances": "bodies, discs",
    "names": "names",
    "vertebrae": "certainty",
}


class SpineSegmentationSystem(SisterSystem):
    """Named vertebral bodies and discs of sagittal scans."""

    name: ClassVar[str] = SPINE_SEGMENTATION

    @property
    def results(self) -> Mapping[str, str]:
        """The two masks; only the first with ``--only-2class``."""
        words = dict(list(WORDS.items())[:2])
        if self.options.spine_segmentation.settings.only_2class:
            del words["instances"]
        return words

    def find(self) -> Query:
        """Sagittal scans of the modalities that are asked for."""
        plane = None if self.options.selection.ignore_compatibility else "sag"
        return self._query(self.options.selection.modalities, plane)

    def paths(self, scan: Path) -> dict[str, Path]:
        """Names as those of SPINEPS."""
        name = parse_name(scan)
        folder = output_folder(
            scan, self.options.folders.bids_dir, self.options.folders.output_dir
        )

        def path(seg: str, word: str, extension: str) -> Path:
            return folder / output_name(name, word, extension, seg=seg)

        return {
            "semantic": path("semantic", "msk", ".nii.gz"),
            "instances": path("instance", "msk", ".nii.gz"),
            "names": path("instance", "dseg", ".tsv"),
            "vertebrae": path("instance", "labels", ".tsv"),
        }

    def settings(self, scan: Path) -> dict[str, Any]:  # noqa: ARG002
        """All options that change a result."""
        return deciding_values(self.options.spine_segmentation.settings)

    def memory(self, header: ScanHeader) -> dict[str, float]:
        """By the number of voxels and of slices in a batch."""
        data = prod(header.shape) * VOXEL_BYTES / 1e9
        pixels = self.options.spine_segmentation.settings.slices.slice_batch * WIDTH * HEIGHT
        classes = max(CLASSES.values())
        batch = pixels * (FEATURE_BYTES + 4 * classes) / 1e9
        return {"light": BASE_GB + data, "slices": BASE_GB + NETWORK_GB + data + batch}

    def tables(self) -> dict[str, list[tuple[int, str]]]:
        """Usual names; each scan has a table of its own with the names in force there."""
        names = [(n, text) for n, text in names_by_neighbours(()).items() if n]
        return {
            "seg-semantic_dseg.tsv": [(1, "vertebral_body"), (2, "disc")],
            "seg-instance_dseg.tsv": names,
        }

    def workflow(self, unit: Unit, *, device: str, omp_nthreads: int) -> Any:
        """Both networks and the naming of a scan."""
        from ..spine_segmentation import init_spine_segmentation_wf

        instance = self.packages.get("instance")
        workflow = init_spine_segmentation_wf(
            semantic_model=self.packages["semantic"].folder,
            instance_model=None if instance is None else instance.folder,
            settings=self.options.spine_segmentation.settings,
            in_file=unit.scan.path,
            paths=unit.paths,
            description=self.description(unit),
            average_4d=self.options.selection.average_4d,
            mem_gb=unit.memory_gb,
            device=device,
            omp_nthreads=omp_nthreads,
            name=unit.name,
        )
        if self.options.results.override_others:
            run_anyway(workflow)
        return workflow

    def _packages(self) -> dict[str, Any]:
        asked = self.options.spine_segmentation
        roles: tuple[Role, ...] = ("semantic", "instance")
        found = {
            role: find_model(
                role, asked.family, asked.slice_models, models=self.options.models.models_dir
            )
            for role in (roles[:1] if asked.settings.only_2class else roles)
        }
        return {role: Package(p.stem, file_digest(p), p) for role, p in found.items()}
