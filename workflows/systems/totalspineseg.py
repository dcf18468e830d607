"""TotalSpineSeg at the participant level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import split_extension
from spineps_nipype.bids.query import Scan
from spineps_nipype.core.nomenclature import plain_meaning
from spineps_nipype.errors import InputError
from spineps_nipype.totalspineseg.folders import RESULTS, result_paths
from spineps_nipype.totalspineseg.localizers import match_localizers
from spineps_nipype.totalspineseg.profiles import PROFILES
from spineps_nipype.totalspineseg.settings import RuleSettings
from spineps_nipype.totalspineseg.upstream import upstream
from spineps_nipype.totalspineseg.weights import find_weights

from ..options.other_systems import TOTALSPINESEG
from ..options.run_options import RunOptions
from .common import SisterSystem, digest_or_none, run_anyway
from .scan_jobs import Unit

BASE_GB: Final = 0.9
"""Interpreter with torch [GB]."""
NETWORK_BYTES: Final = 9 * 12 + 60
"""Logits of nine regions, probabilities and copies, for each voxel at 1 mm [bytes]."""
PATCH_GB: Final = 1.5
"""Feature maps of one tile [GB]."""
RULE_BYTES: Final = 80
LIGHT_BYTES: Final = 40
"""Copies that nodes without a network hold, for each voxel [bytes]."""


class TotalSpineSegSystem(SisterSystem):
    """Numbered discs and vertebrae, cord, canal and levels of every scan."""

    name: ClassVar[str] = TOTALSPINESEG
    work_bytes: ClassVar[int] = 400
    output_bytes: ClassVar[int] = 30

    def __init__(self, options: RunOptions) -> None:
        super().__init__(options)
        self._localizers: dict[str, Path] = {}
        loc = options.totalspineseg.loc
        if loc is not None and not loc.exists():
            raise InputError(
                "The localizer does not exist.",
                file=loc,
                remedy="Give a file, or a folder of results, with --loc.",
            )

    @property
    def results(self) -> Mapping[str, str]:
        """Folders that are kept."""
        settings = self.options.totalspineseg.settings
        kept = settings.kept()
        steps = ("input", "step1", "step2") if settings.runs_step2 else ("input", "step1")
        made = {f: f for f in RESULTS if f in kept and f.startswith(steps)}
        return made or {"preview": "preview"}

    def _packages(self) -> dict[str, Any]:
        asked, models = self.options.totalspineseg, self.options.models.models_dir
        profile = PROFILES[asked.settings.release]
        wanted = (1, 2) if asked.settings.runs_step2 else (1,)
        return {
            f"step{step}": find_weights(step, profile=profile, data=asked.tss_data, models=models)
            for step in wanted
        }

    def paths(self, scan: Path) -> dict[str, Path]:
        """The folders of the original, files under the name of the scan."""
        case = split_extension(scan.name)[0]
        return result_paths(self.options.folders.output_dir, case, self._localizers.get(case))

    def settings(self, scan: Path) -> dict[str, Any]:
        """Rules, grid, and the localizer of the scan."""
        settings = self.options.totalspineseg.settings
        localizer = self._localizers.get(split_extension(scan.name)[0])
        rules = {f.name: getattr(settings, f.name) for f in fields(RuleSettings)}
        rules["iso"] = settings.iso
        rules["localizer"] = digest_or_none(localizer)
        if upstream(settings.numerics).landmarks_by_run:
            rules["run_has_localizers"] = bool(self._localizers)
        return rules

    def memory(self, header: ScanHeader) -> dict[str, float]:
        """By the number of voxels at 1 mm."""
        native = prod(header.shape[:3])
        fine = native * prod(header.zooms)
        return {
            "network": BASE_GB + PATCH_GB + fine * NETWORK_BYTES / 1e9,
            "rules": BASE_GB + fine * RULE_BYTES / 1e9,
            "light": BASE_GB + (fine + native) * LIGHT_BYTES / 1e9,
        }

    def tables(self) -> dict[str, list[tuple[int, str]]]:
        """Names of the numbers."""
        return {"step2_output_dseg.tsv": sorted(plain_meaning("totalspineseg").items())}

    def averages_4d(self) -> bool:
        """Series are averaged, as the original does it."""
        return True

    def units(self, scans: Iterable[Scan], memory_gb: float) -> list[Unit]:
        """As of every system, with the localizers that are for these scans."""
        scans, asked = list(scans), self.options.totalspineseg
        if asked.loc is not None:
            self._localizers = match_localizers(
                [scan.path for scan in scans],
                asked.loc,
                suffixes=asked.image_suffix,
                loc_suffix=asked.loc_suffix,
            )
            if not self._localizers:
                raise InputError(
                    "No scan has a localizer there.",
                    file=asked.loc,
                    remedy="Localizers are called like their scans; --loc-suffix and "
                    "--image-suffix say how the ends of their names differ.",
                )
        return super().units(scans, memory_gb)

    def workflow(self, unit: Unit, *, device: str, omp_nthreads: int) -> Any:
        """Both steps of a scan."""
        from ..totalspineseg import init_totalspineseg_wf

        workflow = init_totalspineseg_wf(
            step1_model=self.packages["step1"],
            step2_model=self.packages.get("step2"),
            settings=self.options.totalspineseg.settings,
            localizer=self._localizers.get(unit.label),
            run_has_localizers=bool(self._localizers),
            in_file=unit.scan.path,
            paths=unit.paths,
            description=self.description(unit),
            mem_gb=unit.memory_gb,
            device=device,
            omp_nthreads=omp_nthreads,
            name=unit.name,
        )
        if self.options.results.override_others:
            run_anyway(workflow)
        return workflow
