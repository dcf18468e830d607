"""Files at the root of the folder of one system that make it a BIDS derivative dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from filelock import FileLock

from spineps_nipype.core.files import read_json, whole_file

from .dataset_description import LOCK_NAME, dataset_description, merge_description

SOURCES: Final[Mapping[str, str]] = {
    "totalspineseg": "TotalSpineSeg, github.com/neuropoly/totalspineseg",
    "sc-epi": "EPISeg, github.com/sct-pipeline/fmri-segmentation; Spinal Cord Toolbox",
    "spine-segmentation": "spine-segmentation, github.com/LiquidFun/Spine",
    "consensus": "spineps-nipype",
}
"""What users of the results of a system should acknowledge."""
IGNORED: Final = ("*",)
"""Results have the names of the original systems, which BIDS does not know."""


def describe_system(
    out_root: str | Path,
    bids_root: str | Path,
    *,
    system: str,
    tables: Mapping[str, Sequence[tuple[int, str]]],
) -> None:
    """Write `dataset_description.json`, label tables and `.bidsignore`, each whole.

    Parameters
    ----------
    out_root, bids_root
        Folder of the results, and the dataset that they are made from.
    system
        Name of the system.
    tables
        Number and name of each label, by file name.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    out_root = Path(out_root)
    logs = out_root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    description = dataset_description(Path(bids_root))
    description["Name"] = f"Segmentations of the spine ({system})"
    description["HowToAcknowledge"] = SOURCES[system]
    with FileLock(logs / LOCK_NAME):
        path = out_root / "dataset_description.json"
        merged = merge_description(read_json(path), description)
        _write(path, json.dumps(merged, indent=2) + "\n")
        for name, rows in tables.items():
            _write(out_root / name, _table(rows))
        _write(out_root / ".bidsignore", "\n".join(IGNORED) + "\n")


def _table(rows: Sequence[tuple[int, str]]) -> str:
    return "".join(f"{a}\t{b}\n" for a, b in [("index", "name"), *rows])


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
