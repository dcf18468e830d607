from __future__ import annotations

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from TPTBox import NII

from spineps_nipype.sc_epi.qc_mosaic import (
    draw_entry,
    entry_record,
    equalise_contrast,
    letter_places,
    mosaic,
    write_record,
)
from spineps_nipype.sc_epi.qc_views import extents, slice_centres, view_of

ZOOM = (0.6, 0.6, 3.0)


def volume(data: np.ndarray, seg: bool = True, zoom: tuple[float, ...] = ZOOM) -> NII:
    kind = np.uint8 if seg else np.float32
    return NII(nib.Nifti1Image(data.astype(kind), np.diag([*zoom, 1.0])), seg)


def cord(shape: tuple[int, int, int] = (60, 50, 8), size: int = 6) -> np.ndarray:
    """A cord at right 20, anterior 30."""
    mask = np.zeros(shape, np.uint8)
    mask[20 : 20 + size, 30 : 30 + size, 1:-1] = 1
    return mask


def grey(mask: np.ndarray) -> NII:
    noise = np.random.default_rng(1).random(mask.shape)
    return volume(mask * 50 + noise, seg=False)


def test_axial_tiles_run_from_superior_with_anterior_up() -> None:
    mask = cord()
    image = mask * 1.0
    image[..., -1] = 5
    view = view_of(volume(image, seg=False), volume(mask), "Axial")
    assert view.image.shape == (8, 50, 60)
    assert view.image[0].max() == pytest.approx(5)
    # Anterior 30 of 50 is row 50 - 1 - 30 from the top; right 20 stays: nibabel's R grows right.
    np.testing.assert_allclose(view.centres, [[50 - 1 - 32.5, 22.5]] * 8)
    assert view.radius == (15, 15)


def test_slices_without_mask_borrow_their_centre() -> None:
    mask = np.zeros((5, 9, 9), bool)
    mask[1, 2, 2] = mask[3, 6, 4] = True
    assert slice_centres(mask).tolist() == [[2, 2], [2, 2], [4, 3], [6, 4], [6, 4]]
    assert slice_centres(np.zeros((2, 3, 3), bool)).tolist() == [[0, 0]] * 2


def test_extents_are_last_minus_first() -> None:
    mask = np.zeros((3, 9, 9), bool)
    mask[1, 2:5, 3:8] = True
    assert extents(mask).tolist() == [[2, 4]]


def test_axial_radius_holds_the_mask() -> None:
    wide = cord(size=19)
    view = view_of(grey(wide), volume(wide), "Axial")
    assert view.radius == (15, 15)
    wider = np.zeros((60, 50, 8), np.uint8)
    wider[5:55, 10:20, 2:5] = 1
    assert view_of(grey(wider), volume(wider), "Axial").radius == (30, 30)
    # The original never looks at the mask, only at the crop mask, and per axis.
    original = view_of(grey(wider), volume(wider), "Axial", numerics="original")
    assert original.radius == (15, 15)
    cropped = view_of(
        grey(wider), volume(cord()), "Axial", crop=volume(wider), numerics="original"
    )
    assert cropped.radius == (15, int(49 * 1.2 // 2))


def test_a_crop_mask_limits_axial_slices() -> None:
    mask = cord((60, 50, 20))
    crop = np.zeros_like(mask)
    crop[20:26, 30:36, 8:10] = 1
    view = view_of(grey(mask), volume(mask), "Axial", crop=volume(crop))
    assert len(view.image) == len(view.mask) == 2 + 2 * 3


def test_sagittal_radius_does_not_change_places() -> None:
    mask = np.zeros((12, 40, 30), np.uint8)
    mask[5:7, 10:30, 5:25] = 1
    zoom = (3.0, 0.6, 0.6)
    args = volume(mask * 9, False, zoom), volume(mask, True, zoom), "Sagittal"
    crop = volume(mask, True, zoom)
    view = view_of(*args, crop=crop)
    assert view.image.shape == (2 + 2 * 2, 30, 40)
    # Rows are the height of the image; columns hold the mask: 20 // 2 + 2 // 2.
    assert view.radius == (15, 11)
    original = view_of(*args, crop=crop, numerics="original")
    assert original.radius == (20, 11)
    whole = view_of(*args)
    assert whole.radius == (15, 20)
    assert whole.centres[0].tolist() == [15, 20]


def test_many_sagittal_slices_are_cut_together(caplog: pytest.LogCaptureFixture) -> None:
    mask = np.zeros((50, 20, 20), np.uint8)
    mask[38:42, 5:9, 5:9] = 1
    zoom = (3.0, 0.6, 0.6)
    with caplog.at_level(logging.WARNING):
        view = view_of(volume(mask, False, zoom), volume(mask, True, zoom), "Sagittal")
    assert len(view.image) == len(view.mask) == 30
    assert view.mask.sum() == mask.sum()
    assert "30 around the mask" in caplog.text


def test_an_empty_crop_mask_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    mask = cord()
    with caplog.at_level(logging.WARNING):
        view = view_of(grey(mask), volume(mask), "Axial", crop=volume(0 * mask))
    assert len(view.image) == 8
    assert "empty" in caplog.text


def test_pixels_are_resampled_in_plane_only() -> None:
    mask = cord()
    zoom = (1.2, 1.2, 3.0)
    view = view_of(volume(mask, False, zoom), volume(mask, True, zoom), "Axial")
    assert view.image.shape == (8, 100, 120)
    assert view.mask.sum() == pytest.approx(4 * mask.sum(), rel=0.1)


def test_tiles_stand_in_rows() -> None:
    slices = np.arange(1, 8, dtype=float)[:, None, None] * np.ones((7, 200, 200))
    picture = mosaic(slices, np.full((7, 2), 100.0), (50, 100))
    assert picture.shape == (300, 600)
    assert picture[::100, ::200].tolist() == [[1, 2, 3], [4, 5, 6], [7, 0, 0]]
    # The original counts tiles by their height.
    assert mosaic(slices, np.full((7, 2), 100.0), (50, 100), numerics="original").shape[1] == 1200


def test_tiles_stay_inside() -> None:
    part = np.arange(100.0).reshape(1, 10, 10)
    tile = mosaic(part, np.array([[0.0, 9.0]]), (2, 3))[:4, :6]
    np.testing.assert_array_equal(tile, part[0, :4, 4:])
    large = mosaic(part, np.array([[5.0, 5.0]]), (8, 8))[:16, :16]
    np.testing.assert_array_equal(large[:10, :10], part[0])
    assert large[10:].sum() == 0


@given(
    rows=st.integers(4, 20),
    columns=st.integers(4, 20),
    count=st.integers(1, 5),
    radius=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_every_tile_is_a_part_of_its_slice(
    rows: int, columns: int, count: int, radius: tuple[int, int]
) -> None:
    slices = 1 + np.arange(count * rows * columns, dtype=float).reshape(count, rows, columns)
    centres = np.random.default_rng(rows).random((count, 2)) * (rows, columns)
    picture = mosaic(slices, centres, radius)
    height, width = 2 * radius[0], 2 * radius[1]
    for i in range(count):
        tile = picture[:height, i * width : (i + 1) * width]
        where = np.argwhere(slices[i] == tile[0, 0])[0]
        whole = slices[i][where[0] : where[0] + height, where[1] : where[1] + width]
        np.testing.assert_array_equal(tile, whole)


def test_contrast_keeps_the_size_and_constant_pictures() -> None:
    assert equalise_contrast(np.random.default_rng(0).random((37, 50))).shape == (37, 50)
    assert equalise_contrast(np.full((8, 8), 3.0)).tolist() == np.zeros((8, 8)).tolist()


def test_letters() -> None:
    assert letter_places("Axial", (15, 15)) == {
        "A": (12, 6),
        "P": (12, 28),
        "L": (0, 17),
        "R": (24, 17),
    }
    assert list(letter_places("Sagittal", (15, 15))) == ["S", "I", "P", "A"]


@pytest.mark.parametrize("plane", ["Axial", "Sagittal"])
def test_pictures(tmp_path: Path, plane: str) -> None:
    mask = cord()
    view = view_of(grey(mask), volume(mask), plane)  # type: ignore[arg-type]
    paths = draw_entry(view, tmp_path)
    assert [p.name for p in paths] == ["background_img.png", "overlay_img.png"]
    background, overlay = (np.asarray(Image.open(p)) for p in paths)
    assert background.shape == overlay.shape
    assert background.shape[1] == 1500
    opaque = overlay[..., 3] > 0
    assert opaque.any()
    assert (overlay[opaque][:, :3] == (255, 0, 0)).all()
    before = [p.read_bytes() for p in paths]
    assert [p.read_bytes() for p in draw_entry(view, tmp_path)] == before


def test_record(tmp_path: Path) -> None:
    record = entry_record(
        folder="d/s/func/sct_deepseg/t",
        date="2026-01-02 03:04:05",
        names={"dataset": "d", "subject": "s", "contrast": "func"},
        input_file="x.nii.gz",
        plane="Axial",
        command="spineps-sc-epi -i x.nii.gz",
        version="1",
    )
    stored = json.loads(write_record(record, tmp_path / "qc.json").read_text())
    assert list(stored) == [
        "path",
        "cmdline",
        "command",
        "sctVersion",
        "dataset",
        "subject",
        "contrast",
        "inputFile",
        "plane",
        "backgroundImage",
        "overlayImage",
        "date",
        "rank",
        "qc",
    ]
    assert stored["overlayImage"] == "d/s/func/sct_deepseg/t/overlay_img.png"
