"""All measures of one scan, from its two final masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import (
    ANATOMICAL_ORDER,
    CORPUS,
    CORPUS_BORDER,
    DISC,
    DISC_OFFSET,
    SACRUM,
    VERTEBRA_NAMES,
)
from ..core.volume import Volume
from .bodies import BodyShape, body_frame, body_shape, spine_directions
from .canal import CanalCourse, canal_course, cross_sections
from .columns import COLUMNS, WHOLE
from .curves import curvatures
from .discs import DiscShape, disc_shape
from .local_frames import LocalFrame, MaskBox, Points, mask_boxes

ORIENTATION: Final = ("P", "I", "R")
RANK: Final = {v: place for place, v in enumerate(ANATOMICAL_ORDER)}
"""Place of each vertebra from cranial to caudal."""


@dataclass(frozen=True)
class Scene:
    """The structures that two masks show, in PIR orientation.

    Parameters
    ----------
    tissue
        Semantic mask.
    zoom
        Spacing [mm].
    bodies, discs
        Masks by the number of the vertebra; a disc has the number of the vertebra above it.
    canal
        Course of the canal; None if there is none.
    present
        All numbers of the vertebra mask.
    """

    tissue: NDArray[Any]
    zoom: Points
    bodies: dict[int, MaskBox]
    discs: dict[int, MaskBox]
    canal: CanalCourse | None
    present: tuple[int, ...]


def split_masks(spine: Volume, vert: Volume) -> Scene:
    """Separate the structures of two final masks.

    Parameters
    ----------
    spine, vert
        Final semantic and vertebra mask on the same grid, any orientation.
    """
    spine, vert = spine.reorient(ORIENTATION), vert.reorient(ORIENTATION)
    zoom = np.asarray(spine.zoom, float)
    tissue, number = spine.get_array(), vert.get_array()
    of_body = (tissue == CORPUS) | (tissue == CORPUS_BORDER)
    body_number = np.where(of_body & (number != SACRUM), number, 0)
    disc_number = np.where((tissue == DISC) & (number > DISC_OFFSET), number, 0)
    return Scene(
        tissue,
        zoom,
        {v: b for v, b in mask_boxes(body_number, zoom).items() if v in VERTEBRA_NAMES},
        {
            v - DISC_OFFSET: b
            for v, b in mask_boxes(disc_number, zoom).items()
            if v - DISC_OFFSET in VERTEBRA_NAMES
        },
        canal_course(tissue, zoom),
        tuple(int(n) for n in np.unique(number) if n),
    )


def measure_spine(scene: Scene) -> list[dict[str, Any]]:
    """Measure bodies, discs, canal, cord and curves.

    Returns
    -------
    list of dict
        One row a vertebra from cranial to caudal, then one for the whole spine; the keys are
        those of `columns.COLUMNS`. What cannot be measured is None. Lengths are mm, areas mm²,
        volumes mm³, angles degrees.
    """
    # Bodies (0, v) and discs (1, v) in one sequence from cranial to caudal.
    centres = {(0, v): box.points.mean(axis=0) for v, box in scene.bodies.items()}
    centres |= {(1, v): box.points.mean(axis=0) for v, box in scene.discs.items()}
    order = sorted(centres, key=lambda key: (RANK[key[1]], key[0]))
    places = {key: i for i, key in enumerate(order)}
    direction = spine_directions({places[k]: c for k, c in centres.items()}, range(len(order)))

    frames: dict[int, LocalFrame] = {}
    shapes: dict[int, BodyShape] = {}
    for v, body in scene.bodies.items():
        frame = body_frame(body, direction[places[0, v]], _canal_point(scene, centres[0, v]))
        frames[v], shapes[v] = frame, body_shape(body, frame)
    discs: dict[int, DiscShape] = {}
    areas: dict[int, tuple[float, float]] = {}
    for v, disc in scene.discs.items():
        below = next((n for n in order[places[1, v] :] if n[0] == 0), None)
        around = [frames[n].inferior for n in (v, below[1] if below else -1) if n in frames]
        normal = np.sum(around, axis=0) if around else direction[places[1, v]]
        discs[v] = disc_shape(disc, normal, _canal_point(scene, centres[1, v]))
        if scene.canal is not None:
            areas[v] = cross_sections(scene.tissue, scene.zoom, scene.canal, centres[1, v])
    rows = [
        _row(v, shapes.get(v), discs.get(v), areas.get(v))
        for v in sorted({*shapes, *discs}, key=RANK.__getitem__)
    ]
    # A body that is cut at an end has no reliable frame.
    whole = {n: f for n, f in frames.items() if not set("SI") & set(shapes[n].cut)}
    angles = curvatures(whole, {v: centres[1, v] for v in discs}, scene.present)
    return [*rows, _complete({"level": WHOLE, **{k[:-4]: a for k, a in angles.items()}})]


def _canal_point(scene: Scene, place: Points) -> Points | None:
    """Middle of the canal at the level of a place [mm]; None if it is not in view."""
    found = scene.canal.at_level_of(place) if scene.canal else None
    return None if found is None else found[0]


def _row(
    v: int, body: BodyShape | None, disc: DiscShape | None, areas: tuple[float, float] | None
) -> dict[str, Any]:
    """Row of a vertebra with the disc, and the cross-sections, below it."""
    row: dict[str, Any] = {"level": VERTEBRA_NAMES[v], "label": v}
    if body is not None:
        row |= {
            "body_height_anterior": body.height_anterior,
            "body_height_middle": body.height_middle,
            "body_height_posterior": body.height_posterior,
            "body_depth": body.depth,
            "body_width": body.width,
            "body_volume": body.volume,
            "cut": body.cut or None,
        }
    if disc is not None:
        row |= {
            "disc_height": disc.height,
            "disc_volume": disc.volume,
            "disc_cut": disc.cut or None,
        }
    if areas is not None:
        row |= {"canal_area": areas[0], "cord_area": areas[1]}
    return _complete(row)


def _complete(row: dict[str, Any]) -> dict[str, Any]:
    """The row with all columns; NaN becomes None, numbers are rounded to hundredths."""
    out: dict[str, Any] = {}
    for name in COLUMNS:
        value = row.get(name)
        if isinstance(value, float):
            value = round(value, 2) if np.isfinite(value) else None
        out[name] = value
    return out
