"""Files at the root of an output folder, which other programs may share: ours are known by digest.

Before a file is written its digest goes into a list in the logs, so a file that is not in the list
was written, or changed, by somebody else; it is left alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from .files import file_digest, make_folder, read_json, write_text
from .locks import held

logger = logging.getLogger(__name__)

LOGS: Final = "logs"
LIST: Final = ".own_files.json"
LOCK: Final = ".dataset_description.lock"


def is_own(root: Path, path: Path) -> bool:
    """Whether a file is absent or empty, or was written by this program as it is now."""
    if not path.is_file() or not path.stat().st_size:
        return True
    known = read_json(root / LOGS / LIST).get(path.relative_to(root).as_posix())
    return isinstance(known, list) and file_digest(path) in known


class OwnFiles:
    """Writes files at the root of an output folder; see `own_files`.

    Parameters
    ----------
    root
        The output folder.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._logs = root, root / LOGS

    def write(self, path: Path, text: str) -> bool:
        """Write a text file whole, unless another program's file has its name; False then.

        Nothing is written where the same content is there already.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        digest = hashlib.sha256(text.encode()).hexdigest()
        there = file_digest(path) if path.is_file() else None
        if there == digest:
            return True
        if not is_own(self._root, path):
            logger.warning("%s was not written by this program, or was changed; it stays", path)
            return False
        name = path.relative_to(self._root).as_posix()
        known: dict[str, Any] = read_json(self._logs / LIST)
        known[name] = [d for d in (there, digest) if d]
        write_text(self._logs / LIST, json.dumps(known, indent=1, sort_keys=True) + "\n")
        write_text(path, text)
        return True


@contextmanager
def own_files(root: Path) -> Iterator[OwnFiles]:
    """Write files at the root of an output folder, while no other process does.

    Raises
    ------
    OutputError, LockBusyError
        If the folder cannot be written, or another process writes for long.
    """
    make_folder(root / LOGS)
    with held(root / LOGS / LOCK):
        yield OwnFiles(root)
