"""How well the scans of a session name their vertebrae, one by one and together.

    python -m training.labeling.sessions PACKAGE [--phantoms FIRST LAST] [--out TABLE]

Held-out phantoms are cut into sessions: two or three overlapping stations from neck to sacrum in
one contrast or the other, or the same small piece in two contrasts, or within a large one. Between
two scans the patient moves by up to 15 mm in any direction and turns by up to 2 degrees. Masks are
the true ones. Three eighths of the phantoms have a T13, an L6 or 11 thoracic vertebrae; in all
figures each weighs what its kind is among people. A row of the table is a vertebra of a scan. Ten
seconds a phantom. The stations are counted once more with coordinates of their own, as after
the patient was laid down anew: they should not be joined.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.session_names import ScanNames, joint_names
from spineps_nipype.core.tables import write_table
from spineps_nipype.metrics.calibration import calibration_error
from spineps_nipype.models.loading import load_labeling
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import LabelingModel
from spineps_nipype.phantom import Phantom, generate, render
from spineps_nipype.spineps.session_names import judged_rows, names_of_table
from training.common.name_views import drawn_anomaly, weight_of
from training.labeling.evaluate import FIRST_NUMBER, label_view, rows_around

CONTRASTS: Final = ("T2w", "T1w")
MOTION_MM: Final = 15.0
TURN_DEG: Final = 2.0
STATIONS: Final = {"two stations": 2, "three stations": 3}
"""Kinds of sessions of stations, and how many there are."""
PLACE: Final = 2
"""By how many vertebrae the place varies where two stations meet."""
ELSEWHERE_MM: Final = np.array((20.0, 20.0, 300.0))
"""Largest difference of coordinates of scans that do not share them, along each axis."""
OVERLAP: Final = (1, 4)
"""Vertebrae that neighbouring stations share."""
SMALL, LARGE = (5, 8), (12, 18)
"""Vertebrae of the scans of a session of two contrasts and a larger or smaller scan."""


class Station(NamedTuple):
    """One scan of a session: its first vertebra, its vertebrae, and its contrast."""

    first: int
    size: int
    contrast: str


class Seen(NamedTuple):
    """A scan with the names that it gives by itself, and the true ones."""

    alone: ScanNames
    names: tuple[int, ...]
    truth: tuple[int, ...]


def sessions_of(count: int, random: np.random.Generator) -> dict[str, list[Station]]:
    """One session of each kind, of a spine of so many vertebrae."""
    found = {}
    for kind, stations in STATIONS.items():
        meets = [count * i // stations for i in range(1, stations)]
        ends = [0, *(m + int(random.integers(-PLACE, PLACE + 1)) for m in meets), count]
        session = []
        for top, bottom in pairwise(ends):
            shared = int(random.integers(*OVERLAP, endpoint=True)) if top else 0
            size = bottom - top + shared
            session.append(Station(top - shared, size, str(random.choice(CONTRASTS))))
        found[kind] = session
    size = int(random.integers(*SMALL, endpoint=True))
    first = int(random.integers(0, count - size + 1))
    large = int(random.integers(*LARGE, endpoint=True))
    beside = int(np.clip(first - random.integers(0, large - size + 1), 0, count - large))
    found["two contrasts"] = [Station(first, size, contrast) for contrast in CONTRASTS]
    found["small and large"] = [
        Station(first, size, "T1w"),
        Station(beside, large, "T2w"),
    ]
    return found


def seen_sessions(
    seed: int, network: LabelingModel
) -> Iterator[tuple[str, float, dict[str, Seen]]]:
    """Kind, weight and scans of each session of a phantom."""
    random = np.random.default_rng((seed, 77))
    anomaly = drawn_anomaly(random)
    phantom = generate(seed, anomalies=anomaly)
    images = {c: render(phantom, contrast=c, seed=seed) for c in CONTRASTS}
    for kind, stations in sessions_of(len(phantom.plan.vertebrae), random).items():
        scans = {}
        shifts = shifts_of(len(stations), random)
        for i, station in enumerate(stations):
            word, image = f"{i}_{station.contrast}", images[station.contrast]
            seen = seen_scan(phantom, image, station, word, network, shifts[i], random)
            if seen is not None:
                scans[word] = seen
        yield kind, weight_of(phantom.plan.levels), scans


def seen_scan(
    phantom: Phantom,
    image: np.ndarray,
    station: Station,
    word: str,
    network: LabelingModel,
    shift: np.ndarray,
    random: np.random.Generator,
) -> Seen | None:
    """A station of a phantom, named by itself; None if it has no names.

    Parameters
    ----------
    image
        Grey values on the grid of the phantom.
    word
        What the scan is called.
    shift
        Where the patient lies [mm].
    """
    rows = rows_around(phantom, station.first, station.size, random)
    order, table = label_view(phantom, image, rows, network)
    alone = names_of_table(table, word)
    if alone is None:
        return None
    judged = judged_rows(table)
    truth = tuple(order[int(row["number"]) - FIRST_NUMBER] for row in judged)
    points = moved(alone.points, shift, random)
    places = points + offset_of(phantom, rows)
    return Seen(
        ScanNames(word, places, alone.posterior), tuple(int(r["label"]) for r in judged), truth
    )


def offset_of(phantom: Phantom, rows: slice) -> np.ndarray:
    """Where the first row of a view lies in the world [mm]: `label_view` begins at 0."""
    return np.asarray(phantom.affine[:3, 1] * rows.start)


def shifts_of(count: int, random: np.random.Generator) -> np.ndarray:
    """Where the patient lies in each of some scans [mm]: no two places are `MOTION_MM` apart."""
    found = [np.zeros(3)]
    while len(found) < count:
        direction = random.normal(size=3)
        shift = direction / np.linalg.norm(direction) * random.uniform(0, MOTION_MM)
        if all(np.linalg.norm(shift - other) <= MOTION_MM for other in found):
            found.append(shift)
    return np.array(found)


def moved(points: np.ndarray, shift: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Places after a shift and a turn of the patient."""
    turn = Rotation.from_rotvec(random.uniform(-TURN_DEG, TURN_DEG, 3), degrees=True)
    middle = points.mean(axis=0)
    return np.asarray(turn.apply(points - middle) + middle + shift)


def elsewhere(scans: dict[str, Seen], random: np.random.Generator) -> dict[str, Seen]:
    """The same session, but each further scan has coordinates of its own."""
    found = {}
    for i, (word, seen) in enumerate(scans.items()):
        shift = random.uniform(-1, 1, 3) * ELSEWHERE_MM if i else np.zeros(3)
        found[word] = seen._replace(alone=replace(seen.alone, points=seen.alone.points + shift))
    return found


def rows_of(seed: int, network: LabelingModel) -> Iterator[dict[str, Any]]:
    """A row for each vertebra of each scan of each session of a phantom."""
    sessions = list(seen_sessions(seed, network))
    random = np.random.default_rng((seed, 78))
    sessions += [
        (f"{kind}, other coordinates", weight, elsewhere(scans, random))
        for kind, weight, scans in sessions
        if kind in STATIONS
    ]
    for kind, weight, scans in sessions:
        groups = joint_names([seen.alone for seen in scans.values()])
        for word, seen in scans.items():
            group = next((g for g in groups if word in g.names), None)
            names = seen.names if group is None else group.names[word]
            posterior: NamePosterior = (
                seen.alone.posterior if group is None else group.posteriors[word]
            )
            for place, truth in enumerate(seen.truth):
                yield {
                    "phantom": seed,
                    "weight": weight,
                    "kind": kind,
                    "scan": word,
                    "size": len(seen.truth),
                    "vertebra": truth,
                    "joined": int(group is not None),
                    "alone": seen.names[place],
                    "together": names[place],
                    "confidence_alone": seen.alone.posterior.of_label(place, seen.names[place]),
                    "confidence_together": posterior.of_label(place, names[place]),
                }


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Share of right names in words, by kind of session."""
    lines = []
    apart = [row for row in rows if "other" in row["kind"]]
    shared = [row for row in rows if "other" not in row["kind"]]
    parts = {
        "all that share coordinates": shared,
        f"scans of up to {SMALL[1]} vertebrae among them": [
            row for row in shared if row["size"] <= SMALL[1]
        ],
        **{kind: [row for row in rows if row["kind"] == kind] for kind in _kinds(shared)},
        "other coordinates": apart,
    }
    for kind, some in parts.items():
        scans = {(row["phantom"], row["kind"], row["scan"]) for row in some}
        sessions = {(row["phantom"], row["kind"]) for row in some}
        weight = np.array([row["weight"] for row in some])
        joined = np.average([row["joined"] for row in some], weights=weight)
        said = []
        for word in ("alone", "together"):
            right = np.array([row[word] == row["vertebra"] for row in some])
            error = calibration_error(
                np.array([row[f"confidence_{word}"] for row in some]), right, weight
            )
            share = np.average(right, weights=weight)
            whole = _sessions_right(some, word)
            said.append(
                f"{word} {share:.2%} of names right, {whole:.1%} of sessions, "
                f"calibration error {error:.3f}"
            )
        lines.append(
            f"{kind}: {len(sessions)} sessions, {len(scans)} scans, {len(some)} vertebrae, "
            f"{joined:.1%} joined; {'; '.join(said)}"
        )
    return "\n".join(lines)


def _kinds(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["kind"] for row in rows))


def _sessions_right(rows: Sequence[dict[str, Any]], word: str) -> float:
    """Share of sessions whose names are all right."""
    right: dict[tuple[int, str], bool] = {}
    weight: dict[tuple[int, str], float] = {}
    for row in rows:
        key = (row["phantom"], row["kind"])
        right[key] = right.get(key, True) and row[word] == row["vertebra"]
        weight[key] = row["weight"]
    return float(np.average(list(right.values()), weights=list(weight.values())))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("--phantoms", nargs=2, type=int, default=(2000, 2060))
    parser.add_argument("--out", type=Path, help="table of all vertebrae (TSV)")
    options = parser.parse_args(arguments)
    network = load_labeling(load_package(options.package))
    rows: list[dict[str, Any]] = []
    for seed in range(*options.phantoms):
        rows += rows_of(seed, network)
        print(f"phantom {seed}: {len(rows)} vertebrae", file=sys.stderr, flush=True)
    if options.out is not None:
        write_table(rows, options.out)
    print(summary(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
