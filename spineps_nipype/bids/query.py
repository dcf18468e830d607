"""Which images of a BIDS folder are segmented.

Source: SPINEPS 2.1.3, dataset run: kind of image, Dixon in-phase only, no segmentations, no
lesion or label images, acquisition in the plane asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import InputError
from .compatibility import MODALITY_KEYS, PLANE_KEYS
from .names import EXTENSIONS, ScanName, parse_name, stem_of

OTHER_CONTRASTS: Final = frozenset({"W", "F", "FAT", "WATER", "OP"})
"""Entries of ImageType that say that a Dixon image is not the in-phase one."""
OTHER_NAMES: Final = frozenset({"W", "F", "FAT", "WATER", "OP", "OPP", "OUTPHASE", "DIFFERENCE"})
"""The same as values of the entities ``rec`` and ``acq``."""
IN_PHASE: Final = "inphase"
DIXON: Final = ("dixon", "t1dixon", "vibe", "mevibe")
"""Kinds of image that come in several contrasts."""


class Modality(NamedTuple):
    """A modality, and the plane of the scans that are wanted (None: any)."""

    name: str
    plane: str | None


DEFAULT_MODALITIES: Final = (Modality("T2w", "sag"),)
DEFAULT_PLANE: Final[Mapping[str, str | None]] = {"T2w": "sag", "T1w": "sag"}


@dataclass(frozen=True)
class Selection:
    """Which scans are asked for.

    Parameters
    ----------
    modalities
        Modalities and planes.
    participants, sessions
        Labels without prefix; None for all.
    filters
        Entities by modality name, as in the filter files of other BIDS apps.
    ignore_bids_filter
        Take every image that is no segmentation, whatever its name says.
    """

    modalities: tuple[Modality, ...] = DEFAULT_MODALITIES
    participants: tuple[str, ...] | None = None
    sessions: tuple[str, ...] | None = None
    filters: Mapping[str, Mapping[str, Any]] | None = None
    ignore_bids_filter: bool = False


def parse_modality(text: str) -> Modality:
    """Read ``T2w`` or ``T2w:sag``; modality names are compared without regard to case.

    Raises
    ------
    ValueError
        If modality or plane is not known.
    """
    word, colon, plane = text.partition(":")
    known = {m.lower(): m for m in MODALITY_KEYS if m != "SEG"}
    if word.lower() not in known:
        raise ValueError(f"unknown modality {word!r}; known are {', '.join(known.values())}")
    name = known[word.lower()]
    if not colon:
        return Modality(name, DEFAULT_PLANE.get(name))
    planes = {w.lower(): p for p, words in PLANE_KEYS.items() for w in words}
    if plane.lower() not in {**planes, "any": None}:
        raise ValueError(f"unknown plane {plane!r}; known are {', '.join(PLANE_KEYS)} and any")
    return Modality(name, planes.get(plane.lower()))


def read_filter_file(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read a filter file: entities by modality; null means absent, ``*`` means present.

    Raises
    ------
    InputError
        If it is no JSON object of objects.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(
            f"The BIDS filter file cannot be read: {fault}.",
            file=path,
            remedy='It must hold JSON such as {"T2w": {"session": "01"}}.',
        ) from fault
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise InputError(
            "The BIDS filter file is not an object of objects.",
            file=path,
            remedy='It must hold JSON such as {"T2w": {"session": "01"}}.',
        )
    known = {m.lower(): m for m in MODALITY_KEYS}
    unknown = [key for key in content if key.lower() not in known]
    if unknown:
        raise InputError(
            f"The BIDS filter file speaks of unknown modalities: {', '.join(unknown)}.",
            file=path,
            remedy=f"Known are {', '.join(MODALITY_KEYS)}.",
        )
    return {known[key.lower()]: value for key, value in content.items()}


def find_scans(dataset: str | Path, selection: Selection | None = None) -> list[Path]:
    """Images of a BIDS folder that shall be segmented, sorted by path.

    Parameters
    ----------
    dataset
        Root of the BIDS dataset, or of any folder with images.
    selection
        Which scans are asked for.

    Raises
    ------
    InputError
        If the folder is missing, or a participant or session asked for is not in it.
    """
    selection = selection or Selection()
    root = Path(dataset)
    if not root.is_dir():
        raise InputError("There is no such BIDS folder.", file=root, remedy="Check the path.")
    layout = _layout(root)
    everything = [Path(p) for p in layout.get(extension=list(EXTENSIONS), return_type="filename")]
    _check_labels(everything, "participant", "sub", selection.participants, root)
    _check_labels(everything, "session", "ses", selection.sessions, root)
    wanted: set[Path] = set()
    for modality in selection.modalities:
        filters = (selection.filters or {}).get(modality.name)
        files: Iterable[Path] = everything
        if filters:
            files = _filtered(layout, filters)
        wanted.update(
            path
            for path in files
            if _labels_fit(parse_name(path), selection)
            and is_candidate(path, modality, ignore_bids_filter=selection.ignore_bids_filter)
        )
    return sorted(wanted)


def is_candidate(path: Path, modality: Modality, *, ignore_bids_filter: bool = False) -> bool:
    """Whether a file is a scan of this modality and plane."""
    name = parse_name(path)
    if "seg" in name.entities:
        return False
    if ignore_bids_filter:
        return True
    if not name.is_bids or name.suffix not in MODALITY_KEYS[modality.name]:
        return False
    if "lesions" in name.entities or "label" in name.entities:
        return False
    acq = name.entities.get("acq")
    contrast = acq is not None and acq.upper() in OTHER_NAMES
    if acq is not None and modality.plane is not None and not contrast:
        if acq not in PLANE_KEYS[modality.plane]:
            return False
    return name.suffix not in DIXON or _is_in_phase(name, path)


def _is_in_phase(name: ScanName, path: Path) -> bool:
    values = (name.entities.get("rec", ""), name.entities.get("acq", ""))
    if any(value.upper() in OTHER_NAMES for value in values):
        return False
    if name.entities.get("part", IN_PHASE).lower() != IN_PHASE:
        return False
    sidecar = path.with_name(f"{stem_of(path)}.json")
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    kinds = content.get("ImageType", ()) if isinstance(content, dict) else ()
    return not any(str(kind).upper() in OTHER_CONTRASTS for kind in kinds)


def _layout(root: Path) -> Any:
    from bids import BIDSLayout, BIDSLayoutIndexer

    return BIDSLayout(
        root,
        validate=False,
        derivatives=False,
        indexer=BIDSLayoutIndexer(validate=False, index_metadata=False),
    )


def _filtered(layout: Any, filters: Mapping[str, Any]) -> list[Path]:
    from bids.layout import Query

    special = {None: Query.NONE, "*": Query.ANY}

    def value(entry: Any) -> Any:
        if isinstance(entry, list):
            return [value(e) for e in entry]
        return special.get(entry, entry)

    found = layout.get(
        **{
            "extension": list(EXTENSIONS),
            "return_type": "filename",
            **{key: value(entry) for key, entry in filters.items()},
        }
    )
    return [Path(path) for path in found]


def _labels_fit(name: ScanName, selection: Selection) -> bool:
    if selection.participants is not None and name.subject not in selection.participants:
        return False
    return selection.sessions is None or name.session in selection.sessions


def _check_labels(
    files: Sequence[Path], what: str, key: str, asked: Sequence[str] | None, root: Path
) -> None:
    """Refuse a label that no image of the dataset has: it is nearly always a slip."""
    if asked is None:
        return
    there = sorted({v for f in files if (v := parse_name(f).entities.get(key)) is not None})
    missing = [label for label in asked if label not in there]
    if missing:
        listed = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
        raise InputError(
            f"No image of the dataset has the {what} label {', '.join(missing)}.",
            file=root,
            remedy=f"Labels there: {listed or 'none'}.",
        )
