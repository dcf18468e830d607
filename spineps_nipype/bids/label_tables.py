"""The BIDS look-up tables of both masks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..core.anatomy import (
    DISC_OFFSET,
    ENDPLATE_OFFSET,
    SPINE_NAMES,
    VERTEBRA_NAMES,
)
from ..core.files import whole_file

SPINE_TABLE: Final = "seg-spine_dseg.tsv"
VERTEBRA_TABLE: Final = "seg-vert_dseg.tsv"


def vertebra_mask_names() -> dict[int, str]:
    """Names of all labels of the vertebra mask: vertebrae, discs, endplates."""
    names = dict(VERTEBRA_NAMES)
    for number, name in VERTEBRA_NAMES.items():
        names[DISC_OFFSET + number] = f"Disc_below_{name}"
        names[ENDPLATE_OFFSET + number] = f"Endplates_below_{name}"
    return dict(sorted(names.items()))


def table_text(names: dict[int, str]) -> str:
    """Table with the columns index and name."""
    rows = [f"{number}\t{name}" for number, name in sorted(names.items())]
    return "\n".join(["index\tname", *rows]) + "\n"


def write_label_tables(out_dir: str | Path) -> list[Path]:
    """Write both tables into the output folder; files that are right already are left alone."""
    written: list[Path] = []
    for file_name, names in ((SPINE_TABLE, SPINE_NAMES), (VERTEBRA_TABLE, vertebra_mask_names())):
        path, text = Path(out_dir) / file_name, table_text(names)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            with whole_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        written.append(path)
    return written
