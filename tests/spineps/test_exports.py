"""Points as markups of 3D Slicer, and surfaces of vertebrae with the table of their sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from TPTBox import NII, POI

from spineps_nipype.interfaces import Markups, Surfaces
from spineps_nipype.spineps.centroids import compute_centroids, save_poi
from spineps_nipype.spineps.markups import markups
from spineps_nipype.spineps.surfaces import COLUMNS, surface_rows, vertebra_surfaces

AFFINE = np.array([[0, 0, 2, -20], [-1, 0, 0, 30], [0, -1, 0, 90], [0, 0, 0, 1.0]])
"""A sagittal scan: the first two axes go to the back and down, the third to the right."""


@pytest.fixture
def masks() -> tuple[NII, NII]:
    """L1, L2 and the sacrum as blocks, a disc below L1."""
    vert, spine = np.zeros((20, 40, 9), np.uint8), np.zeros((20, 40, 9), np.uint8)
    for number, part, rows in ((20, 49, slice(2, 8)), (120, 100, slice(8, 10)),
                               (21, 49, slice(10, 16)), (26, 26, slice(20, 30))):  # fmt: skip
        vert[5:15, rows, 2:7], spine[5:15, rows, 2:7] = number, part
    return NII.from_numpy(spine, AFFINE, True), NII.from_numpy(vert, AFFINE, True)


def test_markups_are_world_coordinates_in_lps(masks: tuple[NII, NII]) -> None:
    points = compute_centroids(*masks)
    content = markups(points)
    lists = {x["name"]: x for x in content["markups"]}
    assert list(lists) == ["vertebrae", "discs"]
    assert "markups-schema" in content["@schema"]
    labels = [p["label"] for p in lists["vertebrae"]["controlPoints"]]
    assert labels == ["L1", "L2", "S1"]
    assert lists["discs"]["controlPoints"][0]["label"] == "disc below L1"
    # L1 fills voxels 5..14, 2..7, 2..6: its centre is (9.5, 4.5, 4).
    right, front, up = (AFFINE @ (9.5, 4.5, 4, 1))[:3]
    first = lists["vertebrae"]["controlPoints"][0]
    assert first["position"] == pytest.approx([-right, -front, up])
    for kind in content["markups"]:
        assert (kind["type"], kind["coordinateSystem"]) == ("Fiducial", "LPS")
        assert len({p["id"] for p in kind["controlPoints"]}) == len(kind["controlPoints"])


def test_positions_are_those_of_tptbox(masks: tuple[NII, NII]) -> None:
    """Which has them in RAS, as NIfTI."""
    points = compute_centroids(*masks)
    world = points.to_global()
    found = [p["position"] for x in markups(points)["markups"] for p in x["controlPoints"]]
    keys = sorted(points.keys(), key=lambda key: (key[1], key[0]))  # bodies, then discs
    expected = [np.multiply(world[key], (-1, -1, 1)) for key in keys]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_surfaces_of_vertebrae_from_top_to_bottom(masks: tuple[NII, NII]) -> None:
    surfaces = vertebra_surfaces(masks[1])
    assert list(surfaces) == [20, 21, 26]  # no disc among them
    assert all(surface.closed for surface in surfaces.values())
    rows = surface_rows(surfaces)
    assert [row["name"] for row in rows] == ["L1", "L2", "S1"]
    assert list(rows[0]) == list(COLUMNS)
    assert 0.9 < float(rows[0]["volume"]) / (10 * 6 * 5 * 2) < 1


def test_the_shells_write_what_is_asked_for(masks: tuple[NII, NII], tmp_path: Path) -> None:
    spine, vert = masks
    path = tmp_path / "vert.nii.gz"
    vert.save(path, verbose=False)
    for asked, names in (
        ({"stl": True}, ["L1.stl", "L2.stl", "S1.stl"]),
        ({"gifti": True}, ["L1.surf.gii", "L2.surf.gii", "S1.surf.gii"]),
    ):
        done = Surfaces(vert=str(path), **asked).run(cwd=str(tmp_path)).outputs
        (kind,) = asked
        assert [Path(file).name for file in getattr(done, kind)] == names
        assert Path(done.table).read_text().splitlines()[0].split("\t") == list(COLUMNS)
    poi = save_poi(compute_centroids(spine, vert), tmp_path / "poi.json")
    done = Markups(poi=str(poi)).run(cwd=str(tmp_path)).outputs
    assert done.out_file.endswith(".mrk.json")
    assert len(POI.load(poi)) == Path(done.out_file).read_text().count('"position"')
