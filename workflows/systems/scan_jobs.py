"""Scans of a run: what each of them needs and what is left to do, before anything runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.bids.names import split_extension
from spineps_nipype.bids.query import Scan
from spineps_nipype.core.image_checks import memory_estimate_gib
from spineps_nipype.errors import InputError, OutputError, ResourceError, SpinepsError
from spineps_nipype.results.plan import ScanPlan
from spineps_nipype.results.scan_output import ScanOutput

from ..engine.available_resources import free_gb
from ..options.run_options import Folders
from .model_choice import ChosenModels

logger = logging.getLogger("spineps_nipype.scans")

LEAST_FREE_GB: Final = 0.02
"""Free space that even a small scan needs [GB]."""


@dataclass(frozen=True)
class NamedScan:
    """A scan, and what the run calls it and its results.

    Parameters
    ----------
    scan
        The scan.
    label
        What the run calls it: the file name without its extension.
    name
        Name of its workflow, and of its folder in the work folder.
    files
        The scan and its output paths, by the name of the result.
    results
        Results that a finished scan has, with words for them.
    kinds
        Kinds of the models that its system uses.
    """

    scan: Scan
    label: str
    name: str
    files: Mapping[str, Path]
    results: Mapping[str, str]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class ScanJob(NamedScan):
    """A scan with everything that its workflow needs.

    Parameters
    ----------
    header
        Its grid.
    models
        Packages that segment it.
    plan
        Which phases run.
    output
        Where its results go, and what their sidecars say.
    memory_gb
        Memory of its nodes by name; empty where nothing runs.
    corrections
        What a reader corrected.
    arguments
        Further arguments of the workflow that hold for this scan alone.
    """

    header: ScanHeader
    models: ChosenModels
    plan: ScanPlan
    output: ScanOutput
    memory_gb: Mapping[str, float] = field(default_factory=dict)
    corrections: Corrections = Corrections()
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether something is computed for this scan."""
        return not self.plan.all_done


@dataclass(frozen=True)
class RefusedScan(NamedScan):
    """A scan that cannot run.

    Parameters
    ----------
    fault
        Why.
    header, models
        What was known of it by then.
    """

    fault: SpinepsError
    header: ScanHeader | None = None
    models: ChosenModels | None = None


PlannedScan = ScanJob | RefusedScan
"""A scan that the run has looked at."""


def jobs_of(scans: Iterable[PlannedScan]) -> list[ScanJob]:
    """The scans that can run, or are done."""
    return [scan for scan in scans if isinstance(scan, ScanJob)]


def plan_each(
    scans: Iterable[NamedScan], look: Callable[[NamedScan], PlannedScan]
) -> list[PlannedScan]:
    """Look at each scan; what is wrong with one stops no other.

    Parameters
    ----------
    scans
        Scans of the dataset.
    look
        Makes a job of a scan, or says why it cannot run; may raise.
    """
    planned: list[PlannedScan] = []
    taken: dict[Path, NamedScan] = {}
    for named in scans:
        first = named.files[next(iter(named.results))]
        other = taken.setdefault(first, named)
        try:
            if other is not named:
                raise InputError(
                    f"Its results would have the names of those of {other.scan.path.name}.",
                    file=named.scan.path,
                    remedy="Rename one of both files, or move it out of the dataset.",
                )
            planned.append(look(named))
        except SpinepsError as fault:
            planned.append(refused(named, fault))
        except Exception as fault:  # one odd file must not stop the others
            logger.exception("%s could not be prepared", named.scan.path)
            odd = InputError(
                f"The scan could not be prepared: {type(fault).__name__}: {fault}.",
                file=named.scan.path,
                remedy="Look at the file with a viewer, or leave it out (--bids-filter-file).",
            )
            planned.append(refused(named, odd))
    return planned


def refused(
    named: NamedScan,
    fault: SpinepsError,
    header: ScanHeader | None = None,
    models: ChosenModels | None = None,
) -> RefusedScan:
    """A scan that cannot run, and why."""
    return RefusedScan(**vars(named), fault=fault, header=header, models=models)


def check_memory(path: Path, header: ScanHeader, memory_gb: float) -> None:
    """Refuse a scan that needs more memory than the run may fill.

    Raises
    ------
    ResourceError
        If the estimate is above `memory_gb`.
    """
    needed = memory_estimate_gib(header.shape) * 2**30 / 1e9
    if needed > memory_gb:
        size = " x ".join(map(str, header.shape))
        raise ResourceError(
            f"The scan of {size} voxels needs about {needed:.1f} GB of memory, "
            f"the run may fill {memory_gb:.1f} GB.",
            file=path,
            remedy="Crop or downsample it, or give the run more memory (--mem).",
        )


def check_free(path: Path, folder: Path, needed_gb: float) -> None:
    """Refuse a scan whose files do not fit on the disk of a folder.

    Raises
    ------
    ResourceError
        If less is free than is needed, or than even a small scan needs.
    """
    needed = max(LEAST_FREE_GB, needed_gb)
    free = free_gb(folder)
    if free < needed:
        raise ResourceError(
            f"The disk of {folder} has {free:.2f} GB free, the scan needs {needed:.2f} GB.",
            file=path,
            remedy="Free space on that disk, or choose another folder (-w for the work).",
        )


def workflow_name(path: Path, root: Path, taken: set[str]) -> str:
    """Name of a workflow: the file name, or the whole path where the name is not unique."""
    name = re.sub(r"\W+", "_", split_extension(path.name)[0])
    if name in taken:
        with suppress(ValueError):
            path = path.relative_to(root)
        name = re.sub(r"\W+", "_", path.as_posix())
    taken.add(name)
    return f"scan_{name}"


def check_folders(folders: Folders) -> None:
    """Refuse folders that would change the dataset, or that cannot be folders.

    Raises
    ------
    OutputError
        If results or work would lie in the dataset, other than below its ``derivatives``, or if
        the folder, or one above it, is a file.
    """
    bids = folders.bids_dir.resolve()
    suggested = bids / "derivatives" / "spineps"
    for folder, words, remedy in (
        (folders.output_dir, "output folder (OUTPUT_DIR)", f"a folder outside, or {suggested}"),
        (folders.work_folder, "work folder (-w)", f"-w {_beside(bids, 'work')}"),
    ):
        place = folder.resolve()
        there = next(path for path in (place, *place.parents) if path.exists())
        if not there.is_dir():
            raise OutputError(
                f"The {words} cannot be made: {there} is a file.",
                file=folder,
                remedy="Choose another folder.",
            )
        inside = place == bids or bids in place.parents
        if inside and bids / "derivatives" not in place.parents:
            raise OutputError(
                f"The {words} lies in the dataset, whose files are not touched.",
                file=folder,
                remedy=f"Choose {remedy}.",
            )


def _beside(folder: Path, word: str) -> Path:
    return folder.with_name(f"{folder.name}_{word}")
