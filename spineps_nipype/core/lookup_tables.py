"""Label tables in the formats of viewers, so that masks open with names and colours.

ITK-SNAP reads label descriptions, 3D Slicer colour tables (``.ctbl``), FreeView and the other
programs of FreeSurfer lookup tables in the manner of ``FreeSurferColorLUT.txt``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .labels import COLUMNS, Label

TABLE_END: Final = "_dseg.tsv"
OPAQUE: Final = 255


def table_files(name: str, labels: Sequence[Label]) -> dict[str, str]:
    """Label table of BIDS and lookup tables of viewers: file name to text.

    Parameters
    ----------
    name
        Name of the table of BIDS, which ends with ``_dseg.tsv``; the others begin like it.
    labels
        Its rows.
    """
    stem = name.removesuffix(TABLE_END)
    return {
        name: bids_table(labels),
        f"{stem}_itksnap.txt": itksnap_table(labels),
        f"{stem}_slicer.ctbl": slicer_table(labels),
        f"{stem}_freesurfer.txt": freesurfer_table(labels),
    }


def bids_table(labels: Sequence[Label]) -> str:
    """Tab-separated table with the columns index, name, abbreviation, color and mapping."""
    rows = ["\t".join(label.row[column] for column in COLUMNS) for label in labels]
    return "\n".join(["\t".join(COLUMNS), *rows]) + "\n"


def itksnap_table(labels: Sequence[Label]) -> str:
    """Label descriptions of ITK-SNAP: index, colour, opacity, visible, mesh, name."""
    head = "# ITK-SNAP label descriptions\n# IDX R G B A VIS MSH LABEL\n"
    clear = '0 0 0 0 0 0 0 "Clear Label"\n'
    rows = (f'{x.index} {_rgb(x)} 1 1 1 "{x.name}"\n' for x in _foreground(labels))
    return head + clear + "".join(rows)


def slicer_table(labels: Sequence[Label]) -> str:
    """Colour table of 3D Slicer: index, name without spaces, colour, opacity."""
    shown = _foreground(labels)
    head = f"# Color table file\n# {len(shown) + 1} values\n0 Background 0 0 0 0\n"
    return head + "".join(f"{x.index} {_word(x.name)} {_rgb(x)} {OPAQUE}\n" for x in shown)


def freesurfer_table(labels: Sequence[Label]) -> str:
    """Lookup table of FreeSurfer: index, name without spaces, colour, transparency."""
    head = "#No. Label Name: R G B A\n0 Unknown 0 0 0 0\n"
    return head + "".join(f"{x.index} {_word(x.name)} {_rgb(x)} 0\n" for x in _foreground(labels))


def _foreground(labels: Sequence[Label]) -> list[Label]:
    """Labels without the background, by number."""
    return sorted((x for x in labels if x.index), key=lambda x: x.index)


def _rgb(label: Label) -> str:
    return " ".join(map(str, label.colour))


def _word(name: str) -> str:
    """A name in one word: these formats are split at spaces."""
    return "_".join(name.split())
