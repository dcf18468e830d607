"""Thumbnails of pictures for tables of many scans."""

from __future__ import annotations

from pathlib import Path

from ..core.files import whole_file
from ..core.marks import picture_options


def shrink_picture(
    source: Path, target: Path, height: int, box: tuple[int, int, int, int] | None = None
) -> Path:
    """Write a copy of a picture at most `height` pixels high; small pictures keep their size.

    Parameters
    ----------
    box
        Part of the picture: left, top, right and bottom [pixels]; None for all of it.
    """
    from PIL import Image

    with Image.open(source) as opened:
        picture = opened.convert("RGB").crop(box)
    if picture.height > height:
        width = max(round(picture.width * height / picture.height), 1)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    with whole_file(target) as temporary:
        picture.save(temporary, format="PNG", optimize=True, **picture_options(target))
    return target
