"""Pictures that never cost a scan its results: where one cannot be drawn, it says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import SpinepsError
from .files import whole_file

logger = logging.getLogger(__name__)

SIZE: Final = (640, 120)
"""Width and height of a picture of words [pixels]."""
FONT_SIZE: Final = 16
MARGIN: Final = 20
FORMATS: Final = {".jpg": "JPEG", ".png": "PNG"}


def draw_or_say(draw: Callable[[Path], Any], path: str | Path) -> Path:
    """Draw a picture, or write one that says that it could not be drawn.

    Faults of disk and memory, and those that have words for the user, are passed on.

    Parameters
    ----------
    draw
        Writes the picture to a path.
    path
        Where it goes; .png or .jpg.
    """
    path = Path(path)
    draw_all_or_say(lambda: draw(path), [path])
    return path


def draw_all_or_say(draw: Callable[[], Any], paths: Sequence[Path]) -> None:
    """Draw several pictures that belong together; see `draw_or_say`."""
    try:
        draw()
    except (SpinepsError, OSError, MemoryError):
        raise
    except Exception as fault:
        logger.warning("%s could not be drawn", paths[0].name, exc_info=True)
        for path in paths:
            say(f"This picture could not be drawn\n({type(fault).__name__}).", path)


def say(words: str, path: Path) -> None:
    """Write a picture of words; equal words give equal bytes."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", SIZE, "white")
    font = ImageFont.load_default(FONT_SIZE)
    ImageDraw.Draw(picture).text((MARGIN, MARGIN), words, fill="black", font=font)
    with whole_file(path) as temporary:
        picture.save(temporary, format=FORMATS[path.suffix])
