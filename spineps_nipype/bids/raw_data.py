"""Images of a dataset: those that a BIDS reader calls raw data, and why others are none.

Every file counts once, by its real path. What cannot be read costs itself only.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spineps_nipype.errors import InputError

from .compatibility import MODALITY_SUFFIXES
from .names import EXTENSIONS

SKIPPED_FOLDERS: Final = ("derivatives", "sourcedata", "code", "stimuli", "models")
"""Folders of a dataset that hold no raw data, and that nobody misses."""
NOT_RAW: Final = ("derivatives", "sourcedata")
"""Beginnings of the names of folders that hold no raw data wherever they are."""
DATATYPES: Final = frozenset(
    {
        *("anat", "beh", "ct", "dwi", "eeg", "fmap", "func", "ieeg", "meg", "micr", "motion"),
        *("mr", "mrs", "nirs", "perf", "pet"),
        *(word.lower() for words in MODALITY_SUFFIXES.values() for word in words),
    }
)
"""Folders of images below a subject or session: those of BIDS, and those of SPINEPS' datasets."""
DESCRIPTION: Final = "dataset_description.json"
ANNEX: Final = f"{os.sep}annex{os.sep}objects{os.sep}"
"""Part of the real paths of git-annex, which are made of the content: two scans may share one."""
TAKES_IT: Final = "--ignore-bids-filter takes it"
OTHER_FORMATS: Final[Mapping[str, str]] = {
    ".img": "a pair of .hdr and .img: store it as one .nii.gz file (nibabel, fslchfiletype)",
    **dict.fromkeys(
        (".mgz", ".mgh", ".mha", ".mhd", ".nrrd", ".nhdr", ".mnc", ".bz2", ".xz", ".zst"),
        "the format is not NIfTI: convert it to .nii.gz",
    ),
    **dict.fromkeys((".dcm", ".ima"), "DICOM: dcm2niix makes .nii.gz of it"),
}
"""Endings of images that are not read, and what to do about it."""


@dataclass(frozen=True)
class Skipped:
    """An image or folder that is not segmented, and why.

    `expected` is true where no user needs to be told each one, as of masks.
    """

    path: Path
    why: str
    expected: bool = False

    @property
    def shown(self) -> str:
        """Its name for messages, of folders with that of the one above."""
        image = self.path.name.endswith(EXTENSIONS)
        name = self.path.name if image else f"{self.path.parent.name}/{self.path.name}"
        return printable(name)


@dataclass(frozen=True)
class Listing:
    """Images that are raw data, sorted by path, and what is left out."""

    images: tuple[Path, ...]
    left_out: tuple[Skipped, ...]


def printable(name: str) -> str:
    """A name as it can be printed: control characters and foreign bytes are escaped."""
    return name if name.isprintable() else name.encode("unicode_escape").decode("ascii")


def list_images(root: Path, subjects: Collection[str] = (), *, any_name: bool = False) -> Listing:
    """List the images of a dataset.

    Raw data of BIDS lie in ``sub-*/[ses-*/]DATATYPE/``; images directly in the folder of a
    subject or session are accepted.

    Parameters
    ----------
    root
        Root of the dataset; only read.
    subjects
        Labels of subjects, whose folders are looked at; all if empty.
    any_name
        Accept images in every folder but those of derivatives and source data.

    Raises
    ------
    InputError
        If the root cannot be read.
    """
    if not root.is_dir():
        raise InputError(
            "The BIDS folder does not exist.", file=root, remedy="Give the root of a dataset."
        )
    walk = _Walk(root, subjects, any_name)
    walk.run()
    images = _once(sorted(walk.images), walk.left_out)
    return Listing(tuple(images), tuple(walk.left_out))


def subject_folders(root: Path) -> set[str]:
    """Labels of the subjects that have a folder."""
    return {p.name.removeprefix("sub-") for p in root.glob("sub-*") if p.is_dir()}


@dataclass(frozen=True)
class _Folder:
    """A folder to be listed.

    Parameters
    ----------
    path
        The folder.
    parts
        Names from the root on.
    why
        Why images in it are no raw data; empty if they are.
    linked
        Whether a link leads into it.
    """

    path: Path
    parts: tuple[str, ...] = ()
    why: str = ""
    linked: bool = False


class _Walk:
    """Lists folders one by one; links come last, so that a file is met at its own place first."""

    def __init__(self, root: Path, subjects: Collection[str], any_name: bool) -> None:
        self.root, self.subjects, self.any_name = root, frozenset(subjects), any_name
        self.images: list[Path] = []
        self.left_out: list[Skipped] = []
        self._seen: dict[tuple[int, int], Path] = {}
        self._ancestors = {(s.st_dev, s.st_ino) for s in map(os.stat, root.resolve().parents)}

    def run(self) -> None:
        """List everything."""
        try:
            os.scandir(self.root).close()
        except OSError as fault:
            raise InputError(
                f"The dataset cannot be read: {fault.strerror}.",
                file=self.root,
                remedy="Ask for the right to read it.",
            ) from fault
        waiting, links = [_Folder(self.root)], list[_Folder]()
        while waiting or links:
            folder = waiting.pop() if waiting else links.pop(0)
            for found in self._folders_in(folder):
                (links if found.linked and not folder.linked else waiting).append(found)

    def _folders_in(self, folder: _Folder) -> Iterator[_Folder]:
        """Take the images of a folder; its folders that are to be listed as well."""
        try:
            status = os.stat(folder.path)
            first = self._seen.setdefault((status.st_dev, status.st_ino), folder.path)
            if first != folder.path:
                self._say(folder.path, f"a link to {self._below(first)}, which is read already")
                return
            with os.scandir(folder.path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as fault:
            self._say(folder.path, f"the folder cannot be read: {fault.strerror}")
            return
        names = {entry.name for entry in listed}
        why = folder.why
        if folder.parts and not why and DESCRIPTION in names:
            why = f"it lies in {'/'.join(folder.parts)}/, a dataset of its own"
        for entry in listed:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                found = self._folder(entry, folder, why)
                if found is not None:
                    yield found
            else:
                self._file(Path(entry.path), names, why)

    def _folder(self, entry: os.DirEntry[str], parent: _Folder, why: str) -> _Folder | None:
        parts, linked = (*parent.parts, entry.name), parent.linked or entry.is_symlink()
        if not parent.parts:
            label = entry.name.removeprefix("sub-")
            other = entry.name.startswith("sub-") and self.subjects and label not in self.subjects
            if entry.name in SKIPPED_FOLDERS or other:
                return None
        why = why or self._not_raw(parts)
        if not _is_utf8(entry.name):
            if not why:
                self._say(Path(entry.path), "the name of the folder is not UTF-8: rename it")
            return None
        if linked and (why or self._leads_out(entry)):
            what = why or "it holds the dataset itself"
            self.left_out.append(Skipped(Path(entry.path), f"a link: {what}", expected=True))
            return None
        return _Folder(Path(entry.path), parts, why, linked)

    def _not_raw(self, parts: tuple[str, ...]) -> str:
        """Why a folder holds no raw data; empty if it does."""
        place = "/".join(map(printable, parts))
        if parts[-1].lower().startswith(NOT_RAW):
            return f"it lies in {place}/, which holds no raw data"
        if self.any_name:
            return ""
        if not parts[0].startswith("sub-"):
            return f"it lies in {place}/, and raw data lie in sub-*/; {TAKES_IT}"
        inner = parts[2:] if len(parts) > 1 and parts[1].startswith("ses-") else parts[1:]
        if not inner or (len(inner) == 1 and inner[0].lower() in DATATYPES):
            return ""
        return f"it lies in {place}/, which is no folder of BIDS (anat, func, ...); {TAKES_IT}"

    def _leads_out(self, entry: os.DirEntry[str]) -> bool:
        """Whether a link leads to a folder that holds the dataset itself."""
        try:
            status = os.stat(entry.path)
        except OSError:
            return True
        return (status.st_dev, status.st_ino) in self._ancestors

    def _file(self, path: Path, names: Collection[str], why: str) -> None:
        lower = path.name.lower()
        if not path.name.endswith(EXTENSIONS):
            if lower.endswith(EXTENSIONS):
                why = why or "its name does not end in .nii or .nii.gz in lower case: rename it"
                self._say(path, why)
            elif os.path.splitext(lower)[1] in OTHER_FORMATS and not why:
                self._say(path, OTHER_FORMATS[os.path.splitext(lower)[1]])
            return
        if why:
            self._say(path, why)
        elif not _is_utf8(path.name):
            self._say(path, "its name is not UTF-8: rename it")
        elif path.name.endswith(".nii") and f"{path.name}.gz" in names:
            self._say(path, f"{path.name}.gz beside it is the same scan, and is taken")
        else:
            self.images.append(path)

    def _say(self, path: Path, why: str) -> None:
        self.left_out.append(Skipped(path, why))

    def _below(self, path: Path) -> str:
        return printable(path.relative_to(self.root).as_posix()) if path != self.root else "."


def _once(images: list[Path], left_out: list[Skipped]) -> list[Path]:
    """Each file once, at its own place rather than where a link leads to it."""
    first: dict[str, Path] = {}
    for path in sorted(images, key=lambda path: (path.is_symlink(), path)):
        real = os.path.realpath(path)
        other = first.setdefault(real, path)
        if other is not path and ANNEX in real:
            first[str(path)] = path
        elif other is not path:
            left_out.append(Skipped(path, f"it is the same file as {other.name}"))
    return sorted(first.values())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
