"""A dataset of damaged scans from one with truth masks, a session for each damage and grade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import nibabel as nib
import numpy as np

from benchmarks.against_truth.label_sets import INSTANCE_DISCS, NAMED, NUMBERED, LabelSet
from benchmarks.against_truth.mask_files import Pair, participant_counts
from benchmarks.against_truth.scan import load_scan
from benchmarks.against_truth.truth import MIN_DISC_MM3, Truth, load_truth
from spineps_nipype.bids.made_datasets import describe_made
from spineps_nipype.core import anatomy
from spineps_nipype.core.geometry import to_input_grid
from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import SpinepsError
from spineps_nipype.phantom.damage import LEVELS, Scan, damaged
from spineps_nipype.phantom.files import save

WHOLE: Final = "whole"
MASKS: Final = "manual"
"""Folder of the masks in the derivatives of the new dataset."""
DISCS: Final = "discs"
"""Key of the numbered discs, where a mask joins them; `LEVELS` is that of the bodies."""
NUMBER_OF: Final = {name: label for label, name in anatomy.VERTEBRA_NAMES.items()}
LARGEST_GREY: Final = 32767.0


class Wish(NamedTuple):
    """A damage of a grade; the first grade is 1, a scan without damage has the grade 0."""

    kind: str
    number: int
    grade: float

    @property
    def session(self) -> str:
        """Label of the session."""
        return self.kind if not self.number else f"{self.kind}{self.number}"


def write_damaged(
    pairs: Sequence[Pair],
    sets: Sequence[LabelSet],
    wishes: Iterable[Wish],
    source: Path,
    root: Path,
) -> list[tuple[str, Wish, str]]:
    """Write the damaged scans with their masks; what is there already stays.

    Bodies and discs are told apart before the damage: a mask that joins them may fall apart, or
    run together, where it is turned or sampled anew.

    Parameters
    ----------
    pairs
        Scans with truth masks.
    sets
        Label sets that the masks may have.
    wishes
        What is done to every scan.
    source, root
        Dataset of the scans, and folder of the new one.

    Returns
    -------
    list of tuple
        Subject, wish, and why there is no such scan, for each that was left out.
    """
    counts, left = participant_counts(source), []
    for folder, kind in ((root, "raw"), (root / "derivatives" / MASKS, "derivative")):
        describe_made(folder, "Damaged scans", kind=kind)
    wishes = list(wishes)
    for pair in pairs:
        scan, names = read_pair(pair, sets, counts.get(pair.subject, {}))
        for wish in wishes:
            try:
                made = scan if not wish.number else damaged(scan, wish.kind, wish.grade)
            except ValueError as fault:
                left.append((pair.subject, wish, str(fault)))
                continue
            _write(pair, wish, made, names, root)
    return left


def read_pair(
    pair: Pair, sets: Sequence[LabelSet], counts: Mapping[str, int]
) -> tuple[Scan, Mapping[int, str]]:
    """A scan with its masks by file name, and names of the vertebrae that `LEVELS` numbers."""
    image = load_scan(pair.scan.path)
    truth = load_truth(pair, image, sets, counts)
    masks = {}
    for path in pair.masks:
        try:
            masks[path.name] = np.asarray(to_input_grid(load_mask(path), image).get_array())
        except SpinepsError:
            continue  # said when the undamaged scan is measured
    if truth.vertebrae is not None:
        masks[LEVELS] = np.asarray(truth.vertebrae.labels)
        if truth.bodies_only and not any(labels.vertebrae for labels, _ in truth.masks):
            discs = truth.discs
            masks[DISCS] = np.asarray(discs.labels) if discs else np.zeros_like(masks[LEVELS])
    grey = np.asarray(image.get_array(), np.float32)
    return Scan(grey, np.asarray(image.affine, float), masks), _names(truth)


def _names(truth: Truth) -> Mapping[int, str]:
    """Names of the bodies, where all have one."""
    bodies = truth.vertebrae
    return {} if bodies is None or set(bodies.numbers) - set(bodies.names) else bodies.names


def _write(pair: Pair, wish: Wish, scan: Scan, names: Mapping[int, str], root: Path) -> None:
    """One scan in its session."""
    before, after = f"sub-{pair.subject}", f"sub-{pair.subject}/ses-{wish.session}/anat"

    def called(name: str) -> str:
        """A name with the session after the subject."""
        parts = [p for p in name.split("_") if not p.startswith("ses-")]
        return "_".join([before, f"ses-{wish.session}", *parts[1:]])

    grey = scan.image - min(float(scan.image.min()), 0.0)
    grey *= min(1.0, LARGEST_GREY / (float(grey.max()) or 1.0))
    target = root / after / called(pair.scan.path.name)
    masks = root / "derivatives" / MASKS / after
    for name, array in scan.masks.items():
        if name not in (LEVELS, DISCS):
            _save(array.astype(np.uint16), scan.affine, masks / called(name))
    if DISCS in scan.masks:
        stem = pair.scan.path.name.removesuffix(".gz").removesuffix(".nii").rpartition("_")[0]
        name = called(f"{stem}_{NAMED if names else NUMBERED}_dseg.nii.gz")
        _save(_instances(scan, names), scan.affine, masks / name)
    # the image last: whoever finds it finds its masks
    _save(np.round(grey).astype(np.int16), scan.affine, target)


def _instances(scan: Scan, names: Mapping[int, str]) -> np.ndarray:
    """Bodies by name or, where none is known, by number, and discs by number."""
    bodies, discs = scan.masks[LEVELS], scan.masks[DISCS]
    table = np.arange(int(bodies.max()) + 1, dtype=np.uint16)
    for number, level in names.items():
        if number < len(table):  # the last ones may be cut off
            table[number] = NUMBER_OF[level]
    large = np.bincount(discs.ravel()) * float(np.prod(scan.spacing)) >= MIN_DISC_MM3
    shown = np.where((bodies == 0) & large[discs], discs, 0).astype(np.uint16)
    return np.asarray(table[bodies] + np.where(shown > 0, INSTANCE_DISCS + shown, 0), np.uint16)


def _save(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    if path.is_file():
        return
    image: Any = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    save(image, path)
