"""What the name of a scan says, and the names that its results get.

Result names are those of SPINEPS: the entities of the scan, its modality word as ``mod``, the
kind of mask as ``seg``, in the order that SPINEPS sorts entities in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

EXTENSIONS: Final = (".nii.gz", ".nii")
ENTITY_ORDER: Final = (
    "sub",
    "ses",
    "sequ",
    "acq",
    "task",
    "chunk",
    "hemi",
    "sample",
    "split",
    "ce",
    "trc",
    "stain",
    "rec",
    "proc",
    "mod",
    "recording",
    "res",
    "dir",
    "echo",
    "flip",
    "inv",
    "mt",
    "part",
    "space",
    "seg",
    "source",
    "ovl",
    "run",
    "label",
    "den",
    "version",
    "desc",
    "nameconflict",
)
"""Order of entities in result names. Source: SPINEPS 2.1.3 (TPTBox 1.1)."""
SNAPSHOT_FOLDER: Final = "snaps_seg"
"""Folder below the output folder that gathers the snapshots of all scans."""
_BIDS_NAME: Final = re.compile(r"sub-[A-Za-z0-9+]+(?:_[A-Za-z]+-[A-Za-z0-9+.]+)*_[A-Za-z0-9]+")
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class ScanName:
    """Parts of the file name of a scan.

    Parameters
    ----------
    entities
        Short entity names and their values, in the order of the name.
    word
        Last part of the name: the modality, ``T2w``.
    extension
        ``.nii.gz``, ``.nii``, or what else the file ends with.
    is_bids
        Whether the name follows the pattern of BIDS. Otherwise subject and modality are made up
        from the name, as SPINEPS does.
    """

    entities: Mapping[str, str] = field(default_factory=dict)
    word: str = ""
    extension: str = ""
    is_bids: bool = True

    @property
    def subject(self) -> str:
        """Subject label, without ``sub-``."""
        return self.entities.get("sub", "")

    @property
    def session(self) -> str:
        """Session label, without ``ses-``; empty if there is none."""
        return self.entities.get("ses", "")


def split_extension(name: str) -> tuple[str, str]:
    """Stem and extension of a file name; ``.nii.gz`` counts as one extension."""
    for extension in EXTENSIONS:
        if name.endswith(extension):
            return name[: -len(extension)], extension
    stem, dot, rest = name.rpartition(".")
    return (stem, dot + rest) if stem else (name, "")


def parse_name(path: str | Path, *, strict: bool = True) -> ScanName:
    """Take the name of a scan apart; unless `strict`, even a BIDS name is made up from whole.

    >>> parse_name("sub-x_ses-01_acq-sag_T2w.nii.gz").entities
    {'sub': 'x', 'ses': '01', 'acq': 'sag'}
    >>> parse_name("my scan.nii.gz")
    ScanName(entities={'sub': 'my-scan'}, word='my-scan', extension='.nii.gz', is_bids=False)
    """
    stem, extension = split_extension(Path(path).name)
    if strict and _BIDS_NAME.fullmatch(stem):
        *pairs, word = stem.split("_")
        entities = dict(pair.split("-", 1) for pair in pairs)
        return ScanName(entities, word, extension)
    label = _plain(stem.removeprefix("sub-"))
    word = _plain(stem.rpartition("_")[2])
    return ScanName({"sub": label}, word, extension, is_bids=False)


def output_name(
    name: ScanName, word: str, extension: str, *, modality: str = "", **entities: str
) -> str:
    """Name of a result: entities of the scan and further ones, sorted, then the format word.

    >>> output_name(parse_name("sub-x_run-2_T2w.nii.gz"), "msk", ".nii.gz", seg="spine")
    'sub-x_mod-T2w_seg-spine_run-2_msk.nii.gz'
    """
    merged = {**name.entities, "mod": modality or name.word, **entities}
    known = [key for key in ENTITY_ORDER if key in merged]
    unknown = [key for key in merged if key not in ENTITY_ORDER]
    return "_".join([*(f"{key}-{merged[key]}" for key in (*known, *unknown)), word]) + extension


def output_folder(in_file: str | Path, bids_root: str | Path, out_root: str | Path) -> Path:
    """Folder of the results of a scan: where the scan lies in its dataset, from ``sub-*`` on.

    A scan that lies in no subject folder, or outside the dataset, gets one.
    """
    in_file, out_root = Path(in_file), Path(out_root)
    name = parse_name(in_file)
    own = [f"sub-{name.subject}", *([f"ses-{name.session}"] if name.session else [])]
    try:
        parts = in_file.parent.relative_to(bids_root).parts
    except ValueError:
        return out_root.joinpath(*own)
    for position, part in enumerate(parts):
        if part.startswith("sub-"):
            return out_root.joinpath(*parts[position:])
    return out_root.joinpath(*own, *parts)


def output_paths(
    in_file: str | Path,
    bids_root: str | Path,
    out_root: str | Path,
    *,
    snapshot_folder: str | Path | None = None,
) -> dict[str, Path]:
    """Paths of all results of a scan, by the keys of SPINEPS.

    Parameters
    ----------
    in_file
        The scan.
    bids_root
        Root of its dataset.
    out_root
        Output folder.
    snapshot_folder
        Folder that gathers a copy of the snapshot; without it ``out_snap2`` is ``out_snap``.

    Returns
    -------
    dict of Path
        ``out_spine``, ``out_vert``, ``out_ctd``, ``out_snap``, ``out_snap2``, ``out_labels``,
        ``out_metrics``, ``out_checks``;
        in the folder ``out_raw``: ``out_spine_raw``, ``out_vert_raw``, ``out_logits``,
        ``out_probseg``, ``out_unc``, ``out_modelres``; the folder ``out_debug``. Nothing is made
        on disk. Source: SPINEPS 2.1.3, output paths.
    """
    name = parse_name(in_file)
    folder = output_folder(in_file, bids_root, out_root)
    paths = result_paths(name, folder, snapshot_folder=snapshot_folder)
    if snapshot_folder and not name.is_bids:  # such names repeat from folder to folder
        below = folder.relative_to(out_root)
        paths["out_snap2"] = Path(snapshot_folder) / below / paths["out_snap"].name
    return paths


def result_paths(
    name: ScanName, folder: Path, *, snapshot_folder: str | Path | None = None
) -> dict[str, Path]:
    """Paths of all results of a scan in a folder; see `output_paths`."""
    raw, debug = folder / f"output_raw_{name.word}", folder / f"debug_{name.word}"

    def result(seg: str, word: str, extension: str) -> str:
        return output_name(name, word, extension, seg=seg)

    snapshot = result("spine", "snp", ".png")
    copies = Path(snapshot_folder) if snapshot_folder else folder
    return {
        "out_spine": folder / result("spine", "msk", ".nii.gz"),
        "out_vert": folder / result("vert", "msk", ".nii.gz"),
        "out_ctd": folder / result("spine", "ctd", ".json"),
        "out_snap": folder / snapshot,
        "out_snap2": copies / snapshot,
        "out_labels": folder / result("vert", "labels", ".tsv"),
        "out_metrics": folder / result("spine", "metrics", ".tsv"),
        "out_checks": folder / result("spine", "checks", ".tsv"),
        "out_raw": raw,
        "out_spine_raw": raw / result("spine-raw", "msk", ".nii.gz"),
        "out_vert_raw": raw / result("vert-raw", "msk", ".nii.gz"),
        "out_logits": raw / result("spine", "logit", ".npz"),
        "out_probseg": raw / result("spine", "probseg", ".nii.gz"),
        "out_unc": raw / result("spine", "uncertainty", ".nii.gz"),
        "out_modelres": raw / result("spine-modelres", "msk", ".nii.gz"),
        "out_debug": debug,
    }


def _plain(text: str) -> str:
    """Text in which every run of unusual characters is one hyphen."""
    return _UNUSUAL.sub("-", text).strip("-") or "scan"
