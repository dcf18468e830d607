"""Results put into their places, so that a stopped run never leaves one with a foreign record.

The record comes before the result that it speaks of. Where an older result is replaced, the record
names both until the new one is there; whoever reads such a record makes the result again.
"""

from __future__ import annotations

import filecmp
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from spineps_nipype.core.files import (
    copy_whole,
    file_digest,
    read_json,
    remove_file,
    set_aside,
)

from .proof import is_intact
from .sidecar import (
    JSON,
    PROVENANCE,
    REPLACES,
    has_sidecar,
    read_record,
    result_digest,
    sidecar_of,
    write_json,
)

logger = logging.getLogger(__name__)

STORED_FILES: Final = ".stored.json"
"""Name of the list of what was stored in a folder whose files have no sidecars."""
FILES: Final = "Files"


def store_results(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Copy results, and sidecars among them, to their places; what is there already stays.

    A file that is there and is not what its record says (a correction by a reader, a damaged
    file) is kept beside under another name.

    Parameters
    ----------
    pairs
        Made file and its place.

    Raises
    ------
    OutputError
        If a place cannot be written.
    """
    made = {target: source for source, target in pairs}
    paired = {sidecar_of(t) for t in made if has_sidecar(t) and sidecar_of(t) in made}
    for target, source in made.items():
        if target in paired:
            continue
        sidecar = sidecar_of(target)
        if has_sidecar(target) and sidecar in paired:
            _store_with_sidecar(source, target, made[sidecar], sidecar)
        else:
            if target.suffix == JSON:
                _make_room(source, target)
            copy_whole(source, target)


def store_folder(made: Iterable[Path], folder: Path) -> list[Path]:
    """Copy results into a folder under their own names, and delete those of a former run.

    A list in the folder names what was stored, with digests. Only a file that it names and that
    has not changed since is deleted or replaced; a file of another program, or one that was
    edited, is kept: beside under another name where its name is needed.

    Parameters
    ----------
    made
        Files, whose names differ.
    folder
        Their folder, which need not exist.

    Returns
    -------
    list of Path
        The stored files.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    sources = {path.name: path for path in made}
    index = folder / STORED_FILES
    before = _stored_files(index)
    new = {name: [file_digest(path)] for name, path in sources.items()}
    ours = {name for name, digests in before.items() if _is_one_of(folder / name, digests)}
    for name, digests in new.items():
        target = folder / name
        if target.is_file() and name not in ours and not _is_one_of(target, digests):
            _set_aside(target)
    if new != before:  # whenever a run dies, the list names what it has stored, old or new
        both = {name: [*before.get(name, ()), *new.get(name, ())] for name in {*ours, *new}}
        write_json(index, {FILES: both})
    for name, source in sources.items():
        copy_whole(source, folder / name)
    for name in ours - set(new):
        remove_file(folder / name)
    if new != before:
        write_json(index, {FILES: new})
    return [folder / name for name in sources]


def _stored_files(index: Path) -> dict[str, list[str]]:
    """Digests that the files of a folder may have, by their names; nothing without a list."""
    files = read_json(index).get(FILES)
    if not isinstance(files, dict):
        return {}
    return {
        name: digests
        for name, digests in files.items()
        if isinstance(digests, list) and name == Path(name).name and name not in ("", "..")
    }


def _is_one_of(path: Path, digests: list[str]) -> bool:
    return path.is_file() and file_digest(path) in digests


def _store_with_sidecar(source: Path, target: Path, described: Path, sidecar: Path) -> None:
    """A result and its sidecar, so that no pair of an old and a new one is ever believed."""
    _make_room(source, target)
    if sidecar.is_file() and read_record(sidecar) is None:
        set_aside(sidecar)
    if not target.is_file():
        copy_whole(described, sidecar)
    elif not _same(source, target):
        content = json.loads(described.read_text(encoding="utf-8"))
        content[PROVENANCE][REPLACES] = result_digest(target)
        write_json(sidecar, content)
    copy_whole(source, target)
    copy_whole(described, sidecar)


def _make_room(source: Path, target: Path) -> None:
    """Keep what is no result of a run when a result takes its place."""
    if target.is_file() and not _same(source, target) and not is_intact(target):
        _set_aside(target)


def _set_aside(target: Path) -> None:
    kept = set_aside(target)
    if kept is not None:
        logger.warning("%s had been changed or damaged; it is kept as %s", target, kept.name)


def _same(source: Path, target: Path) -> bool:
    return filecmp.cmp(source, target, shallow=False)
