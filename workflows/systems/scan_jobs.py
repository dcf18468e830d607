"""Scans of a run: what each of them needs and what is left to do, before anything runs."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.bids_layout import bids_paths
from spineps_nipype.bids.compatibility import check_compatibility, image_plane
from spineps_nipype.bids.corrections import Corrections, Name, find_corrections
from spineps_nipype.bids.header import ScanHeader, read_header
from spineps_nipype.bids.names import SNAPSHOT_FOLDER, output_paths, split_extension
from spineps_nipype.bids.query import Scan
from spineps_nipype.bids.sidecars import scan_metadata
from spineps_nipype.core.image_checks import check_shape, memory_estimate_gib, volume_shape
from spineps_nipype.errors import (
    CompatibilityError,
    InputError,
    ModelError,
    OutputError,
    ResourceError,
    SpinepsError,
)
from spineps_nipype.results.plan import ScanPlan, plan_scan
from spineps_nipype.spineps.settings import SaveSettings

from ..engine.available_resources import free_gb
from ..engine.memory_estimates import model_voxels, scan_memory
from ..options.run_options import Folders, OutputLayout, RunOptions
from .model_choice import KINDS, ChosenModels, ModelChooser

logger = logging.getLogger("spineps_nipype.scans")

WORK_BYTES: Final = 40
"""Files in the work folder for each voxel of a scan: four images, masks, digests [bytes]."""
OUTPUT_BYTES: Final = 6
"""Files in the output folder for each voxel [bytes]."""
CLASS_BYTES: Final = 8
"""Class probabilities, for each class and voxel of the model's grid [bytes]."""
LEAST_FREE_GB: Final = 0.02
"""Free space that even a small scan needs [GB]."""
SPINEPS_RESULTS: Final[Mapping[str, str]] = {
    "out_spine": "spine mask",
    "out_vert": "vertebra mask",
    "out_ctd": "centroids",
    "out_snap": "snapshot",
}
"""Output keys of what a finished scan has, and what the last words call it."""


@dataclass
class Unit:
    """A scan with everything that its workflow needs.

    Parameters
    ----------
    scan
        The scan.
    label
        What the run calls it: the file name without its extension.
    name
        Name of its workflow, and of its folder in the work folder.
    paths
        Output paths by the keys of SPINEPS.
    fault
        Why it cannot run, None if it can.
    results
        Keys of `paths` that a finished scan has, with words for them.
    kinds
        Kinds of the models that its system uses.
    """

    scan: Scan
    label: str
    name: str
    paths: dict[str, Path]
    header: ScanHeader | None = None
    models: ChosenModels | None = None
    plan: ScanPlan | None = None
    fault: SpinepsError | None = None
    memory_gb: dict[str, float] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=lambda: SPINEPS_RESULTS)
    kinds: tuple[str, ...] = KINDS
    corrections: Corrections = Corrections()

    @property
    def runs(self) -> bool:
        """Whether something is computed for this scan."""
        return self.fault is None and self.plan is not None and not self.plan.all_done

    @property
    def done_before(self) -> bool:
        """Whether all its results are stored already."""
        return self.fault is None and self.plan is not None and self.plan.all_done


def make_units(
    scans: Iterable[Scan],
    options: RunOptions,
    chooser: ModelChooser,
    memory_gb: float,
    fixed_names: Mapping[str, Sequence[Name]] | None = None,
) -> list[Unit]:
    """Look at each scan; what is wrong with one is kept in its unit and stops no other.

    Parameters
    ----------
    scans
        Scans of the dataset.
    options
        What the run is asked to do.
    chooser
        Finds the models of each scan.
    memory_gb
        Memory that the run may fill.
    fixed_names
        Names of vertebrae that a reader fixed, by scan.
    """

    def new(scan: Scan, label: str, name: str) -> Unit:
        layout = options.results.output_layout
        return Unit(scan, label, name, result_paths(scan.path, options.folders, layout))

    def prepare(unit: Unit) -> None:
        derivatives = options.results.derivatives
        unit.corrections = find_corrections(unit.scan.path, derivatives, fixed_names)
        _prepare(unit, options, chooser, memory_gb)

    return gather_units(scans, options.folders.bids_dir, new, prepare)


def gather_units(
    scans: Iterable[Scan],
    bids_dir: Path,
    new: Callable[[Scan, str, str], Unit],
    prepare: Callable[[Unit], None],
) -> list[Unit]:
    """One unit for each scan; faults of one stay in its unit.

    Parameters
    ----------
    new
        Makes a unit from a scan, its label and the name of its workflow.
    prepare
        Fills a unit in; may raise.
    """
    units: list[Unit] = []
    taken: dict[Path, Unit] = {}
    names: set[str] = set()
    for scan in scans:
        label = split_extension(scan.path.name)[0]
        unit = new(scan, label, workflow_name(scan.path, bids_dir, names))
        try:
            other = taken.setdefault(unit.paths[next(iter(unit.results))], unit)
            if other is not unit:
                raise InputError(
                    f"Its results would have the names of those of {other.scan.path.name}.",
                    file=scan.path,
                    remedy="Rename one of both files, or move it out of the dataset.",
                )
            prepare(unit)
        except SpinepsError as fault:
            unit.fault = fault
        except Exception as fault:  # one odd file must not stop the others
            logger.exception("%s could not be prepared", scan.path)
            unit.fault = InputError(
                f"The scan could not be prepared: {type(fault).__name__}: {fault}.",
                file=scan.path,
                remedy="Look at the file with a viewer, or leave it out (--bids-filter-file).",
            )
        units.append(unit)
    return units


def result_paths(path: Path, folders: Folders, layout: OutputLayout) -> dict[str, Path]:
    """Output paths of a scan in the layout that the run is asked for."""
    if layout == "bids":
        return bids_paths(path, folders.bids_dir, folders.output_dir)
    snapshots = folders.output_dir / SNAPSHOT_FOLDER
    return output_paths(path, folders.bids_dir, folders.output_dir, snapshot_folder=snapshots)


def _prepare(unit: Unit, options: RunOptions, chooser: ModelChooser, memory_gb: float) -> None:
    path = unit.scan.path
    unit.header = header = read_header(path)
    check_shape(volume_shape(header.shape), path, options.selection.average_4d)
    try:
        unit.models = models = chooser.choose(unit.scan.modality, header)
    except (CompatibilityError, ModelError) as fault:
        raise type(fault)(fault.what, file=fault.file or path, remedy=fault.remedy) from fault
    if not options.selection.ignore_compatibility:
        _check_fit(path, header, models)
    unit.metadata = scan_metadata(path, options.folders.bids_dir, notes=models.notes)
    unit.metadata["Sources"] += unit.corrections.sources
    unit.plan = plan_scan(
        path,
        unit.paths,
        settings=options.settings,
        models=models.packages,
        override=options.results.override,
        reuse=options.results.reuse,
        corrections=unit.corrections.digests(),
    )
    if unit.runs:
        unit.memory_gb = scan_memory(header, models.packages, options.settings)
        check_memory(path, header, memory_gb)
        _check_space(path, header, models, options.folders, options.settings.save)


def _check_fit(path: Path, header: ScanHeader, models: ChosenModels) -> None:
    plane = image_plane(header.zooms, header.axis_codes)
    for kind in ("semantic", "labeling"):
        package = models.packages[kind]
        if package is None:
            continue
        reasons = check_compatibility(path, plane, package.config)
        if reasons:
            raise CompatibilityError(
                f"The scan does not fit the {kind} model {package.id}: {'; '.join(reasons)}.",
                file=path,
                remedy="Choose another model, or --ignore-inference-compatibility.",
            )


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


def _check_space(
    path: Path, header: ScanHeader, models: ChosenModels, folders: Folders, save: SaveSettings
) -> None:
    voxels = math.prod(header.shape[:3])
    extra = int(save.save_softmax_logits) + int(save.save_probseg)
    config = models.semantic.config
    classes = len(set(config.labels.values())) + 1
    probabilities = extra * CLASS_BYTES * classes * model_voxels(header, config)
    for folder, per_voxel in (
        (folders.work_folder, WORK_BYTES),
        (folders.output_dir, OUTPUT_BYTES),
    ):
        needed = (per_voxel * voxels + probabilities) / 1e9
        check_free(path, folder, needed)


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


def check_folders(folders: Folders, database: Path | None) -> None:
    """Refuse folders that would change the dataset.

    Raises
    ------
    OutputError
        If results or work would lie in the dataset, other than below its ``derivatives``.
    """
    bids = folders.bids_dir.resolve()
    suggested = bids / "derivatives" / "spineps"
    for folder, words, remedy in (
        (folders.output_dir, "output folder (OUTPUT_DIR)", f"a folder outside, or {suggested}"),
        (folders.work_folder, "work folder (-w)", f"-w {_beside(bids, 'work')}"),
        (
            database,
            "folder of --bids-database-dir",
            f"--bids-database-dir {_beside(bids, 'index')}",
        ),
    ):
        place = bids.parent if folder is None else folder.resolve()
        inside = place == bids or bids in place.parents
        if inside and bids / "derivatives" not in place.parents:
            raise OutputError(
                f"The {words} lies in the dataset, whose files are not touched.",
                file=folder,
                remedy=f"Choose {remedy}.",
            )


def _beside(folder: Path, word: str) -> Path:
    return folder.with_name(f"{folder.name}_{word}")
