"""Names of result files, and of entries of quality control.

Source: Spinal Cord Toolbox 7.0, output names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import InputError
from .settings import Numerics
from .upstream import upstream

SUFFIXES: Final = (".nii.gz", ".nii")


def output_paths(
    inputs: Sequence[Path],
    suffixes: Sequence[str],
    stated: str | Path | None = None,
    *,
    numerics: Numerics = "corrected",
) -> list[list[Path]]:
    """Paths of the results: for each image, one for each output.

    Parameters
    ----------
    inputs
        Images.
    suffixes
        Outputs of the model, such as ``_seg``.
    stated
        Name given by the user, with or without extension.
    numerics
        Corrected: each image has names of its own, and a missing extension is added. Under
        ``original`` all images share the names of the first one, and no extension is added.

    Raises
    ------
    InputError
        If two corrected names are equal.
    """
    corrected = not upstream(numerics).first_name_for_all
    several = len(inputs) * len(suffixes) > 1
    out = []
    for image in inputs:
        row = []
        for suffix in suffixes:
            if stated is None:
                source = image if corrected else inputs[0]
                row.append(source.with_name(f"{stem_of(source)}{suffix}.nii.gz"))
            else:
                alone = not several
                name = "" if alone else suffix
                row.append(_stated(Path(stated), image, name, corrected, len(inputs) > 1))
        out.append(row)
    flat = [path for row in out for path in row]
    if corrected and len(set(flat)) != len(flat):
        raise InputError(
            "Several results would have the same name.",
            file=next(p for p in flat if flat.count(p) > 1),
            remedy="Give images with different names, or run them one by one.",
        )
    return out


def _stated(stated: Path, image: Path, suffix: str, corrected: bool, several_images: bool) -> Path:
    """Path of a result under the name that the user has given."""
    extension = next((e for e in SUFFIXES if stated.name.endswith(e)), "")
    stem = stated.name.removesuffix(extension)
    if corrected:
        extension = extension or ".nii.gz"
        if several_images:
            stem = f"{stem}_{stem_of(image)}"
    return stated.with_name(f"{stem}{suffix}{extension}")


def stem_of(path: Path) -> str:
    """Name of an image without its extension."""
    for extension in SUFFIXES:
        if path.name.endswith(extension):
            return path.name.removesuffix(extension)
    return path.stem


@dataclass(frozen=True)
class QcNames:
    """Names under which an entry is listed in the report."""

    dataset: str
    subject: str
    contrast: str


def qc_names(image: Path, dataset: str = "", subject: str = "") -> QcNames:
    """Names of an entry: the given ones, else those of the three folders above the image.

    The contrast is the folder of the image, the subject the one above it, and the data set the
    next.
    """
    folders = [p.name for p in image.absolute().parents]
    folders += [""] * 3
    return QcNames(dataset or folders[2], subject or folders[1], folders[0])
