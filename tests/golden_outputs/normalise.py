"""What differs from machine to machine or from run to run, replaced by a word for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from spineps_nipype.core.files import file_digest

from .words import NEUTRAL

DIGEST: Final = re.compile(r"\b[0-9a-f]{64}\b")
SHORT_DIGEST: Final = re.compile(r"\b[0-9a-f]{8}\b")
VERSIONED: Final = re.compile(r"(?<=[Nn]ipype )\d+(?:\.\w+)+(?:\+\w+)?")
BUILD: Final = re.compile(r"(?<=torch )(\d[\w.]*)\+\w+")
"""Version of torch with its build, for the processor alone or for GPUs."""
WORKFLOW: Final = re.compile(r"(?<=spineps_)\d+_\d+(?=_wf)")
CLOCK: Final = re.compile(r"\d{4}(?:-\d{2}){2}(?: |_time-)\d{2}(?:[:-]\d{2}){2}")
IDENTIFIER: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
MOMENT: Final = re.compile(r"\d{4}_\d{2}_\d{2}_\d{6}\.\d+")
"""Time in the name of a file."""


class Normaliser:
    """Replaces absolute paths, versions and digests.

    A digest is replaced by the name of the file that has it, so that the table proves which file
    a sidecar speaks of, and bytes may differ with the build of zlib.

    Parameters
    ----------
    root
        Folder that everything of a case lies in.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str] = {}
        self._moments: list[str] = []

    def know(self, digest: str, name: str) -> None:
        """Call a digest by a name; the first name stays."""
        self._known.setdefault(digest, name)

    def know_files(self, files: Iterable[Path], note: str = "") -> None:
        """Call the digests of files by their paths below the root."""
        for path in files:
            self.know(file_digest(path), path.relative_to(self._root).as_posix() + note)

    def know_moments(self, names: Iterable[str]) -> None:
        """Number the times in the names of files."""
        found = {moment for name in names for moment in MOMENT.findall(name)}
        self._moments = sorted({*self._moments, *found})

    def know_bytes(self, content: bytes, path: Path, note: str) -> None:
        """Call the digest of what a file held by its path."""
        digest = hashlib.sha256(content).hexdigest()
        self.know(digest, path.relative_to(self._root).as_posix() + note)

    def __call__(self, text: str) -> str:
        """Text with neutral words."""
        text = text.replace(str(self._root), "<lab>")
        text = DIGEST.sub(lambda found: self._name(found[0]), text)
        text = SHORT_DIGEST.sub(lambda found: self._short(found[0]), text)
        for moving in (VERSIONED, WORKFLOW):
            text = moving.sub("<version>", text)
        text = BUILD.sub(r"\1", text)
        text = IDENTIFIER.sub("<identifier>", CLOCK.sub("<time>", text))
        for place, moment in enumerate(self._moments, 1):
            text = text.replace(moment, f"<time {place}>")
        for pattern, word in NEUTRAL:
            text = pattern.sub(word, text)
        return text

    def _name(self, digest: str) -> str:
        return f"<digest of {self._known.get(digest, 'something unknown')}>"

    def _short(self, start: str) -> str:
        names = [name for digest, name in self._known.items() if digest.startswith(start)]
        return f"<digest of {names[0]}>" if names else start
