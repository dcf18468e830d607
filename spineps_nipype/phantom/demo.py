"""A small BIDS dataset to try the pipeline on: one real and one synthetic lumbar scan.

``python -m spineps_nipype.phantom.demo FOLDER`` writes it. The real scan is the T2w sample that
TPTBox ships with its tests; it is copied at run time and never part of this package.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from spineps_nipype.bids.made_datasets import describe_made
from spineps_nipype.errors import InputError

REAL_SCAN = Path("tests", "sample_mri", "sub-mri_label-6_T2w.nii.gz")
"""Place of the real T2w scan inside the TPTBox package."""


def real_sample() -> Path:
    """Path of the real T2w scan that TPTBox ships.

    Raises
    ------
    InputError
        If the installed TPTBox comes without its samples.
    """
    spec = find_spec("TPTBox")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / REAL_SCAN
        if path.is_file():
            return path
    raise InputError(
        "The installed TPTBox has no sample scan.",
        file=REAL_SCAN,
        remedy="Install TPTBox 1.1.0 from the package index: its wheel contains the sample.",
    )


def write_demo_dataset(folder: str | Path) -> list[Path]:
    """Write the demo dataset and return its scans; existing files are kept.

    Parameters
    ----------
    folder
        Root of the BIDS dataset; made when absent.
    """
    from spineps_nipype.phantom import write_lumbar_demo

    root = Path(folder)
    describe_made(root, "spineps-nipype demo")
    (root / "README").write_text(
        "sub-mri: the T2w sample scan of TPTBox (Apache-2.0).\n"
        "sub-phantom: a synthetic lumbar spine made by spineps_nipype.phantom.\n"
    )
    real = root / "sub-mri" / "anat" / "sub-mri_acq-sag_T2w.nii.gz"
    if not real.exists():
        real.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(real_sample(), real)
    synthetic = root / "sub-phantom" / "anat" / "sub-phantom_acq-sag_T2w.nii.gz"
    if not synthetic.exists():
        write_lumbar_demo(root, "phantom")
    return [real, synthetic]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the dataset and say where it is."""
    parser = argparse.ArgumentParser(description="Write the demo dataset.")
    parser.add_argument("folder", type=Path, help="root of the BIDS dataset to write")
    args = parser.parse_args(argv)
    for scan in write_demo_dataset(args.folder):
        print(f"demo scan: {scan}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
