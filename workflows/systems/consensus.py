"""The comparison of systems at the participant level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import (
    output_folder,
    output_name,
    parse_name,
    split_extension,
)
from spineps_nipype.bids.query import Query, Scan
from spineps_nipype.core.labels import Label
from spineps_nipype.core.own_readers import read_comparison
from spineps_nipype.results.comparison_recipe import RECIPE, SYSTEM
from spineps_nipype.results.recipe import Recipe
from spineps_nipype.results.record import NO_MODEL
from spineps_nipype.results.sidecar import read_record

from ..engine.memory_estimates import BASE_GB
from ..options.other_systems import SPINE_SEGMENTATION, SPINEPS, TOTALSPINESEG
from ..options.run_options import RunOptions
from ..stored.result_files import stored_files
from .common import SegmentationSystem
from .model_choice import ChosenModels
from .scan_jobs import ScanJob
from .targets import Target

COMPARED: Final = (SPINEPS, TOTALSPINESEG, SPINE_SEGMENTATION)
"""Systems that name vertebrae or discs."""
VOXEL_BYTES: Final = 80


def comparable(root: Path) -> bool:
    """Whether two systems have results in or below the output folder."""
    alone = not (root / SPINEPS).is_dir() and any(root.glob("sub-*"))
    return sum((root / name).is_dir() for name in COMPARED) + alone > 1


class ConsensusSystem(SegmentationSystem):
    """Tables of overlap and names for scans with results of two systems or more.

    Parameters
    ----------
    options
        Options of the comparison.
    root
        Folder with one folder for each system.
    """

    name: ClassVar[str] = SYSTEM
    generated_as: ClassVar[str] = SYSTEM
    writes_pages: ClassVar[bool] = False
    engine: ClassVar[str] = ""
    work_bytes: ClassVar[int] = 1
    output_bytes: ClassVar[int] = 1
    recipe: Recipe = RECIPE
    results: Mapping[str, str] = {
        "summary": "summary",
        "structures": "structures",
        "names": "names",
    }
    kinds: tuple[str, ...] = ()

    def __init__(self, options: RunOptions, root: Path) -> None:
        super().__init__(options)
        self._root = root

    def find(self) -> Query:
        """Scans with results of two systems."""
        query = self.query(self.selection.modalities, None)
        scans = tuple(s for s in query.scans if len(self.compared(s.path)) > 1)
        return replace(query, scans=scans, skipped=())

    def compared(self, scan: Path) -> dict[str, dict[str, Path]]:
        """Stored label maps of a scan, by system and input of the comparison."""
        found = {
            SPINEPS: self._of_spineps(scan),
            TOTALSPINESEG: self._of_totalspineseg(scan),
            SPINE_SEGMENTATION: self._of_slices(scan),
        }
        return {system: files for system, files in found.items() if files}

    def averages_4d(self) -> bool:
        """The systems have looked at the scan already."""
        return True

    def targets(self, scans: Sequence[Path], device: str) -> dict[Path, Target]:  # noqa: ARG002
        """Tables in the folders of the dataset, and the compared files."""
        found = {}
        for scan in scans:
            inputs = {k: p for files in self.compared(scan).values() for k, p in files.items()}
            found[scan] = Target({**self._tables(scan), **inputs}, {}, {"inputs": tuple(inputs)})
        return found

    def choose(self, scan: Scan, header: ScanHeader) -> ChosenModels:  # noqa: ARG002
        """There are no networks."""
        return ChosenModels({})

    def memory(self, header: ScanHeader, models: ChosenModels) -> Mapping[str, float]:  # noqa: ARG002
        """By the number of voxels."""
        return {"compare": BASE_GB + prod(header.shape[:3]) * VOXEL_BYTES / 1e9}

    def tables(self) -> dict[str, list[Label]]:
        """There are no labels."""
        return {}

    def compute(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:  # noqa: ARG002
        """The comparison of a scan."""
        from ..consensus import init_consensus_wf

        return init_consensus_wf(
            overrides=self.policy.override,
            mem_gb=job.memory_gb["compare"],
            **job.arguments,
        )

    def lines(self, scans: Iterable[Path]) -> list[str]:
        """What the comparisons of scans say, one line each."""
        said = []
        for scan in scans:
            words = read_comparison(self._tables(scan)["summary"]).said.get("Check")
            if words:
                said.append(f"{split_extension(scan.name)[0]}: {words}")
        return said

    def _tables(self, scan: Path) -> dict[str, Path]:
        folder = output_folder(scan, self.folders.bids_dir, self.folders.output_dir)
        name = parse_name(scan)
        return {
            result: folder / output_name(name, word, extension)
            for result, word, extension in (
                ("summary", "consensus", ".json"),
                ("structures", "overlap", ".tsv"),
                ("names", "names", ".tsv"),
            )
        }

    def _of_spineps(self, scan: Path) -> dict[str, Path]:
        """Both masks; only the semantic one where vertebrae were counted from the top."""
        home = self._root / SPINEPS
        if not home.is_dir():  # SPINEPS ran by itself
            home = self._root
        found = stored_files(SPINEPS, scan, self.folders.bids_dir, home)
        if "spine" not in found:
            return {}
        files = {"spineps_spine": found["spine"]}
        record = read_record(found["vert"]) if "vert" in found else None
        model = (record or {}).get("Models", {}).get("labeling", {}).get("id", NO_MODEL)
        return files if model == NO_MODEL else {**files, "spineps_vert": found["vert"]}

    def _of_totalspineseg(self, scan: Path) -> dict[str, Path]:
        """Step 2, else step 1."""
        found = self._of_system(TOTALSPINESEG, scan)
        return dict(list(found.items())[:1])

    def _of_slices(self, scan: Path) -> dict[str, Path]:
        found = self._of_system(SPINE_SEGMENTATION, scan)
        return {key: path for key, path in found.items() if key == "spine_segmentation"}

    def _of_system(self, system: str, scan: Path) -> dict[str, Path]:
        return stored_files(system, scan, self.folders.bids_dir, self._root / system)
