"""Names of results in the output layout ``bids``.

Results that BIDS has no suffix for (points of interest, metrics, checks, pictures) are named by
the same pattern and listed in `.bidsignore`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .names import EXTENSIONS, ScanName, output_folder, parse_name, split_extension

ENTITIES: Final = (
    "sub",
    "ses",
    "task",
    "acq",
    "ce",
    "rec",
    "run",
    "echo",
    "part",
    "space",
    "chunk",
    "seg",
    "res",
    "desc",
)
"""Entities that BIDS allows for segmentations of anatomical images, in the order of BIDS."""
FIGURES: Final = "figures"
_NOT_ALPHANUMERIC: Final = re.compile(r"[^A-Za-z0-9]+")


def bids_paths(
    in_file: str | Path, bids_root: str | Path, out_root: str | Path
) -> dict[str, Path]:
    """Paths of all results of a scan, by the keys of SPINEPS (see `names.output_paths`).

    Results of scans that differ in their suffix alone (T1w and T2w of one acquisition) are told
    apart by ``desc-``. Whether there are such scans is looked up in the folder of the scan, so
    that names do not depend on which scans were selected.
    """
    in_file, out_root = Path(in_file), Path(out_root)
    name = parse_name(in_file)
    entities = _entities(name)
    own = _NOT_ALPHANUMERIC.sub("", name.suffix) if _has_twin(in_file, name) else ""
    parts = output_folder(in_file, bids_root, out_root).relative_to(out_root).parts
    subject = out_root / f"sub-{entities['sub']}"
    folder = out_root.joinpath(*(_label(part) for part in parts))
    figures = subject / FIGURES

    def result(seg: str, suffix: str, extension: str, desc: str = "") -> str:
        return bids_name(entities, suffix, extension, seg=seg, desc=desc + own)

    snapshot = result("spine", "snapshot", ".png")
    return {
        "out_spine": folder / result("spine", "dseg", ".nii.gz"),
        "out_vert": folder / result("vert", "dseg", ".nii.gz"),
        "out_ctd": folder / result("spine", "poi", ".json"),
        "out_snap": figures / snapshot,
        "out_snap2": figures / snapshot,
        "out_labels": folder / result("vert", "labels", ".tsv"),
        "out_metrics": folder / result("spine", "metrics", ".tsv"),
        "out_checks": folder / result("spine", "checks", ".tsv"),
        "out_evidence": folder / result("spine", "evidence", ".tsv"),
        "out_raw": folder,
        "out_spine_raw": folder / result("spine", "dseg", ".nii.gz", "raw"),
        "out_vert_raw": folder / result("vert", "dseg", ".nii.gz", "raw"),
        "out_logits": folder / result("spine", "logits", ".npz"),
        "out_probseg": folder / result("spine", "probseg", ".nii.gz"),
        "out_unc": folder / result("spine", "uncertainty", ".nii.gz"),
        "out_modelres": folder / result("spine", "dseg", ".nii.gz", "modelres"),
        "out_markups": folder / result("spine", "poi", ".mrk.json"),
        "out_surfaces": folder / result("vert", "surfaces", ".tsv"),
        "out_surfaces_stl": folder / result("vert", "stl", ""),
        "out_surfaces_gifti": folder / result("vert", "gifti", ""),
        "out_debug": folder / f"debug_{_NOT_ALPHANUMERIC.sub('', name.suffix)}",
    }


def bids_name(entities: Mapping[str, str], suffix: str, extension: str, **further: str) -> str:
    """File name with its entities in the order of BIDS; empty entities are left out.

    >>> bids_name({"sub": "x", "run": "2"}, "dseg", ".nii.gz", seg="vert", desc="")
    'sub-x_run-2_seg-vert_dseg.nii.gz'
    """
    merged = {**entities, **further}
    pairs = [f"{key}-{merged[key]}" for key in ENTITIES if merged.get(key)]
    return "_".join([*pairs, suffix]) + extension


def _entities(name: ScanName) -> dict[str, str]:
    """Entities of a scan; those not allowed for segmentations are added to ``acq``."""
    known = {k: _NOT_ALPHANUMERIC.sub("", v) for k, v in name.entities.items() if k in ENTITIES}
    others = [(k, v) for k, v in name.entities.items() if k not in ENTITIES]
    extra = "".join(_NOT_ALPHANUMERIC.sub("", k + v[:1].upper() + v[1:]) for k, v in others)
    if extra:
        known["acq"] = known.get("acq", "") + extra
    return known


def _has_twin(in_file: Path, name: ScanName) -> bool:
    """Whether an image in the folder of a scan differs from it in its suffix alone."""
    if not in_file.parent.is_dir():
        return False
    for path in in_file.parent.iterdir():
        if path.name.endswith(EXTENSIONS) and path.name != in_file.name:
            other = parse_name(path)
            same = other.is_bids and other.entities == name.entities
            if same and split_extension(path.name)[0] != split_extension(in_file.name)[0]:
                return True
    return False


def _label(part: str) -> str:
    """Folder name without the characters that BIDS does not allow in its label."""
    key, dash, value = part.partition("-")
    return key + dash + _NOT_ALPHANUMERIC.sub("", value) if dash else part
