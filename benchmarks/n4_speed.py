"""Bias correction (N4) beside that of ITK: CPU seconds, memory, and how far results differ.

    python benchmarks/n4_speed.py [IMAGE...] [--phantom 512 512 24] [--alone]

Without images, the MR sample of TPTBox and a phantom of 256 x 320 x 20 voxels. Both programs
correct the same image one after the other in this process; ITK (through SimpleITK) with one
thread, because its result depends on their number, as its users run it. ITK takes a minute.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from TPTBox import NII

from spineps_nipype.core.components import bounding_box
from spineps_nipype.spineps.bias_field import N4_THRESHOLD, PaddedAxis, correct_bias
from spineps_nipype.spineps.preprocess import normalise_range

PHANTOM: Final = (256, 320, 20)
PHANTOM_MM: Final = 0.9
HEADER: Final = (
    "| image | voxels | CPU s ITK | CPU s here | ITK / here | memory here (images) "
    "| log field: rms | largest | grey values that differ |"
)


@contextmanager
def one_thread() -> Iterator[None]:
    """Make ITK use one thread; the filters inside N4 do not listen to N4's own setting."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def itk_log_field(
    image: np.ndarray,
    mask: np.ndarray,
    spacing: Sequence[float],
    spans: Sequence[int],
    size: Sequence[int] | None = None,
    *,
    iterations: Sequence[int] = (50, 50, 50, 50),
) -> np.ndarray:
    """Log bias field by ITK.

    Parameters
    ----------
    image, mask
        Intensities, and 1 where N4 may look.
    spacing
        mm.
    spans
        Of the spline to begin with.
    size
        Voxels of the grid that the field is wanted on, over the same extent; that of the image if
        there is none.
    iterations
        At most, for each number of spans.
    """
    grids = sitk.GetImageFromArray(image.astype(np.float32)), sitk.GetImageFromArray(mask)
    for grid in grids:
        grid.SetSpacing([float(z) for z in reversed(spacing)])
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([int(n) for n in iterations])
    n4.SetConvergenceThreshold(1e-7)
    n4.SetSplineOrder(3)
    n4.SetNumberOfControlPoints([int(n) + 3 for n in reversed(spans)])
    with one_thread():
        n4.Execute(*grids)
        whole = sitk.Image([int(n) for n in reversed(size or image.shape)], sitk.sitkFloat32)
        field: NDArray[np.float32] = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(whole))
        return field


def itk_bias(
    array: np.ndarray, zoom: Sequence[float], first: Sequence[int] | None = None
) -> np.ndarray:
    """Log bias field of an image, prepared as `correct_bias` does, but on padded copies.

    Parameters
    ----------
    first
        Voxel of the padded image that the shrunken one begins with.
    """
    bright = array >= N4_THRESHOLD
    mask = np.zeros(array.shape, np.uint8)
    mask[bounding_box(bright) if bright.any() else ...] = 1
    axes = [PaddedAxis.cover(n, float(z)) for n, z in zip(array.shape, zoom, strict=True)]
    first = first or [axis.first_sample for axis in axes]
    samples = tuple(
        slice(start, start + axis.padded // axis.factor * axis.factor, axis.factor)
        for start, axis in zip(first, axes, strict=True)
    )
    around = [(axis.before, axis.padded - axis.size - axis.before) for axis in axes]
    image, where = (np.ascontiguousarray(np.pad(a, around)[samples]) for a in (array, mask))
    field = itk_log_field(
        image,
        where,
        [axis.spacing * axis.factor for axis in axes],
        [axis.spans for axis in axes],
        [axis.padded for axis in axes],
    )
    return field[tuple(slice(axis.before, axis.before + axis.size) for axis in axes)]


def phantom(shape: Sequence[int]) -> np.ndarray:
    """Blocks of four tissues with noise under a smooth field, air around; whole numbers."""
    random = np.random.default_rng(0)
    place = np.indices(shape, dtype=np.float32)
    tissue = np.array([120, 300, 500, 900])[(place // 7).sum(axis=0).astype(int) * 5 % 4]
    along = [p / (n - 1) - 0.5 for p, n in zip(place, shape, strict=True)]
    field = np.exp(0.6 * along[0] - 0.4 * along[1] ** 2 + 0.2 * along[2])
    image: NDArray[np.float64] = tissue * field * random.normal(1, 0.05, shape)
    image[:6] = image[-6:] = 0
    return np.round(image).astype(np.uint16)


def load(path: Path) -> tuple[np.ndarray, list[float]]:
    """Box of the signal of an image, its range normalised, as the pre-processing makes it."""
    nii = NII.load(path, seg=False)
    array = normalise_range(nii.get_array())
    return array[bounding_box(array > 0)], [float(z) for z in nii.zoom]


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Result and CPU seconds of a call."""
    start = time.process_time()
    result = function(*arguments)
    return result, time.process_time() - start


def peak_memory(array: np.ndarray, zoom: Sequence[float]) -> float:
    """Memory of a correction beside its input, in copies of the image in float32."""
    tracemalloc.start()
    correct_bias(array, zoom)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / (4 * array.size)


def measure(name: str, array: np.ndarray, zoom: Sequence[float], *, alone: bool = False) -> str:
    """Row of the table; `alone` leaves the columns of ITK empty."""
    correct_bias(array[:32, :32, :32], zoom)  # what is imported and prepared once
    ours, seconds = timed(correct_bias, array, zoom)
    memory, size = peak_memory(array, zoom), " × ".join(map(str, array.shape))
    if alone:
        return f"| {name} | {size} | – | {seconds:.2f} | – | {memory:.1f} | – | – | – |"
    theirs, itk_seconds = timed(itk_bias, array, zoom)
    expected = array.astype(np.float32) / np.exp(theirs)
    grey = ours.astype(array.dtype) != expected.astype(array.dtype)
    lit = array > 0
    difference = np.log(ours[lit] / expected[lit], dtype=np.float64)
    return (
        f"| {name} | {size} | {itk_seconds:.1f} | {seconds:.2f} "
        f"| {itk_seconds / seconds:.0f} × | {memory:.1f} "
        f"| {np.sqrt((difference**2).mean()):.0e} | {np.abs(difference).max():.0e} "
        f"| {int(grey.sum())} |"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write it where wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("images", nargs="*", type=Path, help="images that NIfTI holds")
    parser.add_argument("--phantom", nargs=3, type=int, help="voxels of a phantom, 0.9 mm each")
    parser.add_argument("--alone", action="store_true", help="leave ITK out")
    parser.add_argument("--write", type=Path, help="file for the table")
    options = parser.parse_args(argv)
    cases = [(path.name.split(".")[0], *load(path)) for path in options.images]
    if not cases and not options.phantom:
        sample = next(Path(str(files("TPTBox") / "tests/sample_mri")).glob("*T2w.nii.gz"))
        cases, options.phantom = [("MR sample of TPTBox", *load(sample))], PHANTOM
    if options.phantom:
        cases.append(("phantom", phantom(options.phantom), [PHANTOM_MM] * 3))
    rows = [HEADER, "|---" * (HEADER.count("|") - 1) + "|"]
    print(*rows, sep="\n", flush=True)
    for case in cases:
        rows.append(measure(*case, alone=options.alone))
        print(rows[-1], flush=True)
    if options.write:
        options.write.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
