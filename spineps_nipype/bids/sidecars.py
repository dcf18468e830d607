"""Entries of JSON sidecars that record where a result comes from."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

RAW_LINK: Final = "raw"
"""Name by which `dataset_description.json` links the dataset of the scans."""
INPUT_WARNINGS: Final = "InputWarnings"
"""Entry of sidecars that says what is odd about the scan."""
PACKAGES: Final = (
    "spineps-nipype",
    "nipype",
    "torch",
    "openvino",
    "nnunetv2",
    "TPTBox",
    "SimpleITK",
    "numpy",
    "scipy",
)
"""Packages whose versions can change a result."""


def bids_uri(path: str | Path, root: str | Path, dataset: str = RAW_LINK) -> str:
    """BIDS URI of a file in a linked dataset; just the name of a file outside it.

    >>> bids_uri("/bids/sub-x/anat/sub-x_T2w.nii.gz", "/bids")
    'bids:raw:sub-x/anat/sub-x_T2w.nii.gz'
    """
    path = Path(path)
    try:
        return f"bids:{dataset}:{path.relative_to(root).as_posix()}"
    except ValueError:
        return path.name


@cache
def package_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of those packages that are installed; nothing is imported."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def scan_metadata(
    in_file: str | Path,
    bids_root: str | Path,
    *,
    notes: Iterable[str] = (),
    warnings: Iterable[str] = (),
) -> dict[str, Any]:
    """Entries that all sidecars of a scan share.

    Parameters
    ----------
    in_file, bids_root
        The scan and the root of its dataset.
    notes
        What users of the results must know: embedded models, missing names.
    warnings
        What is odd about the header of the scan.
    """
    entries: dict[str, Any] = {
        "Sources": [bids_uri(in_file, bids_root)],
        "SkullStripped": False,
        "Versions": dict(package_versions()),
    }
    remarks = list(notes)
    if remarks:
        entries["Notes"] = remarks
    odd = list(warnings)
    if odd:
        entries[INPUT_WARNINGS] = odd
    return entries
