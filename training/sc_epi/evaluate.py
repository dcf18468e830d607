"""Evaluate an EPI cord package with the pipeline's own functions, on the grid of the scan.

    python -m training.sc_epi.evaluate PACKAGE --phantoms 20 --real EPI.nii.gz --out DIR

Phantoms have seeds that training never draws. Real scans have no masks: the result is drawn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from TPTBox import NII

from spineps_nipype.core.anatomy import CORD
from spineps_nipype.models.finding import package_in
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.phantom import FieldOfView, generate, render, to_nii
from spineps_nipype.phantom.render import displace, row_shift
from spineps_nipype.sc_epi.model import EpiPackage, epi_package
from spineps_nipype.sc_epi.segment import segment_epi
from spineps_nipype.sc_epi.settings import EpiSegSettings
from spineps_nipype.sc_epi.volumes import load_epi
from training.common.dice import Case, Groups, overlap, summary, write_results
from training.common.options import add_threads
from training.common.phantom_seeds import require_held_out

VIEWS: Final = {"cervical": ("C3", "C7"), "thoracic": ("T2", "T6")}
"""Uppermost and lowest vertebra in view."""
GROUPS: Final[Groups] = {"cord": ((CORD,), (1,))}
RAS: Final = ("R", "A", "S")
COLUMNS: Final = 8
"""Slices beside each other in a picture."""

Array = np.ndarray


class EpiSegmenter:
    """A loaded package."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.package: EpiPackage = epi_package(package_in(folder, "sc-epi"))
        self.model = load_semantic(self.package.package, num_threads=threads)

    def __call__(self, image: NII) -> Array:
        """Mask of the cord on the grid of the image."""
        masks = segment_epi(image, self.model, self.package.outputs, EpiSegSettings())
        return np.asarray(masks["_seg"].get_array())


def phantom_cases(segmenter: EpiSegmenter, seeds: Sequence[int], view: str) -> Iterable[Case]:
    """Held-out phantoms as echo-planar stacks of thick axial slices."""
    top, bottom = VIEWS[view]
    for seed in seeds:
        require_held_out(seed)
        rng = np.random.default_rng((seed, 8))
        pixel = float(rng.uniform(0.9, 1.2))
        fov = FieldOfView(top=top, bottom=bottom, width=float(rng.uniform(70, 130)))
        phantom = generate(seed, spacing=(pixel, float(rng.uniform(3, 6)), pixel), fov=fov)
        shift = row_shift(phantom.tissue.shape[1], rng)  # distortion of image and mask alike
        phantom = replace(phantom, tissue=displace(phantom.tissue, shift))
        grey = render(phantom, contrast="EPI", seed=seed, displaced=False)
        image = NII(to_nii(phantom, grey, mask=False), False)
        scores = overlap(displace(phantom.spine, shift), segmenter(image), GROUPS)
        print(view, seed, {name: round(dice, 3) for name, dice in scores.items()}, flush=True)
        yield Case(f"{view}-{seed:03d}", scores)


def draw(image: NII, mask: Array, path: Path) -> None:
    """Draw all axial slices with the outline of the mask."""
    values = image.reorient(RAS).get_array()
    cord = image.set_array(mask.astype(np.uint8), seg=True).reorient(RAS).get_array()
    columns = min(values.shape[2], COLUMNS)
    rows = -(-values.shape[2] // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.5 * columns, 2.5 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for k in range(values.shape[2]):
        axes.flat[k].imshow(values[..., k].T, origin="lower", cmap="gray")
        if cord[..., k].any():
            axes.flat[k].contour(cord[..., k].T, [0.5], colors="red", linewidths=1)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.sc_epi.evaluate", description=__doc__
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("--phantoms", type=int, default=20, help="held-out phantoms for each view")
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="scans to draw")
    parser.add_argument("--out", type=Path, required=True, help="folder of tables and pictures")
    add_threads(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; write ``scans.tsv``, ``summary.json`` and a picture of each real scan."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    segmenter = EpiSegmenter(options.package, options.threads)
    for path in options.real:
        image = load_epi(path, "mean")[0]
        mask = segmenter(image)
        print(path.name, int((mask > 0).sum()), "voxels", flush=True)
        draw(image, mask, options.out / f"{path.name.partition('.')[0]}.png")
    cases = {view: list(phantom_cases(segmenter, range(options.phantoms), view)) for view in VIEWS}
    report = {view: summary(members) for view, members in cases.items()}
    print(json.dumps(report, indent=1))
    write_results(options.out, cases, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
