"""Truth masks of a dataset: which files they are, which scan each belongs to, what they show."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np
from TPTBox import NII

from benchmarks.accuracy_measures import Instances, cut_off
from benchmarks.label_sets import LabelSet, choose_set
from spineps_nipype.bids.compatibility import modality_of
from spineps_nipype.bids.names import split_extension
from spineps_nipype.bids.query import Scan
from spineps_nipype.core.components import component_centroids, component_sizes, label_components
from spineps_nipype.core.geometry import to_input_grid
from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import InputError
from training.labeling_real import (
    CANAL,
    DISC,
    MIN_BODY_MM3,
    VERTEBRA,
    lumbar_names,
    number_bodies,
)

PATTERNS: Final = ("*_dseg.nii.gz", "*_seg-*_msk.nii.gz", "*_dseg.nii", "*_seg-*_msk.nii")
MASK_ENTITIES: Final = ("seg", "desc", "label", "space", "res", "den", "source", "version", "mod")
"""Entities of a mask that say nothing about its scan, but for ``mod``, which is looked at."""
SAME_GRID_MM: Final = 0.01
"""Affines that differ by less are equal."""
MIN_DISC_MM3: Final = 100.0
"""Smaller pieces of a joined mask of discs are no discs."""

Array = np.ndarray


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


@dataclass
class Truth:
    """What the masks of a scan show, on the grid of the scan, in P, I, R.

    Parameters
    ----------
    masks
        Arrays with their label sets.
    vertebrae, discs
        Instances, None where no mask tells them.
    bodies_only
        Whether the vertebrae are bodies without arches.
    notes
        What a reader of the figures has to know.
    """

    masks: list[tuple[LabelSet, Array]]
    vertebrae: Instances | None = None
    discs: Instances | None = None
    bodies_only: bool = False
    notes: list[str] = field(default_factory=list)


def find_masks(root: Path, derivative: str) -> list[Path]:
    """Masks in a derivative folder of a dataset, or in any folder.

    Raises
    ------
    InputError
        If there are none; says where some are.
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
        fitting = [scan for scan in fitting if len(scan.name.entities) == fewest]
        if len(fitting) > 1:
            fitting = [scan for scan in fitting if _on_grid(mask, scan.path)]
            if not fitting:
                left.append((mask, "several scans fit its name and none has its grid"))
                continue
        elif not fitting:
            left.append((mask, "no scan that is segmented fits its name"))
        for scan in fitting:
            found.setdefault(scan.path, []).append(mask)
    pairs = [Pair(scan, tuple(found[scan.path])) for scan in scans if scan.path in found]
    return pairs, left


def _on_grid(mask: Path, scan: Path) -> bool:
    try:
        a, b = nib.load(mask), nib.load(scan)
    except Exception:  # whatever is wrong is said when the scan is measured
        return False
    return a.shape[:3] == b.shape[:3] and bool(np.allclose(a.affine, b.affine, atol=SAME_GRID_MM))


def load_truth(
    pair: Pair, image: NII, sets: Sequence[LabelSet], counts: Mapping[str, int] | None = None
) -> Truth:
    """Read the masks of a scan.

    Parameters
    ----------
    image
        The scan in P, I, R.
    sets
        Label sets to choose from.
    counts
        Row of the participants table.

    Raises
    ------
    InputError
        If a mask cannot be read, fits no label set, or none shows anything on the scan.
    """
    truth = Truth([])
    for path in pair.masks:
        mask = load_mask(path)
        array = _on_image(mask, image, path, truth.notes)
        present = {int(v) for v in np.unique(mask.get_array()) if v}
        if not present:
            truth.notes.append(f"{path.name} is empty")
            continue
        chosen = choose_set(sets, present, path.name, pair.scan.modality)
        if chosen is None:
            some = ", ".join(map(str, sorted(present)[:12]))
            raise InputError(
                f"The values of the mask are those of no label set ({some}"
                + (", ...)." if len(present) > 12 else ")."),
                file=path,
                remedy="Describe them in a file for --label-sets.",
            )
        if any(chosen is one for one, _ in truth.masks):
            truth.notes.append(f"{path.name} was left out: it is a second {chosen.name} mask")
            continue
        if not array.any():
            raise InputError("The mask lies outside the scan.", file=path)
        truth.masks.append((chosen, array))
    if not truth.masks:
        raise InputError("All masks of the scan are empty.", file=pair.masks[0])
    spacing = tuple(float(z) for z in image.zoom)
    _find_vertebrae(truth, spacing)
    _find_discs(truth, spacing)
    _name_lumbar(truth, counts or {})
    return truth


def _on_image(mask: NII, image: NII, path: Path, notes: list[str]) -> Array:
    turned = mask.reorient(image.orientation)
    same = tuple(turned.shape) == tuple(image.shape) and np.allclose(
        turned.affine, image.affine, atol=SAME_GRID_MM
    )
    if same:
        return np.asarray(turned.get_array())
    notes.append(f"{path.name} has another grid and was resampled to that of the scan")
    return np.asarray(to_input_grid(mask, image).get_array())


def _find_vertebrae(truth: Truth, spacing: Sequence[float]) -> None:
    """Instances of the mask that tells them best: by value, else connected bodies."""
    for labels, array in truth.masks:
        if labels.vertebrae:
            own = np.where(np.isin(array, (*labels.vertebrae, *labels.partial)), array, 0)
            optional = _mostly_out_of_view(own, truth, spacing) | frozenset(labels.partial)
            truth.vertebrae = Instances(own, labels.levels, optional)
            return
    for labels, array in truth.masks:
        if labels.bodies:
            own = _bodies(array, labels, spacing)
            truth.vertebrae = Instances(own, {}, cut_off(own, spacing))
            truth.bodies_only = True
            return


def _mostly_out_of_view(own: Array, truth: Truth, spacing: Sequence[float]) -> frozenset[int]:
    """Vertebrae to judge by their bodies, where a mask of structures tells these."""
    for labels, array in truth.masks:
        if labels.bodies and not labels.canal:
            bodies = np.where(np.isin(array, labels.bodies), own, 0)
            without = set(np.unique(own).tolist()) - set(np.unique(bodies).tolist())
            return cut_off(bodies, spacing) | without if bodies.any() else frozenset()
    return cut_off(own, spacing)


def _bodies(array: Array, labels: LabelSet, spacing: Sequence[float]) -> Array:
    bodies = np.isin(array, labels.bodies)
    if labels.canal:
        joined = np.where(bodies, VERTEBRA, 0)
        joined[np.isin(array, labels.joined_discs)] = DISC
        joined[np.isin(array, labels.canal)] = CANAL
        return number_bodies(joined, spacing)
    return number_pieces(bodies, MIN_BODY_MM3, spacing)


def number_pieces(mask: Array, smallest_mm3: float, spacing: Sequence[float]) -> Array:
    """Number the connected pieces (by faces) of a mask (P, I, R) from the top.

    Pieces below `smallest_mm3` are left out.
    """
    pieces, count = label_components(mask, 1)
    volumes = component_sizes(pieces, count) * float(np.prod(spacing))
    heights = component_centroids(pieces)[:, 1]
    kept = [k for k in range(1, count + 1) if volumes[k] >= smallest_mm3]
    table = np.zeros(count + 1, np.uint16)
    table[sorted(kept, key=heights.__getitem__)] = np.arange(1, len(kept) + 1)
    return table[pieces]


def _find_discs(truth: Truth, spacing: Sequence[float]) -> None:
    for by_value in (True, False):
        for labels, array in truth.masks:
            values = labels.discs if by_value else labels.joined_discs
            own = np.where(np.isin(array, values), array, 0)
            if not own.any():
                continue
            if not by_value:
                own = number_pieces(own > 0, MIN_DISC_MM3, spacing)
            truth.discs = Instances(own, {}, cut_off(own, spacing))
            return


def _name_lumbar(truth: Truth, counts: Mapping[str, int]) -> None:
    """Name SPIDER's bodies from L5 upwards where as many are seen as the table counts.

    Its lowest disc is that above the sacrum; six or four lumbar vertebrae are not recognised.
    """
    bodies, discs = truth.vertebrae, truth.discs
    if not (truth.bodies_only and bodies and discs and truth.masks[0][0].canal):
        return
    if not bodies.numbers or len(bodies.numbers) != counts.get("num_vertebrae"):
        return
    if np.nonzero(discs.labels)[1].max() < np.nonzero(bodies.labels)[1].max():
        return
    names = lumbar_names(len(bodies.numbers))
    truth.vertebrae = Instances(bodies.labels, names, bodies.optional)
    truth.notes.append("levels: the lowest body is taken for L5")


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
