"""What names of spine-segmentation do for a scan of the same session that SPINEPS names.

    python -m training.sessions_across PACKAGE FOLDER [--phantoms FIRST LAST] [--out TABLE]

A small view of a held-out phantom in one contrast is named by SPINEPS, with its true masks; a
window of 10 to 15 vertebrae with the same ones, in slices of 3.5 mm and the other contrast, goes
through spine-segmentation. Between both the patient moves as in `training.labeling.sessions`,
which says which phantoms have an anomaly, and what they weigh. Names of the small view are judged
by themselves, together with the names of spine-segmentation as they are, and with the
probabilities that it tells of them. A row of the table is a vertebra. Fifteen seconds a phantom.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from TPTBox import NII

from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.session_names import ScanNames, joint_names
from spineps_nipype.core.tables import write_table
from spineps_nipype.core.volume import Volume
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.metrics.calibration import calibration_error
from spineps_nipype.models.loading import load_labeling
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import LabelingModel
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from spineps_nipype.spine_segmentation.name_table import name_rows
from spineps_nipype.spineps.other_names import other_names
from training.common.name_views import add_phantoms, drawn_anomaly, weight_of
from training.common.options import add_threads
from training.labeling.sessions import CONTRASTS, SMALL, Seen, Station, moved, seen_scan, shifts_of
from training.spine_segmentation.evaluate import SPACING, WIDTH_MM, load_nets

LARGE: Final = (10, 15)
"""Vertebrae of the window that spine-segmentation sees."""
SCAN, OTHER = "scan", "other"
WAYS: Final = ("alone", "names", "probabilities")
"""By which names of the small view are found."""


class Across(NamedTuple):
    """A scan that SPINEPS named, and what spine-segmentation stored of another one.

    Parameters
    ----------
    weight
        Of the phantom, see `weight_of`.
    seen
        Named by SPINEPS.
    mask, rows
        Mask of instances and table of names; None and empty if it finds nothing.
    shift, turn_seed
        How the patient moves before the other scan.
    """

    weight: float
    seen: Seen
    mask: Volume | None
    rows: list[dict[str, Any]]
    shift: np.ndarray
    turn_seed: int


def session_of(seed: int, network: LabelingModel, nets: SegmentationInference) -> Across | None:
    """Both scans of a phantom; None if SPINEPS has no names of its own."""
    random = np.random.default_rng((seed, 79))
    anomaly = drawn_anomaly(random)
    phantom = generate(seed, anomalies=anomaly)
    count = len(phantom.plan.vertebrae)
    size = int(random.integers(*SMALL, endpoint=True))
    first = int(random.integers(0, count - size + 1))
    large = int(random.integers(*LARGE, endpoint=True))
    top = int(np.clip(first - random.integers(0, large - size + 1), 1, count - large))
    shifts = shifts_of(2, random)
    contrasts = random.permutation(CONTRASTS)
    image = render(phantom, contrast=str(contrasts[0]), seed=seed)
    station = Station(first, size, str(contrasts[0]))
    seen = seen_scan(phantom, image, station, SCAN, network, shifts[0], random)
    if seen is None:
        return None
    levels = phantom.plan.levels
    window = FieldOfView(top=levels[top], bottom=levels[top + large - 1], width=WIDTH_MM)
    part = generate(seed, spacing=SPACING, fov=window, anomalies=anomaly)
    mask, rows = _stored(part, str(contrasts[1]), seed, nets)
    return Across(weight_of(levels), seen, mask, rows, shifts[1], seed)


def _stored(
    phantom: Phantom, contrast: str, seed: int, nets: SegmentationInference
) -> tuple[Volume | None, list[dict[str, Any]]]:
    """Mask and table of spine-segmentation."""
    image = render(phantom, contrast=contrast, seed=seed, slice_thickness=SPACING[2])
    try:
        _, ids, result = segment_image(NII(to_nii(phantom, image, mask=False), False), nets)
    except EmptyResultError:
        return None, []
    return ids, name_rows(result.vertebrae)


def other_scan(session: Across, way: str) -> ScanNames | None:
    """What the other scan tells of names, by the names in force or by their probabilities."""
    if session.mask is None or way == WAYS[0]:
        return None
    rows = session.rows if way == WAYS[2] else []
    found = other_names("spine_segmentation", session.mask, rows, OTHER)
    if found is None:
        return None
    random = np.random.default_rng((session.turn_seed, 80))
    return replace(found, points=moved(found.points, session.shift, random))


def rows_of(seed: int, session: Across) -> Iterator[dict[str, Any]]:
    """A row for each vertebra of the scan that SPINEPS named."""
    seen = session.seen
    found: dict[str, tuple[Sequence[int], NamePosterior, bool]] = {}
    for way in WAYS:
        other = other_scan(session, way)
        groups = joint_names([seen.alone, other]) if other else []
        if groups:
            found[way] = (groups[0].names[SCAN], groups[0].posteriors[SCAN], True)
        else:
            found[way] = (seen.names, seen.alone.posterior, False)
    for place, truth in enumerate(seen.truth):
        row = {"phantom": seed, "weight": session.weight, "vertebra": truth}
        for way, (names, posterior, joined) in found.items():
            row[way] = names[place]
            row[f"confidence_{way}"] = posterior.of_label(place, names[place])
            row[f"joined_{way}"] = int(joined)
        yield row


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Figures in words."""
    weight = np.array([row["weight"] for row in rows])
    lines = [f"{len({row['phantom'] for row in rows})} sessions, {len(rows)} vertebrae"]
    for way in WAYS:
        right = np.array([row[way] == row["vertebra"] for row in rows])
        confidence = np.array([row[f"confidence_{way}"] for row in rows])
        whole: dict[int, float] = {}
        for row, good in zip(rows, right, strict=True):
            whole[row["phantom"]] = whole.get(row["phantom"], row["weight"]) * good
        share = sum(whole.values()) / sum({r["phantom"]: r["weight"] for r in rows}.values())
        names = np.average(right, weights=weight)
        joined = np.average([row[f"joined_{way}"] for row in rows], weights=weight)
        lines.append(
            f"{way}: {names:.1%} of names right, {share:.1%} of scans, "
            f"calibration error {calibration_error(confidence, right, weight):.3f}, "
            f"{joined:.0%} joined"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path, help="labelling package of SPINEPS")
    parser.add_argument("folder", type=Path, help="folder with the ONNX files")
    add_phantoms(parser)
    add_threads(parser)
    parser.add_argument("--out", type=Path, help="table of all vertebrae (TSV)")
    options = parser.parse_args(arguments)
    network = load_labeling(load_package(options.package))
    nets = load_nets(options.folder, options.threads)
    rows: list[dict[str, Any]] = []
    for seed in range(*options.phantoms):
        session = session_of(seed, network, nets)
        rows += [] if session is None else rows_of(seed, session)
        print(f"phantom {seed}: {len(rows)} vertebrae", file=sys.stderr, flush=True)
    if options.out is not None:
        write_table(rows, options.out)
    print(summary(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
