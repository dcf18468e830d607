"""Find the scans of a BIDS dataset that are to be segmented.

pybids indexes the folder; the rules of SPINEPS (2.1.3, dataset run) decide which of its images
are scans to segment: no masks, of Dixon images only the in-phase ones, no other plane.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import InputError

from .compatibility import modality_of, plane_of_label
from .index import SKIPPED_FOLDERS, check_index, index_dataset, subject_folders
from .names import EXTENSIONS, ScanName, parse_name

MODALITIES: Final = ("T2w", "T1w", "Vibe", "CT", "EPI")
"""Modalities that can be asked for."""
FUNCTIONAL: Final = "EPI"
"""Modality that is left out silently unless it is asked for."""
NOT_IN_PHASE: Final = frozenset({"W", "F", "FAT", "WATER", "OP", "OPP", "OUTPHASE", "DIFFERENCE"})
"""Values of ``rec`` and ``acq`` of Dixon images other than in-phase."""
NOT_IN_PHASE_TYPE: Final = frozenset({"W", "F", "FAT", "WATER", "OP"})
"""Entries in the ``ImageType`` of such images."""
IN_PHASE_PARTS: Final = frozenset({"inphase", "mag"})
_LONG_NAMES: Final = {
    "sub": "subject",
    "ses": "session",
    "acq": "acquisition",
    "rec": "reconstruction",
    "ce": "ceagent",
    "dir": "direction",
}
MAX_LISTED: Final = 10
"""Labels that an error message lists at most."""
OTHER_APPS: Final = frozenset(
    {"bold", "sbref", "flair", "roi", "fmap", "asl", "dwi", "pet", "func", "anat"}
)
"""Keys that filter files of other programs (fMRIPrep and the like) have, and that are ignored."""
_QUERY_CONSTANTS: Final = {None: "NONE", "*": "ANY"}
"""Constants of pybids for an entity that must be absent, or present."""


@dataclass(frozen=True)
class Scan:
    """A scan to segment."""

    path: Path
    name: ScanName
    modality: str | None


@dataclass(frozen=True)
class Skipped:
    """An image that is not segmented, and why.

    `expected` is true where no user needs to be told, as of masks.
    """

    path: Path
    why: str
    expected: bool = False


@dataclass(frozen=True)
class Query:
    """Scans found, images left out, and the subjects that the dataset has."""

    scans: tuple[Scan, ...]
    skipped: tuple[Skipped, ...]
    subjects: tuple[str, ...]
    sessions: tuple[str, ...]


def find_scans(
    bids_root: str | Path,
    *,
    modalities: Sequence[str] = ("T2w",),
    plane: str | Collection[str] | None = "sag",
    participant_label: Iterable[str] = (),
    exclude_participant_label: Iterable[str] = (),
    session_label: Iterable[str] = (),
    filters: Mapping[str, Mapping[str, Any]] | None = None,
    ignore_bids_filter: bool = False,
    database: Path | None = None,
) -> Query:
    """Find the scans to segment, sorted by path.

    Parameters
    ----------
    bids_root
        Root of the dataset; only read.
    modalities
        Modalities that are wanted, of `MODALITIES`.
    plane
        Plane, or planes, that are wanted: images whose ``acq`` label names another one are left
        out. None accepts all planes.
    participant_label, session_label
        Labels, with or without ``sub-`` and ``ses-``; all if empty.
    exclude_participant_label
        Subjects to leave out, whatever else is selected.
    filters
        Content of a filter file: for each modality, entities of pybids and their values; None
        demands that an entity is absent, ``"*"`` that it is present, also in a list of values.
    ignore_bids_filter
        Accept every image that is no mask, whatever its name, as SPINEPS does with this option.
    database
        Folder that stores the index of the whole dataset; None indexes what is needed anew.

    Raises
    ------
    InputError
        If the folder cannot be read, or a label or filter does not fit the dataset.
    """
    root = Path(bids_root)
    asked = _Asked(
        subjects=_bare(participant_label, "sub-"),
        excluded=_bare(exclude_participant_label, "sub-"),
        sessions=_bare(session_label, "ses-"),
        modalities=frozenset(canonical_modality(word) for word in modalities),
        planes={plane} if isinstance(plane, str) else plane,
        any_name=ignore_bids_filter,
        # The root is searched for every scan, and holds a folder for every subject.
        sidecars=cache(sidecars_in),
    )
    layout = index_dataset(root, asked.subjects, database)
    images = [Path(f.path) for f in layout.get(extension=list(EXTENSIONS))]
    images = [path for path in sorted(images) if not _in_skipped_folder(path, root)]
    subjects, sessions = _subjects_and_sessions(images)
    if database is not None:
        check_index(images, asked.subjects, subjects, root, database)
    _check_asked(asked, subject_folders(root) | subjects, sessions, root)
    passing = _filtered(layout, filters, root)
    judged = [_judged(path, root, asked, passing) for path in images]
    return Query(
        scans=tuple(image for image in judged if isinstance(image, Scan)),
        skipped=tuple(image for image in judged if isinstance(image, Skipped)),
        subjects=tuple(sorted(subjects)),
        sessions=tuple(sorted(sessions)),
    )


@dataclass(frozen=True)
class _Asked:
    """What scans are asked for; labels without ``sub-`` and ``ses-``, empty for all."""

    subjects: Sequence[str]
    excluded: Sequence[str]
    sessions: Sequence[str]
    modalities: frozenset[str]
    planes: Collection[str] | None
    any_name: bool
    sidecars: Callable[[Path, str], Sequence[Path]]


def _bare(labels: Iterable[str], prefix: str) -> list[str]:
    return [label.removeprefix(prefix) for label in labels]


def _check_asked(asked: _Asked, subjects: set[str], sessions: set[str], root: Path) -> None:
    """Refuse labels that the dataset has not."""
    _check_labels("--participant-label", asked.subjects, subjects, root)
    _check_labels("--session-label", asked.sessions, sessions, root)
    if not asked.subjects:  # other subjects are not indexed when some are named
        _check_labels("--exclude-participant-label", sorted(asked.excluded), subjects, root)


def _judged(
    path: Path, root: Path, asked: _Asked, passing: Mapping[str, set[Path]]
) -> Scan | Skipped | None:
    """An image as a scan, or why it is none; None if it is of others than asked for."""
    name = parse_name(path)
    subject = _subject(path, name)
    if asked.subjects and subject not in asked.subjects:
        return None
    if subject in asked.excluded:
        return Skipped(path, "--exclude-participant-label", expected=True)
    if asked.sessions and name.session not in asked.sessions:
        return None
    modality = modality_of(name.suffix)
    left_out = _left_out(path, root, name, modality, asked)
    if left_out is not None:
        return left_out
    kept = passing.get(modality or "")  # None where the file has no filter for this modality
    if kept is not None and path not in kept:
        return Skipped(path, "the filter file leaves it out", expected=True)
    return Scan(path, name, modality)


def canonical_modality(word: str) -> str:
    """Modality that a user means by a word, in upper or lower case.

    Raises
    ------
    InputError
        If the word names none of `MODALITIES`.
    """
    for modality in MODALITIES:
        if word.lower() == modality.lower():
            return modality
    found = modality_of(word)
    if found not in MODALITIES:
        raise InputError(
            f"There is no modality {word!r}.", remedy=f"Choose of {', '.join(MODALITIES)}."
        )
    return found


def read_filter_file(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read a filter file: a JSON object with one object of entities for each modality.

    Raises
    ------
    InputError
        If it cannot be read or names unknown modalities.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
            raise ValueError("it is not an object of objects")
    except (OSError, ValueError) as fault:
        raise InputError(
            f"The filter file cannot be used: {fault}.",
            file=path,
            remedy='Write it like {"t2w": {"acquisition": "sag", "session": ["01", "02"]}}.',
        ) from fault
    own = {key: value for key, value in content.items() if key.lower() not in OTHER_APPS}
    return {canonical_modality(key): value for key, value in own.items()}


def _left_out(
    path: Path, root: Path, name: ScanName, modality: str | None, asked: _Asked
) -> Skipped | None:
    """Why an image is not segmented, None if it is."""
    for key in ("seg", "label", "lesions"):
        if key in name.entities:
            return Skipped(path, f"{key}-{name.entities[key]}: no plain scan", expected=True)
    if asked.any_name:
        return None
    if not name.is_bids:
        return Skipped(
            path,
            "the name is not BIDS: call it like sub-01_T2w.nii.gz, or use --ignore-bids-filter",
        )
    if modality not in MODALITIES:
        return Skipped(path, f"{name.suffix} is none of {', '.join(MODALITIES)}", expected=True)
    if modality not in asked.modalities:
        unasked = modality == FUNCTIONAL
        return Skipped(path, f"--modalities does not ask for {modality}", expected=unasked)
    why = not_in_phase(path, root, name, asked.sidecars)
    if why:
        return Skipped(path, why, expected=True)
    named = plane_of_label(name.entities.get("acq", ""))
    if asked.planes is not None and named not in (None, "iso", *asked.planes):
        others = " or ".join(sorted(asked.planes))
        return Skipped(path, f"acq-{name.entities['acq']} names another plane than {others}")
    return None


def sidecars_in(folder: Path, suffix: str) -> list[Path]:
    """JSON files in a folder whose names end with a suffix; the longest are nearest to a scan."""
    return sorted(folder.glob(f"*{suffix}.json"), key=lambda path: -len(path.name))


def not_in_phase(
    path: Path,
    root: Path,
    name: ScanName,
    sidecars: Callable[[Path, str], Sequence[Path]] = sidecars_in,
) -> str:
    """Why an image is a Dixon image other than in-phase; empty if it is not."""
    for key in ("rec", "acq"):
        if name.entities.get(key, "").upper() in NOT_IN_PHASE:
            return f"{key}-{name.entities[key]} is not the in-phase image"
    part = name.entities.get("part")
    if part is not None and part not in IN_PHASE_PARTS:
        return f"part-{part} is not the in-phase image"
    kinds = NOT_IN_PHASE_TYPE.intersection(map(str, image_type(path, root, sidecars)))
    if kinds:
        return f"ImageType {', '.join(sorted(kinds))} is not the in-phase image"
    return ""


def image_type(
    path: Path, root: Path, sidecars: Callable[[Path, str], Sequence[Path]] = sidecars_in
) -> list[Any]:
    """``ImageType`` of a scan, from its sidecar or the nearest one that it inherits from."""
    name = parse_name(path)
    for folder in (path.parent, *path.parent.parents):
        for sidecar in sidecars(folder, name.suffix):
            # Inherited sidecars need no subject in their name: acq-sag_dixon.json.
            *pairs, suffix = sidecar.stem.split("_")
            entities = {tuple(pair.partition("-")[::2]) for pair in pairs}
            if suffix != name.suffix or not entities <= name.entities.items():
                continue
            try:
                content = json.loads(sidecar.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(content, dict) and isinstance(content.get("ImageType"), list):
                return list(content["ImageType"])
        if folder == root:
            break
    return []


def _filtered(
    layout: Any, filters: Mapping[str, Mapping[str, Any]] | None, root: Path
) -> dict[str, set[Path]]:
    """For each modality with a filter, the files that pass it."""
    from bids.layout import Query as PybidsQuery

    passing: dict[str, set[Path]] = {}
    for modality, entities in (filters or {}).items():
        demanded = {}
        for key, value in entities.items():
            several = value if isinstance(value, list) else [value]
            values = [_pybids_value(entry, PybidsQuery) for entry in several]
            demanded[_LONG_NAMES.get(key, key)] = values if isinstance(value, list) else values[0]
        demanded.setdefault("extension", list(EXTENSIONS))
        try:
            found = layout.get(**demanded)
        except Exception as fault:
            raise InputError(
                f"The filter for {modality} does not fit the dataset: {fault}.",
                file=root,
                remedy="Use the entity names of pybids: subject, session, acquisition, run, ...",
            ) from fault
        passing[modality] = {Path(f.path) for f in found}
    return passing


def _pybids_value(value: Any, constants: Any) -> Any:
    """Value of a filter as pybids takes it, which has `constants` for absent and for present."""
    name = _QUERY_CONSTANTS.get(value) if value is None or isinstance(value, str) else None
    return getattr(constants, name) if name else value


def _subject(path: Path, name: ScanName) -> str:
    """Subject of an image, from its name or, if that is not BIDS, from its folder."""
    if name.is_bids:
        return name.subject
    for part in reversed(path.parent.parts):
        if part.startswith("sub-"):
            return part.removeprefix("sub-")
    return name.subject


def _subjects_and_sessions(images: Iterable[Path]) -> tuple[set[str], set[str]]:
    """Labels of the subjects and of the sessions that have images."""
    names = [(path, parse_name(path)) for path in images]
    return {_subject(p, n) for p, n in names}, {n.session for _, n in names if n.session}


def _in_skipped_folder(path: Path, root: Path) -> bool:
    """Whether an image lies in a folder that holds no scans of the dataset."""
    parts = path.relative_to(root).parts[:-1]
    return any(part in SKIPPED_FOLDERS for part in parts[:1])


def _check_labels(option: str, labels: Sequence[str], known: set[str], root: Path) -> None:
    """Refuse labels that the dataset does not have, and name similar ones."""
    absent = [label for label in labels if label not in known]
    if not absent:
        return
    near = get_close_matches(absent[0], known, n=3, cutoff=0.5)
    listed = near or sorted(known)[:MAX_LISTED]
    more = f" and {len(known) - len(listed)} more" if len(known) > len(listed) else ""
    raise InputError(
        f"{option} {' '.join(absent)}: the dataset has none of that name.",
        file=root,
        remedy=f"It has {', '.join(listed) or 'none'}{more}.",
    )
