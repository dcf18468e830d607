"""Scans of a BIDS dataset.

pybids indexes the folder; which of its images are scans to segment is decided by the rules of
SPINEPS (2.1.3, dataset run): dixon in-phase only, no masks, no other plane.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import InputError

from .compatibility import modality_of, plane_of_word
from .index import SKIPPED_FOLDERS, check_index, index_dataset, subject_folders
from .names import EXTENSIONS, ScanName, parse_name

MODALITIES: Final = ("T2w", "T1w", "Vibe", "CT", "EPI")
"""Modalities that can be asked for."""
FUNCTIONAL: Final = "EPI"
"""Modality that nobody expects to be taken when it is not asked for."""
NOT_IN_PHASE: Final = frozenset({"W", "F", "FAT", "WATER", "OP", "OPP", "OUTPHASE", "DIFFERENCE"})
"""Values of ``rec`` and ``acq`` that name a dixon image other than in-phase."""
NOT_IN_PHASE_TYPE: Final = frozenset({"W", "F", "FAT", "WATER", "OP"})
"""Entries of ``ImageType`` of such an image."""
IN_PHASE_PARTS: Final = frozenset({"inphase", "mag"})
_LONG_NAMES: Final = {
    "sub": "subject",
    "ses": "session",
    "acq": "acquisition",
    "rec": "reconstruction",
    "ce": "ceagent",
    "dir": "direction",
}
NAMED_LABELS: Final = 10
"""Labels that a message lists."""
OTHER_APPS: Final = frozenset(
    {"bold", "sbref", "flair", "roi", "fmap", "asl", "dwi", "pet", "func", "anat"}
)
"""Keys of filter files that programs share: those of fMRIPrep and its kin say nothing here."""
_QUERY_WORDS: Final = {None: "NONE", "*": "ANY"}


@dataclass(frozen=True)
class Scan:
    """A scan to segment."""

    path: Path
    name: ScanName
    modality: str | None


@dataclass(frozen=True)
class Skipped:
    """An image that is not segmented, and why.

    `expected` is true for what nobody would take for a scan, such as masks.
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
        Plane, or planes, that are wanted: an ``acq`` label that names another one leaves the
        image out. None takes all planes.
    participant_label, session_label
        Labels, with or without ``sub-`` and ``ses-``; none takes all.
    exclude_participant_label
        Subjects that are left out, whatever else is asked.
    filters
        Content of a filter file: for each modality, entities of pybids and their values; None
        asks that an entity is absent, ``"*"`` that it is present, also in a list of values.
    ignore_bids_filter
        Take every image that is no mask, whatever its name, as SPINEPS does with this option.
    database
        Folder that keeps the index of the whole dataset; None indexes what is asked for, anew.

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
    )
    layout = index_dataset(root, asked.subjects, database)
    images = [Path(f.path) for f in layout.get(extension=list(EXTENSIONS))]
    images = [path for path in sorted(images) if not _inside_skipped(path, root)]
    subjects, sessions = _known(images)
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
    modality = modality_of(name.word)
    left_out = _left_out(path, root, name, modality, asked)
    if left_out is not None:
        return left_out
    kept = passing.get(modality or "")  # None where the file has no filter for this modality
    if kept is not None and path not in kept:
        return Skipped(path, "the filter file leaves it out", expected=True)
    return Scan(path, name, modality)


def canonical_modality(word: str) -> str:
    """Modality for a word that a user gives, in any case.

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
        return Skipped(path, f"{name.word} is none of {', '.join(MODALITIES)}", expected=True)
    if modality not in asked.modalities:
        unasked = modality == FUNCTIONAL
        return Skipped(path, f"--modalities does not ask for {modality}", expected=unasked)
    why = not_in_phase(path, root, name)
    if why:
        return Skipped(path, why, expected=True)
    named = plane_of_word(name.entities.get("acq", ""))
    if asked.planes is not None and named not in (None, "iso", *asked.planes):
        others = " or ".join(sorted(asked.planes))
        return Skipped(path, f"acq-{name.entities['acq']} names another plane than {others}")
    return None


def not_in_phase(path: Path, root: Path, name: ScanName) -> str:
    """Why an image is a dixon image other than in-phase; empty if it is not."""
    for key in ("rec", "acq"):
        if name.entities.get(key, "").upper() in NOT_IN_PHASE:
            return f"{key}-{name.entities[key]} is not the in-phase image"
    part = name.entities.get("part")
    if part is not None and part not in IN_PHASE_PARTS:
        return f"part-{part} is not the in-phase image"
    kinds = NOT_IN_PHASE_TYPE.intersection(map(str, image_type(path, root)))
    if kinds:
        return f"ImageType {', '.join(sorted(kinds))} is not the in-phase image"
    return ""


def image_type(path: Path, root: Path) -> list[Any]:
    """``ImageType`` of a scan: of its sidecar, or of the nearest one that it inherits."""
    name = parse_name(path)
    for folder in (path.parent, *path.parent.parents):
        for sidecar in sorted(folder.glob(f"*{name.word}.json"), key=lambda p: -len(p.name)):
            # Inherited sidecars need no subject in their name: acq-sag_dixon.json.
            *pairs, word = sidecar.stem.split("_")
            entities = {tuple(pair.partition("-")[::2]) for pair in pairs}
            if word != name.word or not entities <= name.entities.items():
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
    from bids.layout import Query as Ask

    passing: dict[str, set[Path]] = {}
    for modality, entities in (filters or {}).items():
        asked = {}
        for key, value in entities.items():
            given = [
                _asked(entry, Ask) for entry in (value if isinstance(value, list) else [value])
            ]
            asked[_LONG_NAMES.get(key, key)] = given if isinstance(value, list) else given[0]
        asked.setdefault("extension", list(EXTENSIONS))
        try:
            found = layout.get(**asked)
        except Exception as fault:
            raise InputError(
                f"The filter for {modality} does not fit the dataset: {fault}.",
                file=root,
                remedy="Use the entity names of pybids: subject, session, acquisition, run, ...",
            ) from fault
        passing[modality] = {Path(f.path) for f in found}
    return passing


def _asked(value: Any, query: Any) -> Any:
    """Value of a filter for pybids, whose `query` has words for absent and for any."""
    word = _QUERY_WORDS.get(value) if value is None or isinstance(value, str) else None
    return getattr(query, word) if word else value


def _subject(path: Path, name: ScanName) -> str:
    """Subject of an image: that of its name, or that of its folder."""
    if name.is_bids:
        return name.subject
    for part in reversed(path.parent.parts):
        if part.startswith("sub-"):
            return part.removeprefix("sub-")
    return name.subject


def _known(images: Iterable[Path]) -> tuple[set[str], set[str]]:
    names = [(path, parse_name(path)) for path in images]
    return {_subject(p, n) for p, n in names}, {n.session for _, n in names if n.session}


def _inside_skipped(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts[:-1]
    return any(part in SKIPPED_FOLDERS for part in parts[:1])


def _check_labels(option: str, asked: Sequence[str], known: set[str], root: Path) -> None:
    absent = [label for label in asked if label not in known]
    if not absent:
        return
    near = get_close_matches(absent[0], known, n=3, cutoff=0.5)
    listed = near or sorted(known)[:NAMED_LABELS]
    more = f" and {len(known) - len(listed)} more" if len(known) > len(listed) else ""
    raise InputError(
        f"{option} {' '.join(absent)}: the dataset has none of that name.",
        file=root,
        remedy=f"It has {', '.join(listed) or 'none'}{more}.",
    )
