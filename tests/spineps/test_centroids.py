"""Points of interest and their file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from TPTBox import POI

from spineps_nipype.errors import OutputError
from spineps_nipype.spineps.centroids import compute_centroids, save_poi
from spineps_nipype.spineps.discs import finalize_masks

from .blocks import FIRST, PERIOD, as_nii, spine_of_blocks

WHOLE = (slice(None), slice(None), slice(None))


def final(count: int = 2, codes: tuple[str, ...] = ("P", "I", "R"), **options: bool):
    spine, vert = spine_of_blocks(count, **options)
    vert = np.array([0, *range(25 - count, 25)], np.uint16)[vert]
    return finalize_masks(as_nii(spine, codes), as_nii(vert, codes), WHOLE)


def keys(poi: POI) -> set[tuple[int, int]]:
    return {(v, s) for v, s, _ in poi.items()}


def test_every_body_disc_and_endplate_has_a_point() -> None:
    poi = compute_centroids(*final(plate_on_top=True))
    assert keys(poi) == {
        (23, 50),
        (23, 52),
        (23, 53),
        (23, 100),
        (24, 50),
        (24, 52),
        (24, 53),
        (24, 100),
        (26, 50),
        (26, 52),
    }
    assert poi[23, 50] == (6.0, FIRST + 2.5, 4.0)
    assert poi[23, 52] == (6.0, FIRST - 1, 4.0)
    assert poi[23, 53] == (6.0, FIRST + 6, 4.0)
    assert poi[23, 100] == (6.0, FIRST + 8.5, 4.0)
    assert poi[24, 52] == (6.0, FIRST + 11, 4.0)
    assert poi[24, 50] == (6.0, FIRST + PERIOD + 2.5, 4.0)


def test_bodies_only() -> None:
    poi = compute_centroids(*final(), points="bodies")
    assert keys(poi) == {(23, 50), (24, 50), (26, 50)}


def test_undecided_plates_have_a_point_of_their_own() -> None:
    spine, vert = final()
    array = spine.get_array()
    array[array == 53] = 62
    poi = compute_centroids(spine.set_array(array), vert)
    assert {(23, 62), (24, 62), (24, 52)} <= keys(poi)
    assert (23, 53) not in keys(poi)


def test_vertebrae_without_a_body_have_no_point() -> None:
    spine, vert = final()
    array = spine.get_array()
    array[(array == 49) & (vert.get_array() == 23)] = 41
    assert (23, 50) not in keys(compute_centroids(spine.set_array(array), vert))


@pytest.mark.parametrize("codes", [("R", "A", "S"), ("S", "P", "L")])
def test_points_are_on_the_grid_of_the_masks(codes: tuple[str, ...]) -> None:
    expected = compute_centroids(*final()).to_global()
    turned = compute_centroids(*final(codes=codes))
    assert turned.orientation == codes
    for vertebra, part, place in turned.to_global().items():
        np.testing.assert_allclose(place, expected[vertebra, part], atol=1e-3)


def test_the_file_is_read_back(tmp_path: Path) -> None:
    spine, vert = final()
    poi = compute_centroids(spine, vert)
    path = save_poi(poi, tmp_path / "new" / "ctd.json", {"source": "test", "models": {"0": {}}})
    header, places = json.loads(path.read_text())
    assert list(header) == [
        "direction",
        "zoom",
        "origin",
        "rotation",
        "shape",
        "format",
        "level_one_info",
        "level_two_info",
        "source",
        "models",
    ]
    assert header["format"] == "POI"
    assert header["level_one_info"] == header["level_two_info"] == "Any"
    assert list(places) == ["23", "24", "26"]
    assert list(places["23"]) == ["50", "53", "100"]
    again = POI.load(path)
    assert keys(again) == keys(poi)
    assert again.orientation == poi.orientation
    assert tuple(again.shape) == tuple(spine.shape)
    np.testing.assert_allclose(again.affine, spine.affine)
    for vertebra, part, place in poi.items():
        np.testing.assert_allclose(again[vertebra, part], place, atol=1e-6)
    assert again.info["source"] == "test"


def test_equal_points_give_equal_bytes_and_no_time(tmp_path: Path) -> None:
    poi = compute_centroids(*final())
    one = save_poi(poi, tmp_path / "a.json", {"version": "1"}).read_bytes()
    assert save_poi(poi, tmp_path / "b.json", {"version": "1"}).read_bytes() == one
    assert b"time" not in one
    stamped = save_poi(poi, tmp_path / "c.json", {"timestamp": "date-2026-1-2_time-3-4-5"})
    assert json.loads(stamped.read_text())[0]["timestamp"] == "date-2026-1-2_time-3-4-5"


def test_no_point_is_a_file_too(tmp_path: Path) -> None:
    spine, vert = final()
    poi = compute_centroids(spine * 0, vert * 0)
    assert len(poi) == 0
    path = save_poi(poi, tmp_path / "ctd.json")
    assert len(POI.load(path)) == 0


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        save_poi(compute_centroids(*final()), tmp_path / "file" / "ctd.json")
