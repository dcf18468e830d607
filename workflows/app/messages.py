"""What a run says about the scans that it found, and those that it did not."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Final

from spineps_nipype.bids.query import Query
from spineps_nipype.bids.validation import validate_dataset
from spineps_nipype.errors import InputError

from ..options.run_options import ScanSelection

NAMED_FAULTS: Final = 5
"""Faults of a dataset that are told one by one."""


def report_bids_faults(bids_dir: Path, selection: ScanSelection, query: Query) -> None:
    """Name what is not BIDS in the dataset; the scans run all the same."""
    if selection.skip_bids_validation or selection.ignore_bids_filter:
        return
    subjects = {label.removeprefix("sub-") for label in selection.participant_label}
    faults = validate_dataset(bids_dir, [s.path for s in query.scans], subjects)
    for fault in faults[:NAMED_FAULTS]:
        print(f"not BIDS: {fault}", file=sys.stderr)
    if faults:
        more = len(faults) - NAMED_FAULTS
        rest = f"and {more} more; " if more > 0 else ""
        print(f"{rest}the scans run all the same (--skip-bids-validation)", file=sys.stderr)


def report_skipped_images(query: Query) -> None:
    """Name images that somebody might miss, each kind of reason once; count the others."""
    reasons: dict[str, list[str]] = {}
    for image in query.skipped:
        if not image.expected:
            reasons.setdefault(image.why, []).append(image.shown)
    for why, names in reasons.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        print(f"not taken: {', '.join(names[:3])}{more}: {why}", file=sys.stderr)
    counts = Counter(image.why for image in query.skipped if image.expected)
    if counts:
        listed = [f"{n} ({why})" for why, n in counts.most_common(NAMED_FAULTS)]
        more = "; ..." if len(counts) > NAMED_FAULTS else ""
        print(f"not taken, as usual: {'; '.join(listed)}{more}", file=sys.stderr)


def no_scan_error(bids_dir: Path, selection: ScanSelection, query: Query) -> InputError:
    """Error of a run that finds no scan, with what would change that."""
    found = f"{len(query.skipped)} images are there, none of them fits" if query.skipped else ""
    first = f"; the first: {query.skipped[0].shown}: {query.skipped[0].why}" if found else ""
    return InputError(
        f"There is no {' or '.join(selection.modalities)} scan to segment"
        + (f" ({found}{first})." if found else "."),
        file=bids_dir,
        remedy="Scans are called like sub-01/anat/sub-01_T2w.nii.gz; "
        "--modalities and --ignore-bids-filter widen the search.",
    )
