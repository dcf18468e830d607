"""Which system a benchmark runs, where its label map lies, and that map in SPINEPS's labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from benchmarks.against_truth.label_sets import VERTEBRAE
from benchmarks.against_truth.scan import Result, load_result
from spineps_nipype.bids.names import (
    output_folder,
    output_name,
    output_paths,
    parse_name,
    split_extension,
)
from spineps_nipype.core import anatomy
from spineps_nipype.core.canonical import System
from spineps_nipype.core.convert_labels import convert_labels
from spineps_nipype.core.geometry import to_input_grid
from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import InputError
from spineps_nipype.totalspineseg.folders import result_paths
from spineps_nipype.totalspineseg.recipe import NAMES_TABLE
from spineps_nipype.workflows.app.pipelines import of_system
from spineps_nipype.workflows.options.other_systems import (
    SPINE_SEGMENTATION,
    SPINEPS,
    TOTALSPINESEG,
)
from spineps_nipype.workflows.options.run_options import RunOptions

LABELS_OF: Final[Mapping[str, System]] = {
    TOTALSPINESEG: "totalspineseg",
    SPINE_SEGMENTATION: "spine_segmentation",
}
JUDGED: Final[Mapping[str, frozenset[str]]] = {
    # arches and bodies are one there, so that single bodies cannot be judged
    TOTALSPINESEG: frozenset({"vertebra", "disc", "canal", "cord"}),
    SPINE_SEGMENTATION: frozenset({"body", "disc"}),
}
"""Structures that the systems beside SPINEPS have as the truth has them."""


def system_of(options: RunOptions) -> str:
    """The system that runs.

    Raises
    ------
    InputError
        If there are several, or it has no vertebrae.
    """
    asked = options.task.pipelines or (SPINEPS,)
    if len(asked) != 1 or asked[0] not in {SPINEPS, *LABELS_OF}:
        raise InputError(
            f"One system is measured at a time, not {', '.join(asked)}.",
            remedy=f"Give --pipeline with one of {', '.join((SPINEPS, *LABELS_OF))}, or none.",
        )
    return str(asked[0])


def results_of(options: RunOptions) -> RunOptions:
    """Options with the folders that the system writes to."""
    return of_system(options, options.task.pipelines[0]) if options.task.pipelines else options


def result_files(options: RunOptions, scan: Path) -> Mapping[str, Path]:
    """Where the results of a scan lie: ``out_spine`` and ``out_vert``, or ``labels``.

    The table of names is ``out_labels``.
    """
    system, folders = system_of(options), results_of(options).folders
    if system == SPINEPS:
        return output_paths(scan, folders.bids_dir, folders.output_dir)
    if system == TOTALSPINESEG:
        paths = result_paths(folders.output_dir, split_extension(scan.name)[0])
        return {"labels": paths["step2_output"], "out_labels": paths[NAMES_TABLE]}
    folder, name = output_folder(scan, folders.bids_dir, folders.output_dir), parse_name(scan)
    return {
        "labels": folder / output_name(name, "msk", ".nii.gz", seg="instance"),
        "out_labels": folder / output_name(name, "labels", ".tsv", seg="instance"),
    }


def load_results(system: str, files: Mapping[str, Path], image: NII) -> Result:
    """Result masks on the grid of a scan.

    Parameters
    ----------
    files
        From `result_files`.
    image
        The scan in P, I, R.
    """
    if system == SPINEPS:
        return load_result(files["out_spine"], files["out_vert"], image)
    return result_of_labels(system, to_input_grid(load_mask(files["labels"]), image))


def result_of_labels(system: str, labels: NII) -> Result:
    """Result masks from the label map of a system other than SPINEPS, on the grid of a scan."""
    found = convert_labels(
        labels.get_array(), LABELS_OF[system], "spineps", spacing=tuple(labels.zoom)
    )
    assert found.spine is not None
    spine, vert = np.asarray(found.spine), np.asarray(found.labels)
    # what of a whole vertebra is body nobody knows: all of it counts as one
    spine = np.where(np.isin(vert, VERTEBRAE), anatomy.CORPUS_BORDER, spine)
    return Result(spine, vert)
