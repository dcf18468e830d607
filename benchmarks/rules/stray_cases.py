"""Spines with strays and damage whose truth is known, to judge what is told apart as the column.

A case is a mask of bodies, discs and canal into which pieces are put where networks see them, and
of which others are taken away. Which cases a seed makes depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PLACES: Final = ("belly", "skin", "pelvis", "skull", "front of sacrum")
DAMAGES: Final = (
    "none",
    "body missed",
    "discs missed",
    "two fused",
    "cropped",
    "hole",
    "no canal",
)
CLEAR_MM: Final = 3.0
"""Distance that strays keep from the spine."""
TRIES: Final = 40
"""A place that the field of view does not show is given up after so many draws."""
Array = NDArray[Any]


@dataclass(frozen=True)
class Spine:
    """A mask (P, I, R): numbers of bodies from the top, discs, canal; voxel size in mm."""

    bodies: Array
    discs: NDArray[np.bool_]
    canal: NDArray[np.bool_]
    zoom: tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """A damaged spine with strays.

    Parameters
    ----------
    spine
        What is seen; bodies are a mask of ones.
    stray
        Voxels that do not belong to the spine.
    places
        Where strays were put.
    damage
        What happened to the spine.
    """

    spine: Spine
    stray: NDArray[np.bool_]
    places: tuple[str, ...]
    damage: str


def make_case(spine: Spine, seed: int, *, most: int = 3) -> Case:
    """Damage a spine and put strays beside it.

    Parameters
    ----------
    most
        Number of strays, at most; one in four cases has none.
    """
    rng = np.random.default_rng(seed)
    damage = str(rng.choice(DAMAGES))
    damaged = _damaged(spine, damage, rng)
    bodies, discs = (damaged.bodies > 0), damaged.discs.copy()
    stray = np.zeros(bodies.shape, dtype=bool)
    places = []
    for _ in range(int(rng.integers(0, most + 1))):
        place, like_disc = str(rng.choice(PLACES)), bool(rng.random() < 0.3)
        blob = _stray(damaged, stray, place, like_disc, rng)
        if blob is not None:
            (discs if like_disc else bodies)[blob] = True
            stray |= blob
            places.append(place)
    seen = Spine(bodies.astype(np.uint8), discs, damaged.canal, spine.zoom)
    return Case(seen, stray, tuple(places), damage)


def _damaged(spine: Spine, damage: str, rng: np.random.Generator) -> Spine:
    bodies, discs, canal = spine.bodies.copy(), spine.discs.copy(), spine.canal.copy()
    rows = _rows(bodies)
    inner = sorted(rows, key=rows.__getitem__)[1:-1]
    chosen = int(rng.choice(inner)) if inner else 0
    step = spine.zoom[1]
    if damage == "body missed" and chosen:
        bodies[bodies == chosen] = 0
    elif damage == "discs missed":
        start = int(rng.integers(0, bodies.shape[1]))
        discs[:, start : start + round(60 / step)] = False
    elif damage == "two fused" and chosen:
        ordered = sorted(rows, key=rows.__getitem__)
        below = ordered[ordered.index(chosen) + 1]
        between = slice(round(rows[chosen]), round(rows[below]) + 1)
        bodies[:, between][discs[:, between]] = chosen
        discs[:, between] = False
        bodies[bodies == below] = chosen
    elif damage == "cropped":
        first = int(rng.uniform(0, 0.35) * bodies.shape[1])
        last = int(rng.uniform(0.65, 1) * bodies.shape[1])
        shown = np.s_[:, first:last]
        return Spine(bodies[shown], discs[shown], canal[shown], spine.zoom)
    elif damage == "hole":
        start = int(rng.uniform(0.2, 0.6) * bodies.shape[1])
        hole = slice(start, start + round(rng.uniform(20, 70) / step))
        for array in (bodies, discs, canal):
            array[:, hole] = 0
    elif damage == "no canal":
        canal[:] = False
    return Spine(bodies, discs, canal, spine.zoom)


def _rows(bodies: Array) -> dict[int, float]:
    """Mean row of each body."""
    places = np.nonzero(bodies)
    numbers = bodies[places]
    count = np.bincount(numbers)
    rows = np.bincount(numbers, weights=places[1])
    return {int(n): float(rows[n] / count[n]) for n in np.flatnonzero(count)}


def _stray(
    damaged: Spine,
    others: NDArray[np.bool_],
    place: str,
    like_disc: bool,
    rng: np.random.Generator,
) -> NDArray[np.bool_] | None:
    """Voxels of an ellipsoid somewhere, None where the field of view has no room for it."""
    step = np.asarray(damaged.zoom)
    spine = (damaged.bodies > 0) | damaged.discs | damaged.canal | others
    body = np.argwhere(damaged.bodies > 0) * step
    if not len(body):
        return None
    size = np.cbrt(len(body) * step.prod() / max(len(_rows(damaged.bodies)), 1))
    extent = np.array(spine.shape) * step
    for _ in range(TRIES):
        radii = size * rng.uniform(0.35, 0.75, 3)
        if like_disc:
            radii[int(rng.integers(3))] *= 0.3
        centre = _centre(place, body, extent, rng)
        low = np.floor(np.maximum(centre - radii - CLEAR_MM, 0) / step).astype(int)
        high = np.ceil(np.minimum(centre + radii + CLEAR_MM, extent) / step).astype(int)
        high = np.minimum(high, spine.shape)
        if (high <= low).any() or (centre < 0).any() or (centre >= extent).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        grid = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1)
        offset = np.abs(grid * step - centre)
        if (spine[box] & (((offset / (radii + CLEAR_MM)) ** 2).sum(-1) < 1)).any():
            continue
        blob = np.zeros(spine.shape, dtype=bool)
        blob[box] = ((offset / radii) ** 2).sum(-1) < 1
        if blob.any():
            return blob
    return None


def _centre(place: str, body: Array, extent: Array, rng: np.random.Generator) -> Array:
    """Where a stray lies, mm; `body` holds the places of all voxels of bodies."""
    top, bottom = body[:, 1].min(), body[:, 1].max()
    height = rng.uniform(top, bottom)
    if place == "skull":
        height = top - rng.uniform(10, 60)
    elif place in ("pelvis", "front of sacrum"):
        height = bottom + rng.uniform(0, 70)
    near = body[np.abs(body[:, 1] - np.clip(height, top, bottom)) < 15]
    middle = near.mean(axis=0) if len(near) else body.mean(axis=0)
    forward = {
        "belly": rng.uniform(35, 110),
        "skin": -rng.uniform(60, 110),
        "pelvis": rng.uniform(-60, 60),
        "skull": rng.uniform(-60, 40),
        "front of sacrum": rng.uniform(5, 60),
    }[place]
    aside = rng.normal(0, 25)
    if place == "pelvis":
        aside = rng.choice([-1, 1]) * rng.uniform(25, 90)
    return np.array([middle[0] - forward, height, np.clip(middle[2] + aside, 0, extent[2] - 1)])


def right_decisions(
    case: Case, components: Array, kept: Sequence[bool] | NDArray[np.bool_], *, least_mm3: float
) -> dict[str, int]:
    """Pieces of a case by what they are and what was decided; smaller ones do not count.

    Returns
    -------
    dict
        Numbers of pieces: ``strays``, ``strays_dropped``, ``true``, ``true_kept``.
    """
    sizes = np.bincount(components.ravel())[1:]
    strays = np.bincount(components[case.stray], minlength=len(sizes) + 1)[1:] > sizes / 2
    counts = sizes * float(np.prod(case.spine.zoom)) >= least_mm3
    keep = np.asarray(kept)
    return {
        "strays": int((strays & counts).sum()),
        "strays_dropped": int((strays & counts & ~keep).sum()),
        "true": int((~strays & counts).sum()),
        "true_kept": int((~strays & counts & keep).sum()),
    }
