"""Marks by which files of this program are told from those of others, even without their record.

Images carry the mark in their header, pictures in their metadata, pages and scripts in their text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

MARK: Final = "spineps_nipype"
PAGE_MARK: Final = f'<meta name="generator" content="{MARK}">'
"""Stands near the start of every page."""
VOLUMES_MARK: Final = "(window.spinepsScans"
"""Start of the scripts that pages load volumes from."""
HEAD: Final = 4096
"""Part of a text in which its mark stands [bytes]."""
IMAGES: Final = (".nii.gz", ".nii")
PICTURES: Final = (".png", ".jpg")


def mark_image(image: Any) -> None:
    """Name this program in the description of a NIfTI header."""
    image.header["descrip"] = MARK


def picture_options(path: Path) -> dict[str, Any]:
    """Arguments of Pillow with which a picture of this name is saved: its metadata."""
    if path.name.removesuffix(".part").endswith(".jpg"):
        return {"comment": MARK.encode()}
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Software", MARK)
    return {"pnginfo": text}


def is_marked(path: Path, text: str = "") -> bool | None:
    """Whether a file carries the mark; None if it cannot be opened as what its name says.

    Parameters
    ----------
    path
        The file, which is there.
    text
        Mark of a text file.
    """
    if path.name.endswith(IMAGES):
        return _image_is_marked(path)
    if path.name.endswith(PICTURES):
        return _picture_is_marked(path)
    if not text:
        return False
    with path.open("rb") as stream:
        return text.encode() in stream.read(HEAD)


def _image_is_marked(path: Path) -> bool | None:
    from ..errors import InputError
    from .nifti_files import read_stored_header  # imports nibabel

    try:
        said = read_stored_header(path)["descrip"].item()
    except InputError:
        return None
    return bytes(said).startswith(MARK.encode())


def _picture_is_marked(path: Path) -> bool | None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            said = picture.info
            picture.verify()
    except Exception:  # whatever a damaged file makes Pillow raise
        return None
    return said.get("Software") == MARK or said.get("comment") == MARK.encode()
