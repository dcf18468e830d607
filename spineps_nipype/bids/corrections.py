"""Corrections by readers: masks in other datasets, and a table of vertebra names."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from spineps_nipype.core.anatomy import VERTEBRA_NAMES
from spineps_nipype.core.files import file_digest, read_json
from spineps_nipype.core.text_files import parse_table
from spineps_nipype.errors import InputError

from .names import EXTENSIONS, ScanName, parse_name, split_extension

NO_FILES: Final[Mapping[str, Path]] = MappingProxyType({})
SEGMENTS: Final[Mapping[str, str]] = {"spine": "spine", "vert": "vert"}
"""Kinds of corrected masks of SPINEPS, and the ``seg`` in their names."""
MASK_SUFFIXES: Final = frozenset({"msk", "dseg"})
"""Suffixes of masks in SPINEPS and in BIDS."""
FREE_ENTITIES: Final = frozenset({"mod", "seg", "desc"})
"""Entities that a mask may have though its scan has not."""
COLUMNS: Final = ("scan", "name", "found", "x", "y", "z")
Name = tuple[int, int | None, tuple[float, float, float] | None]
"""New label, and either the present label or a point in the vertebra (world coordinates [mm])."""


@dataclass(frozen=True)
class Corrections:
    """What a reader corrected for one scan.

    Parameters
    ----------
    masks
        Corrected masks by kind; those of SPINEPS are ``spine`` and ``vert``.
    names
        Fixed names of vertebrae.
    sources
        BIDS URIs of the masks.
    session
        Digest of the names that the session of the scan decided; empty where it did not. They
        are no reader's, whose masks and names count before them.
    """

    masks: Mapping[str, Path] = field(default_factory=dict)
    names: tuple[Name, ...] = ()
    sources: tuple[str, ...] = ()
    session: str = ""

    def __bool__(self) -> bool:
        return bool(self.masks or self.names)

    @property
    def spine(self) -> Path | None:
        """Corrected semantic mask of SPINEPS."""
        return self.masks.get("spine")

    @property
    def vert(self) -> Path | None:
        """Corrected vertebra mask of SPINEPS."""
        return self.masks.get("vert")

    def digests(self) -> dict[str, str]:
        """SHA-256 of each correction, by kind; ``names`` and ``session`` are those of names."""
        found = {kind: file_digest(path) for kind, path in self.masks.items()}
        if self.names and self.vert is None:  # names of a corrected mask stand in it
            found["names"] = hashlib.sha256(json.dumps(self.names).encode()).hexdigest()
        if self.session and not self.names and self.vert is None:
            found["session"] = self.session
        return found


def find_corrections(
    scan: Path,
    derivatives: Iterable[tuple[str, Path]],
    names: Mapping[str, Sequence[Name]] | None = None,
    *,
    segments: Mapping[str, str] = SEGMENTS,
    files: Mapping[str, Path] = NO_FILES,
    system: str = "",
) -> Corrections:
    """Corrected masks of a scan in other datasets, and its fixed names.

    A mask with a ``seg`` in its name belongs to a scan if it has the entities of the scan; where
    its name has no ``mod``, the ``Sources`` of its sidecar decide if there are any. A mask of a
    system without such names lies where the system itself would put it. The first dataset that
    has a mask counts.

    Parameters
    ----------
    scan
        The scan.
    derivatives
        Names and roots of the datasets.
    names
        Content of `read_fixed_names`.
    segments
        Kinds of masks, and the ``seg`` in their names.
    files
        Kinds of masks, and the path of each below the output folder.
    system
        Folder of the system, for datasets that are laid out like a run of several.

    Raises
    ------
    InputError
        If one dataset holds several masks of one kind for the scan.
    """
    found: dict[str, Path] = {}
    sources: list[str] = []
    for dataset, root in derivatives:
        roots = [root, *([root / system] if system else [])]
        by_name = {kind: _named(roots, scan, label) for kind, label in segments.items()}
        by_place = {
            kind: [path for home in roots for path in _at(home / file)]
            for kind, file in files.items()
        }
        for kind, masks in {**by_name, **by_place}.items():
            if kind in found or not masks:
                continue
            if len(masks) > 1:
                words = f"seg-{segments[kind]}" if kind in segments else files[kind].as_posix()
                raise _several(words, dataset, root, masks)
            found[kind] = masks[0]
            sources.append(f"bids:{dataset}:{masks[0].relative_to(root).as_posix()}")
    fixed = tuple((names or {}).get(split_extension(scan.name)[0], ()))
    return Corrections(found, fixed, tuple(sources))


def _at(place: Path) -> list[Path]:
    """Masks at a place, compressed or not."""
    stem = place.with_name(split_extension(place.name)[0])
    paths = (stem.with_name(stem.name + extension) for extension in EXTENSIONS)
    return [path for path in paths if path.is_file()]


def _several(words: str, dataset: str, root: Path, masks: Sequence[Path]) -> InputError:
    both = " and ".join(path.relative_to(root).as_posix() for path in masks[:2])
    return InputError(
        f"There are several corrected {words} for one scan: {both}.",
        file=masks[0].parent,
        remedy=f"Keep one of them in the dataset {dataset}.",
    )


def _named(roots: Sequence[Path], scan: Path, label: str) -> list[Path]:
    """Masks of a scan by their names."""
    name = parse_name(scan)
    masks = [path for home in roots for path in _masks(home, name, label)]
    return [path for path in masks if _belongs_to(path, scan, name)]


def _masks(root: Path, name: ScanName, kind: str) -> list[Path]:
    """Masks of a subject that have the right name."""
    folder = root / f"sub-{name.subject}"
    paths = [p for end in EXTENSIONS for p in folder.rglob(f"*_seg-{kind}_*{end}")]
    return sorted(path for path in paths if parse_name(path).suffix in MASK_SUFFIXES)


def _belongs_to(path: Path, scan: Path, name: ScanName) -> bool:
    """Whether a mask is of this scan; see `find_corrections`."""
    entities = dict(parse_name(path).entities)
    modality = entities.get("mod")
    if modality is not None and modality != name.suffix:
        return False
    own = {k: v for k, v in entities.items() if k not in FREE_ENTITIES - set(name.entities)}
    if {**name.entities, "seg": entities["seg"]} != {**own, "seg": entities["seg"]}:
        return False
    if modality is not None:
        return True
    sources = _sources(path)
    return not sources or any(source.rpartition("/")[2] == scan.name for source in sources)


def _sources(path: Path) -> list[str]:
    """``Sources`` in the sidecar of a mask; empty if it has none."""
    sidecar = path.with_name(split_extension(path.name)[0] + ".json")
    stated = read_json(sidecar).get("Sources", [])
    if not isinstance(stated, str | list):
        return []
    return [str(source) for source in ([stated] if isinstance(stated, str) else stated)]


def read_fixed_names(path: Path) -> dict[str, list[Name]]:
    """Read the table of names that a reader fixed: a row for each vertebra.

    Tabs part the columns, or semicolons or commas, as spreadsheets write them.

    Columns: ``scan`` (file name of the scan, with or without its extension), ``name`` (C1 to L6),
    and either ``found`` (present name) or ``x``, ``y``, ``z`` (world coordinates in mm, RAS).

    Returns
    -------
    dict
        Names by the file name of the scan without its extension.

    Raises
    ------
    InputError
        If the file cannot be read; the message names the line.
    """
    try:
        columns, rows = parse_table(path, COLUMNS)
    except (OSError, ValueError) as fault:
        raise _refused(path, f"it cannot be read: {fault}") from fault
    if not {"scan", "name"} <= set(columns) or not {"found", "x"} & set(columns):
        raise _refused(path, f"its columns are {', '.join(columns) or 'none'}")
    out: dict[str, list[Name]] = {}
    for line, row in enumerate(rows, start=2):
        text = {key: (row.get(key) or "").strip() for key in COLUMNS}
        if not any(text.values()):
            continue
        try:
            entry = _entry(text)
        except ValueError as fault:
            raise _refused(path, f"line {line}: {fault}") from fault
        out.setdefault(split_extension(Path(text["scan"]).name)[0], []).append(entry)
    return out


def _entry(text: Mapping[str, str]) -> Name:
    """Name that a row of the table fixes; ValueError says what is wrong with the row."""
    if not text["scan"]:
        raise ValueError("the scan is missing")
    label = _label(text["name"])
    point = [text[axis] for axis in "xyz"]
    if all(value not in ("", "n/a") for value in point):
        x, y, z = map(float, point)
        if not all(map(math.isfinite, (x, y, z))):
            raise ValueError(f"{', '.join(point)} is no place")
        return label, None, (x, y, z)
    return label, _label(text["found"]), None


_LABELS: Final = {
    name.upper(): label
    for label, name in VERTEBRA_NAMES.items()
    if name[:1] in "CTL" and name[1:].isdecimal()
}


def _label(name: str) -> int:
    """Label of a vertebra by its name."""
    if name.upper() not in _LABELS:
        raise ValueError(f"{name!r} is no vertebra (C1 to C7, T1 to T13, L1 to L6)")
    return _LABELS[name.upper()]


def _refused(path: Path, why: str) -> InputError:
    return InputError(
        f"The table of --manual-labels cannot be used: {why}.",
        file=path,
        remedy="Write tab-separated columns scan, name, found, or scan, name, x, y, z.",
    )
