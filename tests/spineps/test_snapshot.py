"""The picture is drawn without a display and always with the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from TPTBox import POI

from spineps_nipype.spineps import snapshot
from spineps_nipype.spineps.centroids import compute_centroids
from spineps_nipype.spineps.discs import finalize_masks
from spineps_nipype.spineps.snapshot import _guide_points, draw_snapshot

from .blocks import FIRST, PERIOD, as_nii, spine_of_blocks

WHOLE = (slice(None), slice(None), slice(None))


@pytest.fixture(scope="module")
def scan():
    spine, vert = spine_of_blocks(4)
    vert = np.array([0, 21, 22, 23, 24], np.uint16)[vert]
    masks = finalize_masks(as_nii(spine), as_nii(vert), WHOLE)
    image = masks[0].set_array((spine * 4.0).astype(np.float32), seg=False)
    return image, *masks


def test_equal_input_gives_equal_bytes_with_nothing_but_our_mark(scan, tmp_path: Path) -> None:
    poi = compute_centroids(*scan[1:])
    paths = [draw_snapshot(*scan, poi, tmp_path / f"{i}.png", is_ct=False) for i in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as picture:
        assert picture.info == {"Software": "spineps_nipype"}
        assert np.asarray(picture).std() > 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.png", "1.png"]


def test_a_note_stands_below(scan, tmp_path: Path) -> None:
    poi = compute_centroids(*scan[1:])
    plain = draw_snapshot(*scan, poi, tmp_path / "a.png", is_ct=False)
    noted = draw_snapshot(*scan, poi, tmp_path / "b.png", is_ct=False, note="compact models")
    with Image.open(plain) as one, Image.open(noted) as two:
        assert two.width == one.width
        assert two.height > one.height
        above, band = np.split(np.asarray(two), [one.height])
        np.testing.assert_array_equal(above, np.asarray(one))
        assert band.min() < 50
        assert band.max() == 255


@pytest.mark.parametrize("points", ["none", "empty", "one"])
def test_few_points_do_not_stop_it(scan, tmp_path: Path, points: str) -> None:
    poi = None if points == "none" else compute_centroids(*scan[1:])
    if points == "empty":
        poi = compute_centroids(scan[1] * 0, scan[2] * 0)
    elif points == "one":
        poi = POI(
            {(21, 50): poi[21, 50]},
            orientation=poi.orientation,
            zoom=poi.zoom,
            shape=poi.shape,
            rotation=poi.rotation,
            origin=poi.origin,
        )
    path = draw_snapshot(*scan, poi, tmp_path / "s.png", is_ct=True)
    assert path.stat().st_size > 1000


def test_faint_images_are_seen(scan, tmp_path: Path) -> None:
    image = scan[0].set_array(scan[0].get_array() / 1e5)
    draw_snapshot(image, *scan[1:], None, tmp_path / "s.png", is_ct=False)
    with Image.open(tmp_path / "s.png") as picture:
        assert np.asarray(picture).max() > 200


def test_few_points_are_continued_straight_to_both_ends(scan) -> None:
    image, _, vert = scan
    poi = compute_centroids(*scan[1:], points="bodies")
    two = {(v, 50): poi[v, 50] for v in (22, 23)}
    guides = _guide_points(image, vert, poi.copy(two))
    assert guides[22, 50] == poi[22, 50]
    hidden = np.array([place for _, part, place in guides.items() if part != 50])
    assert set(hidden[:, 0]) == {6.0}
    assert set(hidden[:, 2]) == {4.0}
    assert hidden[:, 1].tolist() == sorted(np.linspace(0, image.shape[1] - 1, 7), reverse=True)
    four = {(v, 50): poi[v, 50] for v in (21, 22, 23, 24)}
    assert len(_guide_points(image, vert, poi.copy(four))) == 4


def test_few_points_cut_through_the_bodies(scan, tmp_path: Path) -> None:
    """Without any point the coronal panel shows bodies from top to bottom, not one slab."""
    draw_snapshot(*scan, None, tmp_path / "s.png", is_ct=False)
    with Image.open(tmp_path / "s.png") as picture:
        grey = np.asarray(picture.convert("L")).astype(int)
    first, count = FIRST, 4
    scale = grey.shape[0] / scan[0].shape[1]
    column = int(26 * scale + 4.5 * scale)  # the middle of the second panel
    rows = [int((first + PERIOD * k + 3) * scale) for k in range(count)]
    assert np.ptp(grey[rows, column]) <= 2
    assert grey[rows[0], column] > 50


def test_short_views_are_drawn_larger(scan, tmp_path: Path, monkeypatch) -> None:
    assert scan[0].shape[1] * scan[0].zoom[1] == 70
    heights = []
    for limit in (1.0, 200.0):
        monkeypatch.setattr(snapshot, "FULL_VIEW_MM", limit)
        draw_snapshot(*scan, None, tmp_path / "s.png", is_ct=False)
        with Image.open(tmp_path / "s.png") as picture:
            heights.append(picture.height)
    assert heights[1] / heights[0] == pytest.approx(200 / 70, rel=0.05)
