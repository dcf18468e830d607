from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from TPTBox import NII

from spineps_nipype.reports.mosaic import draw_mosaic
from spineps_nipype.reports.mosaic_layout import KEY, ROWS, legends, read_layout

SHAPE = (60, 80, 25)  # posterior, inferior, left


def drawn(path: Path, spacing: float = 3.0) -> Path:
    """Mosaic of a vertebra with a dark spot far before it."""
    vert, spine = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    vert[40:50, 30:50, 5:20], spine[40:50, 30:50, 5:20] = 20, 49
    grey = np.full(SHAPE, 100, np.float32)
    grey[:5] = 0
    affine = np.array([[0, 0, -spacing, 0], [-2, 0, 0, 0], [0, -2, 0, 0], [0, 0, 0, 1.0]])
    parts = [NII.from_numpy(a, affine, s) for a, s in ((grey, 0), (spine, 1), (vert, 1))]
    return draw_mosaic(*parts, path)


def test_rows_are_the_image_alone_and_both_masks(tmp_path: Path) -> None:
    path = drawn(tmp_path / "m.png")
    layout = read_layout(path)
    assert layout is not None
    with Image.open(path) as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    assert pixels.shape[:2] == (layout.height, layout.width)
    middle = layout.panels[2]
    shares = {}
    for kind in ROWS:
        _, top, _, bottom = layout.row(kind)
        panel = pixels[top:bottom, middle.left : middle.left + middle.width]
        shares[kind] = (np.ptp(panel, axis=2) > 30).mean()
    assert shares["image"] == 0
    assert shares["vert"] > 0.05
    assert shares["spine"] > 0.05
    assert (layout.vert, layout.spine) == ([20], [49])
    assert dict(legends(layout))["vert"][0][0] == "L1"


def test_panels_show_what_is_near_the_masks(tmp_path: Path) -> None:
    """The image far before the vertebra is left out, none above and below it."""
    layout = read_layout(drawn(tmp_path / "m.png"))
    assert layout is not None
    shown = layout.panels[2].width / layout.panel_height
    assert shown == pytest.approx((10 + 16 + 10) / 80, abs=0.02)
    assert len({panel.width for panel in layout.panels[:-1]}) == 1


@pytest.mark.parametrize(
    ("spacing", "titles"),
    [
        (3.0, ["12 mm left", "6 mm left", "middle", "6 mm right", "12 mm right"]),
        (0.8, ["10 mm left", "6 mm left", "middle", "6 mm right", "10 mm right"]),
        (0.5, ["6 mm left", "middle", "6 mm right"]),
        (9.0, ["9 mm left", "middle", "9 mm right"]),
    ],
)
def test_slices_are_named_by_where_they_are(
    tmp_path: Path, spacing: float, titles: list[str]
) -> None:
    """A narrow image shows no slice twice, thick slices tell their true distance."""
    layout = read_layout(drawn(tmp_path / "m.png", spacing))
    assert layout is not None
    assert [panel.title for panel in layout.panels] == [
        *(f"sagittal, {title}" for title in titles),
        "coronal along the bodies",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"width": 10},
        {"tops": [0, 1]},
        {"tops": [0, 1, 10**9]},
        {"panels": []},
        {"panels": [{"title": "x", "left": -1, "width": 5}]},
        {"panels": [{"title": "x", "left": 0, "width": "5"}]},
        {"vert": None},
    ],
    ids=str,
)
def test_a_layout_that_does_not_fit_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    layout = read_layout(drawn(tmp_path / "m.png"))
    assert layout is not None
    said = json.loads(layout.as_text()) | change
    with Image.open(tmp_path / "m.png") as opened:
        info = PngInfo()
        info.add_text(KEY, json.dumps(said))
        opened.save(tmp_path / "odd.png", pnginfo=info)
    assert read_layout(tmp_path / "odd.png") is None


def test_pictures_without_a_layout(tmp_path: Path) -> None:
    Image.new("RGB", (5, 5)).save(tmp_path / "plain.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    for name in ("plain.png", "broken.png", "absent.png"):
        assert read_layout(tmp_path / name) is None
