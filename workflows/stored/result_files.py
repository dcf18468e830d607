"""Where the results of each system lie in its output folder, found without any model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from spineps_nipype.bids.bids_layout import bids_paths
from spineps_nipype.bids.names import output_folder, output_name, output_paths, parse_name
from spineps_nipype.bids.names import split_extension as split
from spineps_nipype.core.files import is_file
from spineps_nipype.sc_epi.naming import stem_of
from spineps_nipype.totalspineseg.folders import result_paths
from spineps_nipype.totalspineseg.recipe import NAMES_TABLE

from ..options.other_systems import SC_EPI, SPINE_SEGMENTATION, SPINEPS, TOTALSPINESEG

SPINEPS_KEYS: Final = ("spine", "vert", "labels", "metrics", "checks", "snap", "ctd")
"""Results of SPINEPS; its output keys have ``out_`` before them."""
MARKERS: Final[Mapping[str, tuple[str, ...]]] = {
    SPINEPS: (
        "{sub}/**/*_seg-vert_msk.json",
        "{sub}/**/*_seg-vert_dseg.json",
        "{sub}/**/*_seg-vert_desc-*_dseg.json",
    ),
    TOTALSPINESEG: ("step[12]_output/*.json",),
    SC_EPI: ("{sub}/**/*.json",),
    SPINE_SEGMENTATION: ("{sub}/**/*_seg-semantic_msk.json",),
}
"""Sidecars by which scans with results are found, for each system; ``{sub}`` is the subject."""


def stored_files(system: str, scan: Path, bids_dir: Path, root: Path) -> dict[str, Path]:
    """Results of a scan that are there, by a word for each.

    Parameters
    ----------
    system
        Word of ``--pipeline``.
    scan, bids_dir
        The scan and its dataset.
    root
        Output folder of the system.
    """
    found = _FINDERS[system](scan, bids_dir, root)
    return {key: path for key, path in found.items() if is_file(path)}


def _spineps(scan: Path, bids_dir: Path, root: Path) -> dict[str, Path]:
    """In the layout of SPINEPS or of BIDS, whichever has masks of the scan."""
    layouts = [output_paths(scan, bids_dir, root), bids_paths(scan, bids_dir, root)]
    paths = next((p for p in layouts if is_file(p["out_spine"])), layouts[0])
    return {key: paths[f"out_{key}"] for key in SPINEPS_KEYS}


def _totalspineseg(scan: Path, bids_dir: Path, root: Path) -> dict[str, Path]:  # noqa: ARG001
    paths = result_paths(root, split(scan.name)[0])
    return {
        "totalspineseg": paths["step2_output"],
        "totalspineseg_step1": paths["step1_output"],
        "labels": paths[NAMES_TABLE],
    }


def _sc_epi(scan: Path, bids_dir: Path, root: Path) -> dict[str, Path]:
    folder = output_folder(scan, bids_dir, root)
    masks = sorted(folder.glob(f"{stem_of(scan)}_*.nii.gz")) if folder.is_dir() else []
    return {"cord": masks[0]} if masks else {}


def _slices(scan: Path, bids_dir: Path, root: Path) -> dict[str, Path]:
    folder, name = output_folder(scan, bids_dir, root), parse_name(scan)
    return {
        "spine_segmentation": folder / output_name(name, "msk", ".nii.gz", seg="instance"),
        "two_classes": folder / output_name(name, "msk", ".nii.gz", seg="semantic"),
        "labels": folder / output_name(name, "labels", ".tsv", seg="instance"),
    }


_FINDERS: Final[Mapping[str, Callable[[Path, Path, Path], dict[str, Path]]]] = {
    SPINEPS: _spineps,
    TOTALSPINESEG: _totalspineseg,
    SC_EPI: _sc_epi,
    SPINE_SEGMENTATION: _slices,
}
