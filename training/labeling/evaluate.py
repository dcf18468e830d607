"""Evaluate a labelling package with the pipeline's own patches and path search.

    python -m training.labeling.evaluate PACKAGE --phantoms 100

The vertebrae of held-out phantoms (T2w, true masks) are named in whole spines and in views of some
vertebrae.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.components import bounding_box
from spineps_nipype.models.loading import load_labeling
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import LabelingModel
from spineps_nipype.phantom import Phantom, generate, render, to_nii
from spineps_nipype.spineps.labeling import label_vertebrae
from spineps_nipype.spineps.settings import LabelingSettings, Numerics
from training.common.name_views import NamedVertebra

COUNTS: Final = (None, 8, 5)
"""Vertebrae wholly in view; None is the whole spine."""
MARGIN_MM: Final = (2.0, 20.0)
"""Least and largest room above and below them."""
MIN_BODY_MM3: Final = 300.0
"""A vertebra whose body shows less than this is not named."""
FIRST_NUMBER: Final = 2
"""Number of the uppermost vertebra in a mask without names."""


def evaluate_views(
    network: LabelingModel,
    seeds: Sequence[int],
    counts: Sequence[int | None] = COUNTS,
    contrast: str = "T2w",
) -> dict[str, dict[str, float]]:
    """Share of vertebrae with the right name, and of views where all are right.

    Parameters
    ----------
    counts
        Vertebrae in view, placed at random along the spine.
    """
    found: dict[str, list[tuple[float, bool]]] = {}
    for seed in seeds:
        phantom = generate(seed)
        image = render(phantom, contrast=contrast, seed=seed)
        for count in counts:
            rng = np.random.default_rng((seed, 8, count or 0))
            rows = rows_in_view(phantom, count, rng)
            right = [v.right for v in judged_names(*label_view(phantom, image, rows, network))]
            name = "whole" if count is None else str(count)
            found.setdefault(name, []).append((float(np.mean(right)), bool(np.all(right))))
    return {
        name: {
            "vertebrae right": float(np.mean([share for share, _ in values])),
            "views all right": float(np.mean([every for _, every in values])),
        }
        for name, values in found.items()
    }


def judged_names(order: Sequence[int], table: Sequence[Mapping[str, Any]]) -> list[NamedVertebra]:
    """The vertebrae in view, cranial to caudal, by what `label_view` tells of them."""
    found = {row["number"]: row for row in table}
    return [
        NamedVertebra(row.get("label") == label, row.get("confidence") or 0.0)
        for place, label in enumerate(order)
        for row in [found.get(place + FIRST_NUMBER, {})]
    ]


def vertebrae_in_view(phantom: Phantom, rows: slice) -> list[int]:
    """Labels of the vertebrae whose bodies some rows (I) show, cranial to caudal, without C1."""
    truth = phantom.vert[:, rows]
    bodies = np.where(np.isin(phantom.spine[:, rows], anatomy.BODY_PARTS), truth, 0)
    volumes = np.bincount(bodies.ravel(), minlength=256) * np.prod(phantom.spacing)
    labels = [v.label for v in phantom.plan.vertebrae if v.label != anatomy.C1]
    return [label for label in labels if volumes[label] > MIN_BODY_MM3]


def label_view(
    phantom: Phantom,
    image: np.ndarray,
    rows: slice,
    network: LabelingModel,
    missed: Collection[int] = (),
    numerics: Numerics = "corrected",
) -> tuple[list[int], list[dict[str, Any]]]:
    """True labels of the vertebrae in view, cranial to caudal, and the table of their names.

    Parameters
    ----------
    image
        Grey values on the grid of the phantom.
    rows
        Rows (I) in view.
    missed
        Labels of vertebrae that the masks lack.
    """
    spine, truth = phantom.spine[:, rows].copy(), phantom.vert[:, rows]
    # the pipeline's MR models do not know C1
    spine[np.isin(truth, (anatomy.C1, *missed))] = 0
    part = np.isin(spine, anatomy.VERTEBRA_PARTS)
    order = [label for label in vertebrae_in_view(phantom, rows) if label not in missed]
    numbers = np.zeros(256, np.uint8)
    for place, label in enumerate(order):
        numbers[label] = place + FIRST_NUMBER
    vert = np.where(part, numbers[truth], 0).astype(np.uint8)
    spine_nii, vert_nii = (NII(to_nii(phantom, x, mask=True), seg=True) for x in (spine, vert))
    grey = NII(to_nii(phantom, image[:, rows], mask=False), seg=False)
    labelled = label_vertebrae(
        spine_nii,
        vert_nii,
        grey,
        bounding_box(spine, 1),
        network,
        LabelingSettings(),
        c1_enabled=False,
        numerics=numerics,
    )
    return order, labelled.table


def rows_in_view(phantom: Phantom, count: int | None, rng: np.random.Generator) -> slice:
    """Rows (I) of a view of some consecutive vertebrae."""
    if count is None:
        return slice(0, phantom.spine.shape[1])
    first = int(rng.integers(0, len(phantom.plan.vertebrae) - count + 1))
    return rows_around(phantom, first, count, rng)


def rows_around(phantom: Phantom, first: int, count: int, rng: np.random.Generator) -> slice:
    """Rows (I) of a view of the vertebrae from the place `first` on, with some room."""
    vertebrae, step = phantom.plan.vertebrae, phantom.spacing[1]
    ends = [  # upper edge of the first body, lower edge of the last
        phantom.centres[vertebrae[k].name][1] + side * vertebrae[k].height / 2 / step
        for k, side in ((first, -1), (first + count - 1, 1))
    ]
    room = rng.uniform(*MARGIN_MM, 2) / step
    low, high = max(int(ends[0] - room[0]), 0), int(ends[1] + room[1])
    return slice(low, min(high, phantom.spine.shape[1]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate a package and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m training.labeling.evaluate", description=__doc__
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("--phantoms", type=int, default=100)
    parser.add_argument("--contrast", default="T2w")
    options = parser.parse_args(arguments)
    network = load_labeling(load_package(options.package))
    figures = evaluate_views(network, range(options.phantoms), contrast=options.contrast)
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
