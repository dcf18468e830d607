"""Pictures of a stored scan for its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spineps_nipype.bids.names import split_extension
from spineps_nipype.core.images import load_image
from spineps_nipype.core.marks import VOLUMES_MARK, is_marked
from spineps_nipype.errors import OutputError
from spineps_nipype.reports.mosaic import draw_mosaic
from spineps_nipype.reports.mosaic_layout import read_layout
from spineps_nipype.reports.thumbnail import shrink_picture
from spineps_nipype.reports.viewer import write_volumes

from .scans import StoredScan, subject_of
from .shown_masks import MASKS, shown_masks

FIGURES: Final = "figures"
THUMBNAIL_HEIGHT: Final = 160
"""Height of a small picture [pixels]; a page shows it at half of that."""


@dataclass(frozen=True)
class Pictures:
    """Files of the pictures of a scan, which may not be there."""

    mosaic: Path
    volumes: Path
    thumbnail: Path


def pictures_of(scan: StoredScan) -> Pictures:
    """Where the pictures of a stored scan lie."""
    return picture_paths(scan.root, scan.scan)


def picture_paths(root: Path, scan: Path) -> Pictures:
    """Where the pictures of a scan lie in an output folder."""
    folder, label = root / subject_of(scan) / FIGURES, split_extension(scan.name)[0]
    return Pictures(
        folder / f"{label}_mosaic.png",
        folder / f"{label}_volumes.js",
        folder / f"{label}_thumb.png",
    )


def draw_pictures(scan: StoredScan) -> None:
    """Draw mosaic and volumes, unless those that are there are younger than the masks.

    A mosaic that does not tell its layout is drawn again.

    Raises
    ------
    SpinepsError
        If image or masks cannot be read, or another program's picture has the name of one.
    """
    masks = [path for key, path in scan.files.items() if key in MASKS]
    pictures = pictures_of(scan)
    if not masks or not scan.scan.is_file():
        return
    drawn = (pictures.mosaic, pictures.volumes)
    for path in drawn:
        if path.is_file() and is_marked(path, VOLUMES_MARK) is False and path.stat().st_size:
            raise OutputError(
                "A file that this program did not write has the name of a picture.",
                file=path,
                remedy="Move it away; --reports-only draws the picture.",
            )
    if _younger(drawn, masks) and read_layout(pictures.mosaic):
        return
    image = load_image(scan.scan, average_4d=True)
    shown = shown_masks(scan.files, image)
    if shown is not None:
        draw_mosaic(image, *shown, pictures.mosaic)
        write_volumes(image, *shown, scan.label, pictures.volumes)


def draw_thumbnail(scan: StoredScan) -> Path | None:
    """Small copy of the snapshot, else of the mosaic; None if there is neither."""
    pictures = pictures_of(scan)
    large = scan.files.get("snap", pictures.mosaic)
    if large.is_file() and not _younger((pictures.thumbnail,), (large,)):
        layout = read_layout(pictures.mosaic) if large == pictures.mosaic else None
        box = layout.row("vert") if layout else None
        shrink_picture(large, pictures.thumbnail, THUMBNAIL_HEIGHT, box)
    return pictures.thumbnail if pictures.thumbnail.is_file() else None


def _younger(targets: Sequence[Path], sources: Sequence[Path]) -> bool:
    """Whether all targets are there, can be opened, and were written after all sources."""
    newest = max(path.stat().st_mtime for path in sources)
    return all(
        path.is_file() and path.stat().st_mtime >= newest and is_marked(path, VOLUMES_MARK)
        for path in targets
    )
