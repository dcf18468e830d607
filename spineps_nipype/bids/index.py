"""The pybids index of a dataset: in memory, or stored in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import InputError

SKIPPED_FOLDERS: Final = ("derivatives", "sourcedata", "code", "stimuli", "models")


def index_dataset(root: Path, subjects: Sequence[str], database: Path | None) -> Any:
    """Index a dataset without its metadata.

    An index in memory skips the folders of other subjects; a stored one holds all subjects.
    """
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    if not root.is_dir():
        raise InputError(
            "The BIDS folder does not exist.", file=root, remedy="Give the root of a dataset."
        )
    ignore = [re.compile(rf"^/({'|'.join(SKIPPED_FOLDERS)})(/|$)"), re.compile(r"/\.")]
    if subjects and database is None:
        ignore.append(re.compile(rf"/sub-(?!({'|'.join(map(re.escape, subjects))})([/_]|$))"))
    try:
        indexer = BIDSLayoutIndexer(validate=False, ignore=ignore, index_metadata=False)
        return BIDSLayout(
            root,
            validate=False,
            derivatives=False,
            indexer=indexer,
            database_path=None if database is None else database.absolute(),
        )
    except Exception as fault:  # pybids passes on whatever its parsers raise
        raise InputError(
            f"The dataset cannot be indexed: {fault}.",
            file=root,
            remedy="Check dataset_description.json and the permissions of the folders."
            if database is None
            else f"If the index in {database} is of another dataset, delete that folder.",
        ) from fault


def check_index(
    images: Sequence[Path], subjects: Sequence[str], known: set[str], root: Path, database: Path
) -> None:
    """Refuse a stored index that is older than the dataset."""
    gone = next((path for path in images if not path.exists() and not path.is_symlink()), None)
    new = sorted((set(subjects) or subject_folders(root)) - known)
    new = [label for label in new if any((root / f"sub-{label}").rglob("*.nii*"))]
    if gone is not None or new:
        what = f"{gone.name} is gone" if gone is not None else f"sub-{new[0]} is new"
        raise InputError(
            f"The kept index of the dataset is out of date: {what}.",
            file=database,
            remedy="Delete this folder, so that the run of --bids-database-dir indexes again.",
        )


def subject_folders(root: Path) -> set[str]:
    """Labels of the subjects that have a folder."""
    return {p.name.removeprefix("sub-") for p in root.glob("sub-*") if p.is_dir()}
