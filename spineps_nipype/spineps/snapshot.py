"""Picture of the results: image, vertebrae and structures along the curve of the spine."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from TPTBox import POI

from ..core.anatomy import CORPUS
from ..core.files import whole_file
from ..core.marks import picture_options
from ..core.volume import Volume, make_volume

NOTE_FONT_SIZE: Final = 14
"""Pixels."""
NOTE_MARGIN: Final = 6
"""Pixels around the note."""
SMALL_RANGE: Final = 1000.0
"""Largest value to which images with a smaller one are scaled: panels hold whole numbers."""
LARGE_RANGE: Final = 1e6
"""Images with larger values are scaled to the same, as colours are counted in few bytes."""
SMALLEST_RANGE: Final = 1e-6
FULL_VIEW_MM: Final = 200.0
"""Shorter scans are drawn larger, so that names do not overlap."""
MAX_SCALE: Final = 4.0
"""Largest factor by which they are enlarged."""
FEW_POINTS: Final = 3
"""Number of bodies up to which the cut needs further points to be straight."""
HIDDEN_POINTS: Final = 7
"""Number of these further points."""
PNG_LEVEL: Final = 3
"""Level of compression: half the time of the usual one for a file of the same size."""
HIDDEN_REGION, HIDDEN_PART = 0, 200
"""Keys of points that only guide the cut: numbers of no vertebra and no part."""


def draw_snapshot(
    image: Volume,
    spine: Volume,
    vert: Volume,
    poi: POI | None,
    out_path: str | Path,
    *,
    is_ct: bool,
    note: str = "",
) -> Path:
    """Draw three pairs of sagittal and coronal panels: image, vertebra mask, semantic mask.

    Equal input gives equal bytes (given the same version of matplotlib and its fonts). No display
    is needed.

    Parameters
    ----------
    image, spine, vert
        Image and final masks on the same grid.
    poi
        Points of the vertebral bodies, along which the image is cut; beyond them the cut is
        straight.
    is_ct
        Show grey values in a CT window.
    note
        Line of text below the picture.
    """
    out_path = Path(out_path)
    image, spine, vert = _enlarged(image, spine, vert)
    points = _guide_points(image, vert, poi)
    shared = {
        "image": _stretched(image),
        "centroids": points,
        "sagittal": True,
        "coronal": True,
        "mode": "CT" if is_ct else "MRI",
        "cor_savgol_filter": True,
        "show_these_subreg_poi": [CORPUS],
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # TPTBox uses functions that matplotlib is going to rename, and warns of every sacrum.
        warnings.simplefilter("ignore")
        _use_file_backend()
        from TPTBox.spine.snapshot2D.snapshot_modular import Snapshot_Frame, create_snapshot

        frames = [
            Snapshot_Frame(**shared, segmentation=vert, hide_segmentation=True),
            Snapshot_Frame(**shared, segmentation=vert),
            Snapshot_Frame(**shared, segmentation=spine),
        ]
        drawn = Path(folder) / "snapshot.tif"  # not compressed, unlike PNG
        with contextlib.redirect_stdout(io.StringIO()):
            create_snapshot(str(drawn), frames)
        pixels = _read(drawn)
    with whole_file(out_path) as temporary:
        _write(pixels, note, temporary)
    return out_path


def _use_file_backend() -> None:
    """Draw without a display, unless matplotlib is in use with another backend already."""
    if "matplotlib.pyplot" not in sys.modules:
        import matplotlib

        matplotlib.use("Agg")


def _enlarged(*images: Volume) -> list[Volume]:
    """The same voxels with a larger spacing if the scan is short."""
    first = images[0]
    axis = _height_axis(first)
    height = first.shape[axis] * float(first.zoom[axis])
    scale = min(max(FULL_VIEW_MM / height, 1.0), MAX_SCALE)
    grow = np.diag([scale, scale, scale, 1.0])
    return [make_volume(i.get_array(), grow @ i.affine, seg=i.seg) for i in images]


def _height_axis(image: Volume) -> int:
    return next(i for i, code in enumerate(image.orientation) if code in "SI")


def _guide_points(image: Volume, vert: Volume, poi: POI | None) -> POI:
    """Points of the bodies, and hidden ones if there are few bodies.

    TPTBox cuts obliquely through three points or fewer, from the top front to the bottom back, so
    a short piece of spine is continued straight to both ends of the image.
    """
    places = {} if poi is None else {(v, p): c for v, p, c in poi.items() if p == CORPUS}
    if len(places) <= FEW_POINTS:
        places |= _straight_ends(image, vert, list(places.values()))
    return POI(
        places,
        orientation=image.orientation,
        zoom=image.zoom,
        shape=image.shape,
        rotation=image.rotation,
        origin=image.origin,
    )


def _straight_ends(
    image: Volume, vert: Volume, bodies: list[tuple[float, float, float]]
) -> dict[tuple[int, int], tuple[float, float, float]]:
    """Hidden points from the bottom to the top of the image, through the bodies."""
    if not bodies:
        inside = np.nonzero(vert.get_array())
        middle = [a.mean() if a.size else n / 2 for a, n in zip(inside, image.shape, strict=True)]
        bodies = [(middle[0], middle[1], middle[2])]
    axis = _height_axis(image)
    known = np.array(sorted(bodies, key=lambda place: place[axis]))
    heights = np.linspace(0, image.shape[axis] - 1, HIDDEN_POINTS)
    points = np.stack([np.interp(heights, known[:, axis], known[:, i]) for i in range(3)], axis=1)
    points[:, axis] = heights
    if image.orientation[axis] == "I":
        points = points[::-1]
    # With the lowest point first, TPTBox sorts all points by height.
    return {
        (HIDDEN_REGION, HIDDEN_PART + i): (float(p[0]), float(p[1]), float(p[2]))
        for i, p in enumerate(points)
    }


def _stretched(image: Volume) -> Volume:
    """The image in whole numbers, as the panels need them; odd ranges are scaled."""
    array = image.get_array()
    top = float(np.abs(array).max(initial=0))
    if not SMALL_RANGE <= top <= LARGE_RANGE:
        array = array * (SMALL_RANGE / max(top, SMALLEST_RANGE))
    return image.set_array(np.rint(array).astype(np.float32))


def _read(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _write(pixels: NDArray[np.uint8], note: str, path: Path) -> None:
    """Write a PNG with our mark as its only metadata, with the note on a band below."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(pixels)
    if note:
        font = ImageFont.load_default(NOTE_FONT_SIZE)
        band = NOTE_FONT_SIZE + 2 * NOTE_MARGIN
        wide = Image.new("RGB", (picture.width, picture.height + band), "white")
        wide.paste(picture, (0, 0))
        ImageDraw.Draw(wide).text(
            (NOTE_MARGIN, picture.height + NOTE_MARGIN // 2), note, fill="black", font=font
        )
        picture = wide
    picture.save(path, format="PNG", compress_level=PNG_LEVEL, **picture_options(path))
