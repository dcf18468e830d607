"""Files of truth masks: where they are, and which scan each belongs to."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np

from spineps_nipype.bids.compatibility import modality_of
from spineps_nipype.bids.names import split_extension
from spineps_nipype.bids.query import Scan
from spineps_nipype.errors import InputError

PATTERNS: Final = ("*_dseg.nii.gz", "*_seg-*_msk.nii.gz", "*_dseg.nii", "*_seg-*_msk.nii")
MASK_ENTITIES: Final = ("seg", "desc", "label", "space", "res", "den", "source", "version", "mod")
"""Entities of a mask that its scan does not have; ``mod`` is compared with the suffix instead."""
SAME_GRID_MM: Final = 0.01
"""Affines that differ by less are equal."""


@dataclass(frozen=True)
class Pair:
    """A scan and its truth masks."""

    scan: Scan
    masks: tuple[Path, ...]

    @property
    def name(self) -> str:
        """File name of the scan without extension."""
        return split_extension(self.scan.path.name)[0]

    @property
    def subject(self) -> str:
        """Subject label, without ``sub-``."""
        return self.scan.name.subject


def find_masks(root: Path, derivative: str) -> list[Path]:
    """Masks in a derivative folder of a dataset, or in any other folder.

    Parameters
    ----------
    root
        The dataset.
    derivative
        Name of a folder in its ``derivatives``, or a path.

    Raises
    ------
    InputError
        If there are none; the message says which folders have some.
    """
    folders = [root / "derivatives" / derivative, Path(derivative)]
    folder = next((f for f in folders if f.is_dir()), None)
    masks = _masks_in(folder) if folder else []
    if masks:
        return masks
    others = [f for f in sorted((root / "derivatives").glob("*/")) if f != folder]
    with_masks = [f.name for f in others if _masks_in(f)]
    here = f"Folders in derivatives that hold some: {', '.join(with_masks)}." if with_masks else ""
    raise InputError(
        "No scan has a truth mask: "
        + (f"there is no {' or '.join(PATTERNS[:2])}." if folder else "the folder is not there."),
        file=folder or folders[0],
        remedy=f"Name the folder of the masks with --derivative. {here}".strip(),
    )


def _masks_in(folder: Path) -> list[Path]:
    return sorted({path for pattern in PATTERNS for path in folder.rglob(pattern)})


def mask_entities(path: Path) -> dict[str, str]:
    """Entities of a mask; a modality that stands as a bare word becomes ``mod``."""
    *parts, _ = split_extension(path.name)[0].split("_")
    out = {}
    for part in parts:
        key, hyphen, value = part.partition("-")
        if hyphen:
            out[key] = value
        elif modality_of(part):
            out["mod"] = part
    return out


def pair_masks(
    scans: Sequence[Scan], masks: Iterable[Path]
) -> tuple[list[Pair], list[tuple[Path, str]]]:
    """Give each mask to its scan.

    A scan must have all entities of the mask; of several, those with the fewest others are
    taken. If that leaves more than one, the mask belongs to those on whose grid it lies.

    Returns
    -------
    pairs, left
        Scans with masks, and masks that belong to none with the reason.
    """
    found: dict[Path, list[Path]] = {}
    left: list[tuple[Path, str]] = []
    for mask in masks:
        named = _scans_by_name(mask, scans)
        fitting = named if len(named) < 2 else [s for s in named if _on_grid(mask, s.path)]
        if not named:
            left.append((mask, "no scan that is segmented fits its name"))
        elif not fitting:
            left.append((mask, "several scans fit its name and none has its grid"))
        for scan in fitting:
            found.setdefault(scan.path, []).append(mask)
    pairs = [Pair(scan, tuple(found[scan.path])) for scan in scans if scan.path in found]
    return pairs, left


def _scans_by_name(mask: Path, scans: Sequence[Scan]) -> list[Scan]:
    """Scans that have all entities of a mask and the fewest others."""
    entities = mask_entities(mask)
    wanted = {k: v for k, v in entities.items() if k not in MASK_ENTITIES}
    fitting = [
        scan
        for scan in scans
        if wanted.items() <= scan.name.entities.items()
        and scan.name.subject == wanted.get("sub")
        and entities.get("mod", scan.name.suffix) == scan.name.suffix
    ]
    fewest = min((len(scan.name.entities) for scan in fitting), default=0)
    return [scan for scan in fitting if len(scan.name.entities) == fewest]


def _on_grid(mask: Path, scan: Path) -> bool:
    try:
        a, b = nib.load(mask), nib.load(scan)
    except Exception:  # whatever is wrong is said when the scan is measured
        return False
    return a.shape[:3] == b.shape[:3] and bool(np.allclose(a.affine, b.affine, atol=SAME_GRID_MM))


def participant_counts(root: Path) -> dict[str, dict[str, int]]:
    """Whole numbers of the participants table by subject (without ``sub-``)."""
    try:
        text = (root / "participants.tsv").read_text(encoding="utf-8-sig")
    except OSError:
        return {}
    out = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        subject = (row.get("participant_id") or "").removeprefix("sub-")
        out[subject] = {k: int(v) for k, v in row.items() if k and v and v.strip().isdigit()}
    return out
