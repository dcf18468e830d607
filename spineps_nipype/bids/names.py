"""What the name of a scan says, and how its results are named.

Result names are those of SPINEPS: the entities of the scan, its suffix as ``mod``, the kind of
mask as ``seg``, sorted in SPINEPS' order of entities.
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
"""Folder in the output folder that collects the snapshots of all scans."""
_BIDS_NAME: Final = re.compile(r"sub-[A-Za-z0-9+]+(?:_[A-Za-z]+-[A-Za-z0-9+.]+)*_[A-Za-z0-9]+")
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class ScanName:
    """Parts of the file name of a scan.

    Parameters
    ----------
    entities
        Short entity names and their values, in the order of the name.
    suffix
        Last part of the name, which tells the modality: ``T2w``.
    extension
        ``.nii.gz``, ``.nii``, or any other ending of the file.
    is_bids
        Whether the name follows the BIDS pattern. Otherwise subject and suffix are derived from
        the name, as SPINEPS does.
    """

    entities: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
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


def session_of(name: ScanName) -> tuple[str, str]:
    """Subject and session of a scan: scans that agree in both belong together."""
    return name.subject, name.session


def split_extension(name: str) -> tuple[str, str]:
    """Stem and extension of a file name; ``.nii.gz`` counts as one extension."""
    for extension in EXTENSIONS:
        if name.endswith(extension):
            return name[: -len(extension)], extension
    stem, dot, rest = name.rpartition(".")
    return (stem, dot + rest) if stem else (name, "")


def parse_name(path: str | Path, *, strict: bool = True) -> ScanName:
    """Parse the name of a scan; unless `strict`, even a BIDS name is treated as any other name.

    >>> parse_name("sub-x_ses-01_acq-sag_T2w.nii.gz").entities
    {'sub': 'x', 'ses': '01', 'acq': 'sag'}
    >>> parse_name("my scan.nii.gz")
    ScanName(entities={'sub': 'my-scan'}, suffix='my-scan', extension='.nii.gz', is_bids=False)
    """
    stem, extension = split_extension(Path(path).name)
    if strict and _BIDS_NAME.fullmatch(stem):
        *pairs, suffix = stem.split("_")
        entities = dict(pair.split("-", 1) for pair in pairs)
        return ScanName(entities, suffix, extension)
    label = _hyphenated(stem.removeprefix("sub-"))
    suffix = _hyphenated(stem.rpartition("_")[2])
    return ScanName({"sub": label}, suffix, extension, is_bids=False)


def output_name(
    name: ScanName, suffix: str, extension: str, *, modality: str = "", **entities: str
) -> str:
    """Name of a result: entities of the scan and further ones, sorted, then the result's suffix.

    >>> output_name(parse_name("sub-x_run-2_T2w.nii.gz"), "msk", ".nii.gz", seg="spine")
    'sub-x_mod-T2w_seg-spine_run-2_msk.nii.gz'
    """
    merged = {**name.entities, "mod": modality or name.suffix, **entities}
    known = [key for key in ENTITY_ORDER if key in merged]
    unknown = [key for key in merged if key not in ENTITY_ORDER]
    return "_".join([*(f"{key}-{merged[key]}" for key in (*known, *unknown)), suffix]) + extension


def output_folder(in_file: str | Path, bids_root: str | Path, out_root: str | Path) -> Path:
    """Folder for the results of a scan: that of the scan in its dataset, from ``sub-*`` on.

    A scan outside the dataset, or in no subject folder, gets a subject folder.
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
        Folder for a copy of the snapshot; without it ``out_snap2`` is ``out_snap``.

    Returns
    -------
    dict of Path
        ``out_spine``, ``out_vert``, ``out_ctd``, ``out_snap``, ``out_snap2``, ``out_labels``,
        ``out_metrics``, ``out_checks``, ``out_evidence``, ``out_markups``, ``out_surfaces``, and
        the folders ``out_surfaces_stl`` and ``out_surfaces_gifti``;
        in the folder ``out_raw``: ``out_spine_raw``, ``out_vert_raw``, ``out_logits``,
        ``out_probseg``, ``out_unc``, ``out_modelres``; the folder ``out_debug``. Nothing is
        created on disk. Source: SPINEPS 2.1.3, output paths.
    """
    name = parse_name(in_file)
    folder = output_folder(in_file, bids_root, out_root)
    paths = result_paths(name, folder, snapshot_folder=snapshot_folder)
    if snapshot_folder and not name.is_bids:  # such names may be the same in several folders
        below = folder.relative_to(out_root)
        paths["out_snap2"] = Path(snapshot_folder) / below / paths["out_snap"].name
    return paths


def result_paths(
    name: ScanName, folder: Path, *, snapshot_folder: str | Path | None = None
) -> dict[str, Path]:
    """Paths of all results of a scan in a folder; see `output_paths`."""
    raw, debug = folder / f"output_raw_{name.suffix}", folder / f"debug_{name.suffix}"

    def result(seg: str, suffix: str, extension: str) -> str:
        return output_name(name, suffix, extension, seg=seg)

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
        "out_evidence": folder / result("spine", "evidence", ".tsv"),
        "out_raw": raw,
        "out_spine_raw": raw / result("spine-raw", "msk", ".nii.gz"),
        "out_vert_raw": raw / result("vert-raw", "msk", ".nii.gz"),
        "out_logits": raw / result("spine", "logit", ".npz"),
        "out_probseg": raw / result("spine", "probseg", ".nii.gz"),
        "out_unc": raw / result("spine", "uncertainty", ".nii.gz"),
        "out_modelres": raw / result("spine-modelres", "msk", ".nii.gz"),
        "out_debug": debug,
        "out_markups": folder / result("spine", "ctd", ".mrk.json"),
        "out_surfaces": folder / result("vert", "surfaces", ".tsv"),
        "out_surfaces_stl": folder / result("vert", "stl", ""),
        "out_surfaces_gifti": folder / result("vert", "gifti", ""),
    }


def _hyphenated(text: str) -> str:
    """Text with a hyphen for every run of characters that are no letters or digits."""
    return _UNUSUAL.sub("-", text).strip("-") or "scan"
