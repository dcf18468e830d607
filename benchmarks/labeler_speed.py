"""Time and memory of TotalSpineSeg's labeller, ours beside the original package.

    python benchmarks/labeler_speed.py [--original-python PYTHON] [--shape 166 258 548]

The label volume is a synthetic spine of 23 discs that fills the image. `--original-python` names
a Python that has `totalspineseg` 20251028; the original runs there, in a process of its own.
Both get the same volume; under ``numerics="original"`` the results must be identical.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

import numpy as np
from numpy.typing import NDArray

SHAPE: Final = (166, 258, 548)
STEP2: Final[dict[str, Any]] = {
    "selected_disc_landmarks": [2, 5, 3, 4],
    "disc_labels": [1, 2, 3, 4, 5],
    "disc_landmark_labels": [2, 3, 4, 5],
    "disc_landmark_output_labels": [63, 71, 91, 100],
    "vertebrae_labels": [7, 8, 9],
    "vertebrae_landmark_output_labels": [13, 21, 41, 50],
    "vertebrae_extra_labels": [6],
    "loc_disc_labels": list(range(63, 101)),
    "canal_labels": [10],
    "canal_output_label": 2,
    "cord_labels": [11],
    "cord_output_label": 1,
    "sacrum_labels": [9],
    "sacrum_output_label": 50,
}
"""Arguments of step 2 in the words of the original."""
ORIGINAL: Final = """
import importlib.util, json, resource, runpy, sys, time
import nibabel as nib, numpy as np
# The module by itself: the package imports what only its training needs.
home = importlib.util.find_spec("totalspineseg").submodule_search_locations[0]
iterative_label = runpy.run_path(home + "/utils/iterative_label.py")["iterative_label"]
source, target, arguments = sys.argv[1:]
image = nib.load(source)
np.asanyarray(image.dataobj)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, used = time.perf_counter(), time.process_time()
out = iterative_label(image, None, **json.loads(arguments))
figures = {
    "seconds": time.perf_counter() - start,
    "cpu_seconds": time.process_time() - used,
    "mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
}
nib.save(out, target)
print(json.dumps(figures))
"""
OURS: Final = """
import json, resource, sys, time
import nibabel as nib, numpy as np
from spineps_nipype.totalspineseg.labeler import label_spine
from spineps_nipype.totalspineseg.settings import LABELER_STEP2
source, target, numerics = sys.argv[1:]
image = nib.load(source)
seg = np.asanyarray(image.dataobj)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, used = time.perf_counter(), time.process_time()
out = label_spine(seg, LABELER_STEP2, numerics=numerics)
figures = {
    "seconds": time.perf_counter() - start,
    "cpu_seconds": time.process_time() - used,
    "mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
}
nib.save(nib.Nifti1Image(out, image.affine), target)
print(json.dumps(figures))
"""


def whole_spine(shape: Sequence[int]) -> NDArray[np.uint8]:
    """Raw classes of step 2 of a spine with 23 discs, enlarged until it fills the image."""
    from tests.totalspineseg.block_spine import DISCS, raw_spine

    seg = raw_spine(DISCS)
    rows = [np.arange(n) * have // n for n, have in zip(shape, seg.shape, strict=True)]
    return np.asarray(seg[np.ix_(*rows)], np.uint8)


def measure(python: str, code: str, *words: str) -> dict[str, float]:
    """Figures that a program prints in a process of its own."""
    done = subprocess.run(
        [python, "-c", code, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table, and compare the results."""
    import nibabel as nib

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--original-python", metavar="PYTHON")
    parser.add_argument("--shape", type=int, nargs=3, default=SHAPE)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = str(folder / "raw.nii")
        nib.save(nib.Nifti1Image(whole_spine(arguments.shape), np.eye(4)), source)
        runs = [
            (numerics, sys.executable, OURS, numerics) for numerics in ("corrected", "original")
        ]
        if arguments.original_python:
            words = json.dumps(STEP2)
            runs.append(("totalspineseg", arguments.original_python, ORIGINAL, words))
        print(f"label volume {' x '.join(map(str, arguments.shape))}, {time.strftime('%Y-%m-%d')}")
        print(f"{'labeller':<16}{'seconds':>10}{'cpu s':>10}{'MiB':>10}")
        for name, python, code, words in runs:
            found = measure(python, code, source, str(folder / f"{name}.nii"), words)
            print(
                f"{name:<16}{found['seconds']:>10.1f}{found['cpu_seconds']:>10.1f}"
                f"{found['mib']:>10.0f}",
                flush=True,
            )
        if not arguments.original_python:
            return 0
        ours, theirs = (
            np.asanyarray(nib.load(folder / f"{name}.nii").dataobj)
            for name in ("original", "totalspineseg")
        )
        differing = int((ours != theirs).sum())
        print(f"voxels that differ under numerics=original: {differing} of {ours.size}")
        return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
