"""The dataset_description.json of the output folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from ..core.files import whole_file

FILE: Final = "dataset_description.json"
BIDS_VERSION: Final = "1.9.0"
TOOL: Final = "spineps_nipype"
LOCK_SECONDS: Final = 60
NOT_BIDS: Final = (
    "logs",
    "work",
    "snapshots",
    "**/*_msk.nii.gz",
    "**/*_msk.json",
    "**/*_ctd.json",
    "**/*_snp.*",
    "**/*_labels.*",
    "**/output_raw_*",
    "**/debug_*",
)
"""Names that SPINEPS users know and a BIDS validator does not."""


def describe(version: str, dataset: Path, old: dict[str, Any] | None = None) -> dict[str, Any]:
    """Content of the description; entries that others made stay.

    Parameters
    ----------
    version
        Version of this package.
    dataset
        The input dataset, whose name and DOI are cited.
    old
        Description that is there already.
    """
    source = read_description(dataset)
    others = [g for g in (old or {}).get("GeneratedBy", []) if g.get("Name") != TOOL]
    content: dict[str, Any] = {
        "Name": f"Spine segmentation of {source.get('Name', dataset.name)}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        **(old or {}),
        "GeneratedBy": [*others, {"Name": TOOL, "Version": version}],
    }
    if "DatasetDOI" in source:
        content["SourceDatasets"] = [{"DOI": source["DatasetDOI"]}]
    return content


def read_description(dataset: Path) -> dict[str, Any]:
    """Description of a dataset, empty if there is none that can be read."""
    try:
        content = json.loads((dataset / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_description(out_dir: str | Path, *, dataset: str | Path, version: str) -> Path:
    """Write description and .bidsignore; several runs may do so at once."""
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / FILE
    with FileLock(out_dir / ".description.lock", timeout=LOCK_SECONDS):
        old = read_description(out_dir)
        new = describe(version, Path(dataset), old)
        if new != old:
            with whole_file(path) as temporary:
                temporary.write_text(json.dumps(new, indent=4) + "\n", encoding="utf-8")
        ignore = out_dir / ".bidsignore"
        if not ignore.is_file():
            with whole_file(ignore) as temporary:
                temporary.write_text("\n".join(NOT_BIDS) + "\n", encoding="utf-8")
    return path
