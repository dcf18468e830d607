"""Datasets that this package makes itself: phantoms, demos, and what benchmarks run on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core.files import whole_file
from .dataset_description import BIDS_VERSION
from .raw_data import DESCRIPTION


def describe_made(root: Path, name: str, *, kind: str = "raw", **more: Any) -> None:
    """Write the file that makes a folder a BIDS dataset; the folder is made when absent.

    Parameters
    ----------
    root
        Folder of the dataset.
    name
        What the dataset is called.
    kind
        ``raw`` or ``derivative``.
    more
        Further entries.
    """
    root.mkdir(parents=True, exist_ok=True)
    told = {"Name": name, "BIDSVersion": BIDS_VERSION, "DatasetType": kind, **more}
    with whole_file(root / DESCRIPTION) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
