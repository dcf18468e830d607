"""Find the scans of a BIDS dataset that are to be segmented.

Of the raw data of the dataset, the rules of SPINEPS (2.1.3, dataset run) decide which images are
scans to segment: no masks, of Dixon images only the in-phase ones, no other plane.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.text_files import parse_json
from spineps_nipype.errors import InputError

from .compatibility import MODALITY_SUFFIXES, modality_of, plane_of_label
from .entity_filters import passing, read_filters
from .names import ScanName, parse_name
from .raw_data import Skipped, list_images, subject_folders

MODALITIES: Final = ("T2w", "T1w", "Vibe", "CT", "EPI")
"""Modalities that can be asked for."""
FUNCTIONAL: Final = "EPI"
"""Modality that is left out silently unless it is asked for."""
NOT_IN_PHASE: Final = frozenset({"W", "F", "FAT", "WATER", "OP", "OPP", "OUTPHASE", "DIFFERENCE"})
"""Values of ``rec`` and ``acq`` of Dixon images other than in-phase."""
NOT_IN_PHASE_TYPE: Final = frozenset({"W", "F", "FAT", "WATER", "OP"})
"""Entries in the ``ImageType`` of such images."""
IN_PHASE_PARTS: Final = frozenset({"inphase", "mag"})
MAX_LISTED: Final = 10
"""Labels that an error message lists at most."""
OTHER_APPS: Final = frozenset(
    {"bold", "sbref", "flair", "roi", "fmap", "asl", "dwi", "pet", "func", "anat"}
)
"""Keys that filter files of other programs (fMRIPrep and the like) have, and that are ignored."""
CONTRASTS: Final = (
    *("T2star", "T2starw", "PDw", "PD", "PDT2", "FLAIR", "UNIT1", "MTS", "MTw", "MTR", "MEGRE"),
    *("MESE", "MP2RAGE", "STIR", "PSIR", "IRT1", "VFA", "T1map", "T2map", "T2starmap", "PDmap"),
    *("R1map", "R2map", "R2starmap", "inplaneT1", "inplaneT2", "MPR"),
)
"""Further contrasts that can be asked for by their suffix, for systems that take any contrast."""
SUFFIXES: Final = frozenset(
    {*CONTRASTS, *(suffix for words in MODALITY_SUFFIXES.values() for suffix in words)}
)


@dataclass(frozen=True)
class Scan:
    """A scan to segment."""

    path: Path
    name: ScanName
    modality: str | None


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
) -> Query:
    """Find the scans to segment, sorted by path.

    Parameters
    ----------
    bids_root
        Root of the dataset; only read.
    modalities
        Modalities that are wanted, of `MODALITIES` or `CONTRASTS`.
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
    listed = list_images(root, asked.subjects, any_name=asked.any_name)
    images = listed.images
    subjects, sessions = _subjects_and_sessions(images)
    _check_asked(asked, subject_folders(root) | subjects, sessions, root)
    passed = passing(images, root, filters or {})
    judged = [_judged(path, root, asked, passed) for path in images]
    return Query(
        scans=tuple(image for image in judged if isinstance(image, Scan)),
        skipped=(*(image for image in judged if isinstance(image, Skipped)), *listed.left_out),
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
    path: Path, root: Path, asked: _Asked, passed: Mapping[str, set[Path]]
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
    modality = contrast_of(name.suffix)
    left_out = _left_out(path, root, name, modality, asked)
    if left_out is not None:
        return left_out
    kept = passed.get(modality or "")  # None where the file has no filter for this modality
    if kept is not None and path not in kept:
        return Skipped(path, "the filter file leaves it out", expected=True)
    if asked.any_name:  # the choice of a model goes by the modalities that models know
        modality = modality_of(name.suffix)
    return Scan(path, name, modality)


def contrast_of(suffix: str) -> str | None:
    """Modality that the suffix of a file name stands for, or the suffix of another contrast."""
    return modality_of(suffix) or (suffix if suffix in CONTRASTS else None)


def canonical_modality(word: str) -> str:
    """Modality that a user means by a word, in upper or lower case.

    Raises
    ------
    InputError
        If the word names none of `MODALITIES` or `CONTRASTS`.
    """
    for modality in (*MODALITIES, *CONTRASTS):
        if word.lower() == modality.lower():
            return contrast_of(modality) or modality
    found = modality_of(word)
    if found not in MODALITIES:
        raise InputError(
            f"There is no modality {word!r}.",
            remedy=f"Choose of {', '.join((*MODALITIES, *CONTRASTS))}.",
        )
    return found


def read_filter_file(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read a filter file: a JSON object with one object of entities for each modality.

    Raises
    ------
    InputError
        If it cannot be read or names unknown modalities.
    """
    content = read_filters(Path(path))
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
    if modality not in asked.modalities:
        return _other_contrast(path, name, modality)
    why = not_in_phase(path, root, name, asked.sidecars)
    if why:
        return Skipped(path, why, expected=True)
    named = plane_of_label(name.entities.get("acq", ""))
    if asked.planes is not None and named not in (None, "iso", *asked.planes):
        others = " or ".join(sorted(asked.planes))
        return Skipped(path, f"acq-{name.entities['acq']} names another plane than {others}")
    return None


def _other_contrast(path: Path, name: ScanName, modality: str | None) -> Skipped:
    """Why an image of a modality that nobody asks for is left out."""
    if modality in (*MODALITIES, *CONTRASTS):
        unasked = modality == FUNCTIONAL
        return Skipped(path, f"--modalities does not ask for {modality}", expected=unasked)
    for suffix in sorted(SUFFIXES):
        if name.suffix != suffix and name.suffix.lower() == suffix.lower():
            return Skipped(path, f"BIDS spells {name.suffix} as {suffix}: rename the file")
    return Skipped(path, f"{name.suffix} is none of {', '.join(MODALITIES)}", expected=True)


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
                content = parse_json(sidecar)
            except (OSError, ValueError):
                continue
            if isinstance(content, dict) and isinstance(content.get("ImageType"), list):
                return list(content["ImageType"])
        if folder == root:
            break
    return []


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
