"""Which scans of a dataset are measured: those that the pipeline takes and that have masks."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks import HELD_OUT_SPIDER
from benchmarks.against_truth.mask_files import (
    Pair,
    find_masks,
    mask_entities,
    pair_masks,
    participant_counts,
)
from benchmarks.against_truth.report import ScanReport
from spineps_nipype.bids.names import split_extension
from spineps_nipype.bids.query import Query, find_scans, read_filter_file
from spineps_nipype.errors import InputError
from spineps_nipype.workflows.options.run_options import RunOptions

SHOWN: Final = 5
"""So many masks and scans that do not fit together are named."""


def held_out_subjects(root: Path) -> tuple[str, ...]:
    """Labels of the subjects of a dataset that training never sees.

    Raises
    ------
    InputError
        If the dataset has none of them.
    """
    lines = HELD_OUT_SPIDER.read_text(encoding="utf-8").splitlines()
    held_out = {line.removeprefix("sub-") for line in lines if line and line[0] != "#"}
    there = {path.name.removeprefix("sub-") for path in root.glob("sub-*")}
    if not held_out & there:
        raise InputError("The dataset has none of the held-out subjects.", file=root)
    return tuple(sorted(held_out & there))


def choose_scans(options: RunOptions, derivative: str) -> tuple[list[Pair], list[ScanReport]]:
    """Scans with masks, and reports of masks without a scan and scans without a mask.

    Parameters
    ----------
    derivative
        Folder of the masks, see `mask_files.find_masks`.

    Raises
    ------
    InputError
        If no scan has a mask.
    """
    asked = options.selection
    file = asked.bids_filter_file
    filters = None if file is None else read_filter_file(file)
    query = find_scans(
        options.folders.bids_dir,
        modalities=asked.modalities,
        plane=None if asked.ignore_compatibility else "sag",
        participant_label=asked.participant_label,
        session_label=asked.session_label,
        filters=filters,
        ignore_bids_filter=asked.ignore_bids_filter,
    )
    masks = find_masks(options.folders.bids_dir, derivative)
    wanted = {label.removeprefix("sub-") for label in asked.participant_label}
    if wanted:
        masks = [path for path in masks if mask_entities(path).get("sub") in wanted]
    pairs, left = pair_masks(query.scans, masks)
    skipped = _without_partner(query, pairs, left, options.folders.bids_dir / "derivatives")
    for report in skipped[:SHOWN]:
        print(f"not measured: {report.scan}: {report.reason}", file=sys.stderr)
    if len(skipped) > SHOWN:
        print(f"not measured: {len(skipped) - SHOWN} more", file=sys.stderr)
    if not pairs:
        raise InputError(
            f"No scan has a truth mask: {len(query.scans)} scans and {len(masks)} masks are "
            "there, none fit together by name.",
            file=options.folders.bids_dir,
            remedy="Masks are called like their scans: sub-01_acq-sag_T2w.nii.gz and "
            "sub-01_acq-sag_dseg.nii.gz or sub-01_acq-sag_mod-T2w_seg-vert_msk.nii.gz.",
        )
    return pairs, skipped


def _without_partner(
    query: Query, pairs: Sequence[Pair], left: Sequence[tuple[Path, str]], derivatives: Path
) -> list[ScanReport]:
    """Scans without a mask, masks without a scan, and the images that those may belong to."""
    with_mask = {pair.scan.path for pair in pairs}
    reports = [
        _skipped(scan.path, "it has no truth mask", scan.modality)
        for scan in query.scans
        if scan.path not in with_mask
    ]
    reports += [_skipped(path, why) for path, why in left]
    if left:
        images = [i for i in query.skipped if not i.path.is_relative_to(derivatives)]
        reports += [_skipped(image.path, f"not segmented: {image.why}") for image in images]
    return reports


def single_scan_counts(root: Path, pairs: Sequence[Pair]) -> Mapping[str, Mapping[str, int]]:
    """Counts of the participants table for subjects with one scan, as they describe no other."""
    scans = [pair.subject for pair in pairs]
    table = participant_counts(root)
    return {label: row for label, row in table.items() if scans.count(label) == 1}


def _skipped(path: Path, why: str, modality: str | None = None) -> ScanReport:
    name = split_extension(path.name)[0]
    subject = mask_entities(path).get("sub", "")
    return ScanReport(name, subject, modality or "", status="skipped", reason=why)
