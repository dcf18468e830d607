"""Make volumes of single slices, so that the pipeline, which is 3-D, can take them.

    python benchmarks/slabs.py SLICES OUT [--masks DIR]

SLICES is a BIDS folder of single sagittal slices with a table `slices.tsv` (columns `file` and
`square_pixel`) and masks in `derivatives/manual`. OUT becomes a BIDS folder in which every slice
that has a mask is repeated until it fills a slab of at least 12 mm, its masks as well, so that
`accuracy.py` measures them as any volume: the Dice of a slab of equal slices is that of the slice,
as far as a result is equal in all of them. Slices whose pixels are not square have no true shape;
they are left out and named in `OUT/left_out.tsv`.

Exit status: 0 written; 1 there was nothing to write; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.tables import plain_tsv
from spineps_nipype.bids.made_datasets import describe_made

SLAB_MM: Final = 12.0
"""Least thickness of a slab."""
FEWEST: Final = 3
"""Slices of a slab at least."""
TABLE: Final = "slices.tsv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the slabs; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="slabs.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("slices", type=Path, metavar="SLICES")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument(
        "--masks", type=Path, metavar="DIR", help="default: SLICES/derivatives/manual"
    )
    own = parser.parse_args(arguments)
    table = own.slices / TABLE
    if not table.is_file():
        print(f"Nothing was written: there is no {table}", file=sys.stderr)
        return 2
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    masks = own.masks or own.slices / "derivatives" / "manual"
    written, left_out = write_slabs(own.slices, masks, own.out, rows)
    for name in left_out:
        print(f"left out, its pixels are not square: {name}")
    print(f"{written} slabs in {own.out}, {len(left_out)} slices left out")
    return 0 if written else 1


def write_slabs(
    slices: Path, masks: Path, out: Path, rows: Sequence[dict[str, str]]
) -> tuple[int, list[str]]:
    """Write a slab for every slice with masks.

    Parameters
    ----------
    rows
        Of the table of slices.

    Returns
    -------
    written, left_out
        Number of slabs, and slices with masks whose pixels are not square.
    """
    written, left_out = 0, []
    for row in rows:
        name = row["file"]
        folder = Path(name.partition("_")[0]) / "anat"
        found = sorted((masks / folder).glob(f"{name}_*_dseg.nii.gz"))
        if not found:
            continue
        if row["square_pixel"] != "1":
            left_out.append(name)
            continue
        write_slab(slices / folder / f"{name}.nii.gz", out / folder / f"{name}.nii.gz")
        for mask in found:
            write_slab(mask, out / "derivatives" / "manual" / folder / mask.name)
        written += 1
    if written:
        describe_made(out, "Slabs of single slices")
        plain_tsv(out / "left_out.tsv", ("file",), [(name,) for name in left_out])
    return written, left_out


def write_slab(source: Path, target: Path) -> None:
    """Write a slice as a volume of equal slices; its own place is in the middle.

    Raises
    ------
    ValueError
        If it is no single slice.
    """
    image = nib.load(source)
    data = np.asanyarray(image.dataobj)
    if data.ndim != 3 or min(data.shape) != 1:
        raise ValueError(f"{source} is no single slice: {data.shape}")
    axis = data.shape.index(1)
    count = copies(float(image.header.get_zooms()[axis]))
    affine = image.affine.copy()
    affine[:3, 3] -= affine[:3, axis] * (count - 1) / 2
    slab = nib.Nifti1Image(np.repeat(data, count, axis=axis), affine)
    slab.header.set_xyzt_units("mm")
    target.parent.mkdir(parents=True, exist_ok=True)
    nib.save(slab, target)


def copies(thickness: float) -> int:
    """Slices in a slab of slices of so many mm."""
    return max(math.ceil(SLAB_MM / thickness - 1e-6), FEWEST)


if __name__ == "__main__":
    raise SystemExit(main())
