"""All measures of one scan, from its two final masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import (
    CORPUS,
    CORPUS_BORDER,
    DISC,
    DISC_OFFSET,
    RANK,
    SACRUM,
    VERTEBRA_NAMES,
)
from ..core.components import Box, bounding_box, everywhere
from ..core.volume import Volume
from .bodies import BodyShape, body_frame, body_shape, spine_directions
from .canal import CanalCourse, canal_course, cross_sections
from .columns import COLUMNS, WHOLE
from .curves import curvatures
from .discs import DiscShape, disc_shape
from .local_frames import LocalFrame, MaskBox, Points, mask_boxes

ORIENTATION: Final = ("P", "I", "R")
BodyOrDisc: TypeAlias = tuple[int, int]
"""(0, v) is the body of vertebra v, (1, v) the disc below it: both in one sequence."""


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
    view
        Part of the grid in which the scan shows something.
    """

    tissue: NDArray[Any]
    zoom: Points
    bodies: dict[int, MaskBox]
    discs: dict[int, MaskBox]
    canal: CanalCourse | None
    present: tuple[int, ...]
    view: Box

    @property
    def from_top(self) -> list[int]:
        """Numbers of the vertebrae that have a body, in the order of their names."""
        return sorted(self.bodies, key=RANK.__getitem__)

    def canal_point(self, place: Points) -> Points | None:
        """Middle of the canal at the level of a place [mm]; None if it is not in view."""
        found = self.canal.at_level_of(place) if self.canal else None
        return None if found is None else found[0]


def split_masks(spine: Volume, vert: Volume, scan: Volume | None = None) -> Scene:
    """Separate the structures of two final masks.

    Parameters
    ----------
    spine, vert
        Final semantic and vertebra mask on the same grid, any orientation.
    scan
        The scan on that grid; None where the whole of it counts as in view.
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
        everywhere(tissue) if scan is None else _view(scan.reorient(ORIENTATION).get_array()),
    )


def _view(grey: NDArray[Any]) -> Box:
    """Box of what is brighter than the darkest voxels; all of an image without contrast."""
    shown = grey > grey.min()
    return bounding_box(shown) if shown.any() else everywhere(grey)


def measure_spine(scene: Scene) -> list[dict[str, Any]]:
    """Measure bodies, discs, canal, cord and curves.

    Returns
    -------
    list of dict
        One row a vertebra from cranial to caudal, then one for the whole spine; the keys are
        those of `columns.COLUMNS`. What cannot be measured is None. Lengths are mm, areas mm²,
        volumes mm³, angles degrees.
    """
    centres = {(0, v): box.middle for v, box in scene.bodies.items()}
    centres |= {(1, v): box.middle for v, box in scene.discs.items()}
    order = sorted(centres, key=lambda key: (RANK[key[1]], key[0]))
    places = {key: i for i, key in enumerate(order)}
    along = spine_directions({places[k]: c for k, c in centres.items()}, range(len(order)))
    directions = {key: along[place] for key, place in places.items()}

    frames = {
        v: body_frame(body, directions[0, v], scene.canal_point(centres[0, v]))
        for v, body in scene.bodies.items()
    }
    shapes = {v: body_shape(scene.bodies[v], frame) for v, frame in frames.items()}
    discs = {
        v: disc_shape(
            disc,
            _disc_normal(v, order, frames, directions),
            scene.canal_point(centres[1, v]),
        )
        for v, disc in scene.discs.items()
    }
    areas = _areas_at_discs(scene, centres)
    rows = [
        _row(v, shapes.get(v), discs.get(v), areas.get(v))
        for v in sorted({*shapes, *discs}, key=RANK.__getitem__)
    ]
    # A body that is cut at an end has no reliable frame.
    whole = {n: f for n, f in frames.items() if not scene.bodies[n].cut_at_end}
    angles = curvatures(whole, {v: centres[1, v] for v in discs}, scene.present)
    return [*rows, _complete({"level": WHOLE, **{k[:-4]: a for k, a in angles.items()}})]


def _disc_normal(
    disc: int,
    order: Sequence[BodyOrDisc],
    frames: Mapping[int, LocalFrame],
    directions: Mapping[BodyOrDisc, Points],
) -> Points:
    """Normal of a disc: between those of the bodies beside it, else the way of the spine there."""
    key = (1, disc)
    beside = [disc, *[v for kind, v in order[order.index(key) :] if kind == 0][:1]]
    around = [frames[v].inferior for v in beside if v in frames]
    return np.sum(around, axis=0) if around else directions[key]


def _areas_at_discs(
    scene: Scene, centres: Mapping[BodyOrDisc, Points]
) -> dict[int, tuple[float, float]]:
    """Areas of canal and cord in the plane of each disc, by the vertebra above; mm²."""
    if scene.canal is None:
        return {}
    return {
        v: cross_sections(scene.tissue, scene.zoom, scene.canal, centres[1, v])
        for v in scene.discs
    }


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
