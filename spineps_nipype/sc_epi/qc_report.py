"""Reports for quality control: entries on disk, and a page that lists them in a browser.

Files and keys are those of the Spinal Cord Toolbox 7.0, so that its tools can read them; the page
is ours and needs no network. Source: Spinal Cord Toolbox 7.0, quality control reports.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from ..core.files import (
    copy_whole,
    make_folder,
    read_json,
    remove_file,
    remove_folder,
    write_text,
)
from ..core.locks import held
from ..core.safe_names import safe_below, safe_name
from .naming import QcNames
from .qc_mosaic import BACKGROUND, OVERLAY, entry_record, write_record
from .settings import Plane

COMMAND_FOLDER: Final = "sct_deepseg"
RECORDS: Final = "_json"
DATASETS: Final = Path("js", "datasets.js")
PAGE: Final = "index.html"
LOCK: Final = ".qc.lock"
SAME_ENTRY: Final = ("dataset", "subject", "contrast", "inputFile", "plane")
"""Keys that are equal in all entries of an image."""


def add_entry(
    root: str | Path,
    background: str | Path,
    overlay: str | Path,
    *,
    names: QcNames,
    input_file: str,
    plane: Plane,
    command: str,
    version: str,
    when: datetime,
    replace: bool = False,
) -> Path:
    """Add the pictures of an image to a report, and update its page.

    Several processes may do so at the same time.

    Parameters
    ----------
    root
        Folder of the report; created if it does not exist.
    background, overlay
        Pictures of `draw_entry`.
    names
        Data set, subject and contrast.
    input_file
        Name of the image.
    command, version
        Command, and version of the program, that made the mask.
    when
        Time of the entry; if it is taken, the next free microsecond is used.
    replace
        Remove earlier entries of the same image.

    Returns
    -------
    Path
        Page of the report.
    """
    root = Path(root)
    make_folder(root)
    with held(root / LOCK):
        stamp = _free_stamp(root, when)
        folder = Path(*(p for p in _parts(names)), COMMAND_FOLDER, stamp)
        record = entry_record(
            folder=folder.as_posix(),
            date=when.strftime("%Y-%m-%d %H:%M:%S"),
            names={
                "dataset": names.dataset,
                "subject": names.subject,
                "contrast": names.contrast,
            },
            input_file=input_file,
            plane=plane,
            command=command,
            version=version,
            cwd=str(Path.cwd()),
        )
        if replace:
            _remove_same(root, record)
        copy_whole(background, root / folder / BACKGROUND)
        copy_whole(overlay, root / folder / OVERLAY)
        write_record(record, root / RECORDS / f"qc_{stamp}.json")
        return refresh(root)


def refresh(root: str | Path) -> Path:
    """Write the page of a report anew from its entries; marks of readers are kept."""
    root = Path(root)
    entries = [read_json(path) for path in sorted((root / RECORDS).glob("qc_*.json"))]
    kept = [entry for entry in entries if entry]
    text = (
        f"window.SCT_QC_UUID = {json.dumps(_uuid(root))};\n"
        f"window.SCT_QC_DATASETS = {json.dumps(kept, indent=1)};\n"
    )
    write_text(root / DATASETS, text)
    template = files("spineps_nipype") / "data" / "epi_qc" / PAGE
    write_text(root / PAGE, template.read_text(encoding="utf-8"))
    return root / PAGE


def _parts(names: QcNames) -> list[str]:
    """Folders of an entry; characters that do not fit into names are replaced."""
    words = (names.dataset, names.subject, names.contrast)
    return [safe_name(word, "none") for word in words]


def _free_stamp(root: Path, when: datetime) -> str:
    """Time stamp that no entry has."""
    stamp = when
    while (root / RECORDS / f"qc_{stamp:%Y_%m_%d_%H%M%S.%f}.json").exists():
        stamp = stamp.replace(microsecond=(stamp.microsecond + 1) % 1_000_000)
    return f"{stamp:%Y_%m_%d_%H%M%S.%f}"


def _remove_same(root: Path, record: Mapping[str, str]) -> None:
    """Remove earlier entries of the same image with their pictures."""
    for path in (root / RECORDS).glob("qc_*.json"):
        entry = read_json(path)
        if entry and all(entry.get(key) == record[key] for key in SAME_ENTRY):
            place = safe_below(str(entry.get("backgroundImage", "")))
            folder = root if place is None else (root / place).parent
            if root.resolve() in folder.resolve().parents:
                remove_folder(folder)
            remove_file(path)


def _uuid(root: Path) -> str:
    """Id under which a browser stores the marks of a reader; it is generated once."""
    try:
        first = (root / DATASETS).read_text(encoding="utf-8").splitlines()[0]
        return str(json.loads(first.partition("=")[2].strip(" ;")))
    except (OSError, ValueError, IndexError, RecursionError):
        return str(uuid.uuid4())
