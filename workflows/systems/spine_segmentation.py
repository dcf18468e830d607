"""spine-segmentation at the participant level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from spineps_nipype.bids.corrections import Corrections, find_corrections
from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import output_folder, output_name, parse_name
from spineps_nipype.bids.query import Query, Scan
from spineps_nipype.core import anatomy
from spineps_nipype.core.labels import Label, system_labels, tissue_label
from spineps_nipype.models.finding import find_packages
from spineps_nipype.models.package import Package
from spineps_nipype.results.recipe import Recipe
from spineps_nipype.spine_segmentation.models import CLASSES
from spineps_nipype.spine_segmentation.name_table import CONFIDENCES, ENTRIES
from spineps_nipype.spine_segmentation.names import DISC, VERTEBRA, names_by_neighbours
from spineps_nipype.spine_segmentation.recipe import NAMES_TABLE, recipe, recorded_settings
from spineps_nipype.spine_segmentation.slices import HEIGHT, WIDTH

from ..options.other_systems import SPINE_SEGMENTATION
from ..options.run_options import RunOptions
from .common import SegmentationSystem
from .model_choice import ChosenModels
from .scan_jobs import ScanJob
from .targets import Target, with_notes

BASE_GB: Final = 0.7
"""Interpreter with onnxruntime [GB]."""
NETWORK_GB: Final = 1.5
"""Weights and feature maps of the larger network for one slice [GB]."""
FEATURE_BYTES: Final = 4 * 64
"""Feature maps of the finest level for each further pixel of a batch [bytes]."""
VOXEL_BYTES: Final = 60
WORDS: Final[Mapping[str, str]] = {"semantic": "two classes", "instances": "bodies, discs"}
SEGMENTS: Final = {"semantic": "semantic", "instance": "instance"}
"""Kinds of corrected masks, and the ``seg`` in their names."""


class SpineSegmentationSystem(SegmentationSystem):
    """Named vertebral bodies and discs of sagittal scans."""

    name: ClassVar[str] = SPINE_SEGMENTATION
    generated_as: ClassVar[str] = SPINE_SEGMENTATION
    work_bytes: ClassVar[int] = 60
    output_bytes: ClassVar[int] = 8

    def __init__(self, options: RunOptions) -> None:
        super().__init__(options)
        self._asked = options.spine_segmentation
        self._settings = self._asked.settings
        self._engine = options.settings.engine
        self._models = with_notes(self._packages())

    @property
    def recipe(self) -> Recipe:
        """One phase, with or without instances and names."""
        return recipe(self._settings)

    @property
    def results(self) -> Mapping[str, str]:
        """The two masks; only the first with ``--only-2class``."""
        return {name: word for name, word in WORDS.items() if name in self.recipe.wanted}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The networks in use."""
        return tuple(self._models.packages)

    def find(self) -> Query:
        """Sagittal scans of the modalities that are asked for."""
        asked = self.selection
        return self.query(asked.modalities, None if asked.ignore_compatibility else "sag")

    def targets(self, scans: Sequence[Path], device: str) -> dict[Path, Target]:
        """Names as those of SPINEPS.

        Raises
        ------
        ResourceError
            If the engine that is asked for is not installed, or the device cannot do it.
        """
        settings = recorded_settings(self._settings, engine=self._engine, device=device)
        return {scan: Target(self._files(scan), settings) for scan in scans}

    def choose(self, scan: Scan, header: ScanHeader) -> ChosenModels:  # noqa: ARG002
        """The same networks for every scan."""
        return self._models

    def corrections(self, scan: Scan, files: Mapping[str, Path]) -> Corrections:  # noqa: ARG002
        """Masks with the entities of the scan."""
        kinds = {kind: SEGMENTS[kind] for kind in self.recipe.corrections}
        return find_corrections(
            scan.path, self.policy.derivatives, segments=kinds, system=self.name
        )

    def kept(
        self,
        models: ChosenModels,  # noqa: ARG002
        corrections: Corrections,
    ) -> frozenset[str]:
        """No certainty of names that a reader gave."""
        given = "instance" in corrections.masks
        return frozenset(self.recipe.results) - ({NAMES_TABLE} if given else set())

    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """Columns of the table of names."""
        return ENTRIES

    def confidences(self) -> Mapping[str, str]:
        """The mask that has names."""
        return CONFIDENCES

    def memory(self, header: ScanHeader, models: ChosenModels) -> Mapping[str, float]:  # noqa: ARG002
        """By the number of voxels and of slices in a batch."""
        data = prod(header.shape) * VOXEL_BYTES / 1e9
        pixels = self._settings.slices.slice_batch * WIDTH * HEIGHT
        classes = max(CLASSES.values())
        batch = pixels * (FEATURE_BYTES + 4 * classes) / 1e9
        return {"light": BASE_GB + data, "slices": BASE_GB + NETWORK_GB + data + batch}

    def tables(self) -> dict[str, list[Label]]:
        """Usual names; each scan has a table of its own with the names in force there."""
        names = {n: text for n, text in names_by_neighbours(()).items() if n}
        return {
            "seg-semantic_dseg.tsv": [
                tissue_label(VERTEBRA, "vertebral_body", anatomy.CORPUS_BORDER),
                tissue_label(DISC, "disc", anatomy.DISC),
            ],
            "seg-instance_dseg.tsv": system_labels("spine_segmentation", names),
        }

    def compute(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        """Both networks and the naming of a scan."""
        from ..spine_segmentation import init_spine_segmentation_wf

        networks = {kind: network.file for kind, network in job.models.packages.items()}
        return init_spine_segmentation_wf(
            semantic_model=networks["semantic"],
            instance_model=networks.get("instance"),
            form_model=networks.get("form"),
            settings=self._settings,
            stored=job.plan.stored,
            corrections=job.corrections,
            overrides=self.policy.override,
            average_4d=self.selection.average_4d,
            mem_gb=job.memory_gb,
            device=device,
            omp_nthreads=omp_nthreads,
            engine=self._engine,
        )

    def _packages(self) -> Mapping[str, Package]:
        """The networks in use, the one of forms among them where there is one."""
        kinds = ("semantic",) if self._settings.only_2class else ("semantic", "instance", "form")
        return find_packages(
            SPINE_SEGMENTATION,
            kinds,
            self._asked.slice_models,
            release=self._asked.family,
            models=self.models_dir,
        )

    def _files(self, scan: Path) -> dict[str, Path]:
        name = parse_name(scan)
        folder = output_folder(scan, self.folders.bids_dir, self.folders.output_dir)
        return {
            result: folder / output_name(name, word, extension, seg=seg)
            for result, seg, word, extension in (
                ("semantic", "semantic", "msk", ".nii.gz"),
                ("instances", "instance", "msk", ".nii.gz"),
                ("names", "instance", "dseg", ".tsv"),
                ("vertebrae", "instance", "labels", ".tsv"),
            )
            if result in self.recipe.results
        }
