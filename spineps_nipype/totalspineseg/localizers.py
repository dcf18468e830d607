"""Matching of images with localizers.

A localizer is the labelled result of another scan in the same world space. Source: TotalSpineSeg
20251028, localizer-based labelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from glob import escape
from pathlib import Path
from typing import Final

ENDINGS: Final = (".nii.gz", ".nii")
PLACES: Final = ("*{}", "sub-*/anat/*{}", "sub-*/ses-*/anat/*{}")
"""Patterns of files within a folder; the braces stand for the end of the name."""


def case_name(path: str | Path) -> str:
    """File name without the ending of a NIfTI file and without a channel number."""
    name = Path(path).name
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name.removesuffix("_0000")


def find_localizers(where: str | Path, loc_suffix: str = "") -> list[Path]:
    """The given file, or the files of a folder whose names end with a suffix, sorted.

    Folders are searched directly and below ``anat`` of subjects and sessions.
    """
    where = Path(where)
    if where.is_file():
        return [where]
    found = {
        path
        for ending in ENDINGS
        for place in PLACES
        for path in where.glob(place.format(escape(loc_suffix) + ending))
    }
    return sorted(found)


def match_localizers(
    images: Iterable[str | Path],
    where: str | Path,
    *,
    suffixes: Sequence[str] = ("",),
    loc_suffix: str = "",
) -> dict[str, Path]:
    """Localizer of each image that has one.

    Parameters
    ----------
    images
        Image files.
    where
        A localizer for all images, or a folder with one for each image.
    suffixes
        Ends of image names; the first one that fits an image is used.
    loc_suffix
        End of localizer names, in place of that of the image.

    Returns
    -------
    dict
        Case name of an image to its localizer, for images that have one.
    """
    cases = [case_name(image) for image in images]
    if Path(where).is_file():
        return {case: Path(where) for case in cases}
    stems = {case_name(path): path for path in find_localizers(where, loc_suffix)}
    out: dict[str, Path] = {}
    for case in cases:
        suffix = next((s for s in suffixes if case.endswith(s)), None)
        if suffix is None:
            continue
        path = stems.get(case.removesuffix(suffix) + loc_suffix)
        if path is not None:
            out[case] = path
    return out
