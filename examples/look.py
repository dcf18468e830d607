"""Open a scan and its mask in napari, with the names and colours of the label table.

python examples/look.py SCAN MASK OUTPUT_DIR/seg-vert_dseg.tsv
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np


def read_table(path: Path) -> dict[int, tuple[str, str]]:
    """Name and colour (``#rrggbb``) of each number of a mask."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return {int(row["index"]): (row["name"], row["color"]) for row in rows}


def layers(scan: Path, mask: Path, table: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of `add_image` and `add_labels` of a napari viewer.

    Both volumes are turned to the nearest axes of the body, so that the slider goes from left to
    right.
    """
    images = [nib.as_closest_canonical(nib.load(path)) for path in (scan, mask)]
    known = read_table(table)
    labels = np.asarray(images[1].dataobj).astype(np.uint16)
    present = [number for number in np.unique(labels).tolist() if number in known]
    colours: dict[int | None, str] = {number: known[number][1] for number in present}
    shared = {"scale": images[1].header.get_zooms()[:3]}
    return (
        {"data": images[0].get_fdata(dtype=np.float32), "name": "scan", **shared},
        {
            "data": labels,
            "name": "mask",
            "colormap": {None: "transparent", **colours},
            "features": {"index": [0, *present], "name": ["", *(known[n][0] for n in present)]},
            **shared,
        },
    )


def main() -> None:
    """Open a window and wait until it is closed."""
    import napari

    parser = argparse.ArgumentParser(description="Look at a scan and its mask.")
    for name in ("scan", "mask", "table"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    image, labels = layers(arguments.scan, arguments.mask, arguments.table)
    viewer = napari.Viewer()
    viewer.add_image(**image)
    viewer.add_labels(**labels)
    napari.run()


if __name__ == "__main__":
    main()
