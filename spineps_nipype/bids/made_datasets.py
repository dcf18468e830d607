"""Datasets that this package makes itself: phantoms, demos, and what benchmarks run on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core.files import write_text
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
    told = {"Name": name, "BIDSVersion": BIDS_VERSION, "DatasetType": kind, **more}
    write_text(root / DESCRIPTION, json.dumps(told, indent=2) + "\n")
