"""TotalSpineSeg at the participant level."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from numpy.typing import NDArray

from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import split_extension
from spineps_nipype.bids.query import Query, Scan
from spineps_nipype.core.labels import Label, system_labels
from spineps_nipype.errors import InputError
from spineps_nipype.models.finding import find_packages
from spineps_nipype.results.recipe import Recipe
from spineps_nipype.totalspineseg.folders import RESULT_FOLDERS, result_paths
from spineps_nipype.totalspineseg.localizers import match_localizers
from spineps_nipype.totalspineseg.name_table import CONFIDENCES, ENTRIES
from spineps_nipype.totalspineseg.preparation import prepared_grid
from spineps_nipype.totalspineseg.recipe import (
    helper_networks,
    kept_results,
    recipe,
    recorded_settings,
)

from ..engine.memory_estimates import torch_gb
from ..options.other_systems import TOTALSPINESEG
from ..options.run_options import RunOptions
from .common import SegmentationSystem
from .model_choice import ChosenModels
from .scan_jobs import ScanJob
from .targets import Target, digest_or_none, with_notes

NETWORK_BYTES: Final = 9 * 12 + 60
"""Logits of nine regions, probabilities and copies, for each voxel at 1 mm [bytes]."""
PATCH_GB: Final = 1.5
"""Feature maps of one tile [GB]."""
RULE_BYTES: Final = 80
LIGHT_BYTES: Final = 40
"""Copies that nodes without a network hold, for each voxel [bytes]."""


class TotalSpineSegSystem(SegmentationSystem):
    """Numbered discs and vertebrae, cord, canal and levels of every scan."""

    name: ClassVar[str] = TOTALSPINESEG
    generated_as: ClassVar[str] = TOTALSPINESEG
    work_bytes: ClassVar[int] = 400
    output_bytes: ClassVar[int] = 30

    def __init__(self, options: RunOptions) -> None:
        super().__init__(options)
        self._asked = options.totalspineseg
        self._settings = self._asked.settings
        self._engine = options.settings.engine
        self._tiles = options.settings.semantic.tiles
        self._steps = self._packages()
        chosen = with_notes(self._steps)
        helpers = helper_networks(self._settings, self._tiles)
        self._models = replace(chosen, packages={**self._steps, **helpers})
        loc = self._asked.loc
        if loc is not None and not loc.exists():
            raise InputError(
                "The localizer does not exist.",
                file=loc,
                remedy="Give a file, or a folder of results, with --loc.",
            )

    @property
    def recipe(self) -> Recipe:
        """Five phases and the pictures; without step 2 where nobody wants it."""
        return recipe(self._settings)

    @property
    def results(self) -> Mapping[str, str]:
        """Folders that are kept."""
        made: dict[str, str] = {
            name: name for name in RESULT_FOLDERS if name in self.recipe.wanted
        }
        return made or dict.fromkeys(sorted(self.recipe.wanted), "preview")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The networks of the steps that run."""
        return tuple(self._steps)

    def find(self) -> Query:
        """Scans of the modalities that are asked for."""
        return self.query(self.selection.modalities, None)

    def targets(self, scans: Sequence[Path], device: str) -> dict[Path, Target]:
        """The folders of the original, files under the name of the scan, each localizer.

        Raises
        ------
        InputError
            If localizers are given and none of them is for a scan.
        ResourceError
            If the engine is not installed, or the device cannot do it.
        """
        localizers = self._localizers(scans)
        found = {}
        for scan in scans:
            case = split_extension(scan.name)[0]
            localizer = localizers.get(case)
            found[scan] = Target(
                result_paths(self.folders.output_dir, case, localizer),
                recorded_settings(
                    self._settings,
                    digest_or_none(localizer),
                    bool(localizers),
                    engine=self._engine,
                    tiles=self._tiles,
                    device=device,
                ),
                {"localizer": localizer, "run_has_localizers": bool(localizers)},
            )
        return found

    def choose(self, scan: Scan, header: ScanHeader) -> ChosenModels:  # noqa: ARG002
        """The same networks for every scan."""
        return self._models

    def correction_grid(self, scan: Path) -> tuple[tuple[int, ...], NDArray[Any]]:
        """That of the scan, or under ``iso`` that of the image at 1 mm."""
        shape, affine = super().correction_grid(scan)
        if not self._settings.iso:
            return shape, affine
        return prepared_grid(shape, affine, numerics=self._settings.numerics)

    def kept(
        self,
        models: ChosenModels,  # noqa: ARG002
        corrections: Corrections,
    ) -> Collection[str]:
        """Folders that are kept; no probability of names that a reader gave."""
        return kept_results(self._settings, corrections.masks)

    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """Columns of the table of names."""
        return ENTRIES

    def confidences(self) -> Mapping[str, str]:
        """The label map that has names."""
        return CONFIDENCES

    def memory(self, header: ScanHeader, models: ChosenModels) -> Mapping[str, float]:  # noqa: ARG002
        """By the number of voxels at 1 mm."""
        native = prod(header.shape[:3])
        fine = native * prod(header.zooms)
        return {
            "network": torch_gb() + PATCH_GB + fine * NETWORK_BYTES / 1e9,
            "rules": torch_gb() + fine * RULE_BYTES / 1e9,
            "light": torch_gb() + (fine + native) * LIGHT_BYTES / 1e9,
        }

    def tables(self) -> dict[str, list[Label]]:
        """Names of the numbers."""
        return {"step2_output_dseg.tsv": system_labels("totalspineseg")}

    def averages_4d(self) -> bool:
        """Series are averaged, as the original does it."""
        return True

    def compute(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        """What is left of both steps of a scan."""
        from ..totalspineseg import init_totalspineseg_wf

        return init_totalspineseg_wf(
            step1_model=job.models.packages["step1"],
            step2_model=job.models.packages.get("step2"),
            settings=self._settings,
            stored=job.plan.stored,
            corrections=job.corrections,
            overrides=self.policy.override,
            mem_gb=job.memory_gb,
            device=device,
            omp_nthreads=omp_nthreads,
            engine=self._engine,
            tiles=self._tiles,
            **job.arguments,
        )

    def _packages(self) -> dict[str, Any]:
        return find_packages(
            TOTALSPINESEG,
            ("step1", "step2") if self._settings.runs_step2 else ("step1",),
            self._asked.tss_data,
            release=self._settings.release,
            models=self.models_dir,
        )

    def _localizers(self, scans: Sequence[Path]) -> dict[str, Path]:
        """Localizer of each scan that has one, by the name of the scan."""
        asked = self._asked
        if asked.loc is None:
            return {}
        found = match_localizers(
            scans, asked.loc, suffixes=asked.image_suffix, loc_suffix=asked.loc_suffix
        )
        if not found:
            raise InputError(
                "No scan has a localizer there.",
                file=asked.loc,
                remedy="Localizers are called like their scans; --loc-suffix and "
                "--image-suffix say how the ends of their names differ.",
            )
        return found
