"""Corrections by readers: masks in other datasets, and a table of vertebra names."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spineps_nipype.core.anatomy import VERTEBRA_NAMES
from spineps_nipype.core.files import file_digest
from spineps_nipype.errors import InputError

from .names import EXTENSIONS, ScanName, parse_name, split_extension

SEGMENTS: Final = ("spine", "vert")
SUFFIXES: Final = frozenset({"msk", "dseg"})
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
    spine, vert
        Corrected masks.
    names
        Fixed names of vertebrae.
    sources
        BIDS URIs of the masks.
    """

    spine: Path | None = None
    vert: Path | None = None
    names: tuple[Name, ...] = ()
    sources: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spine or self.vert or self.names)

    def digests(self) -> dict[str, str]:
        """SHA-256 of each correction, by ``spine``, ``vert`` and ``names``."""
        found = {k: file_digest(p) for k in SEGMENTS if (p := getattr(self, k)) is not None}
        if self.names and self.vert is None:  # a corrected mask has its names already
            found["names"] = hashlib.sha256(json.dumps(self.names).encode()).hexdigest()
        return found


def find_corrections(
    scan: Path,
    derivatives: Iterable[tuple[str, Path]],
    names: Mapping[str, Sequence[Name]] | None = None,
) -> Corrections:
    """Corrected masks of a scan in other datasets, and its fixed names.

    A mask belongs to a scan if it is a ``seg-spine`` or ``seg-vert`` with the entities of the
    scan. If its name has no ``mod``, the ``Sources`` in its sidecar, if any, must name the scan.
    Of several datasets with a mask, the first counts.

    Parameters
    ----------
    scan
        The scan.
    derivatives
        Names and roots of the datasets.
    names
        Content of `read_fixed_names`.

    Raises
    ------
    InputError
        If one dataset holds several masks of one kind for the scan.
    """
    name = parse_name(scan)
    found: dict[str, Path] = {}
    sources: list[str] = []
    for dataset, root in derivatives:
        for kind in SEGMENTS:
            if kind in found:
                continue
            masks = [path for path in _masks(root, name, kind) if _belongs_to(path, scan, name)]
            if len(masks) > 1:
                both = " and ".join(path.name for path in masks[:2])
                raise InputError(
                    f"There are several corrected seg-{kind} for one scan: {both}.",
                    file=masks[0].parent,
                    remedy=f"Keep one of them in the dataset {dataset}.",
                )
            if masks:
                found[kind] = masks[0]
                relative = masks[0].relative_to(root).as_posix()
                sources.append(f"bids:{dataset}:{relative}")
    fixed = tuple((names or {}).get(split_extension(scan.name)[0], ()))
    return Corrections(found.get("spine"), found.get("vert"), fixed, tuple(sources))


def _masks(root: Path, name: ScanName, kind: str) -> list[Path]:
    """Masks of a subject that have the right name."""
    folder = root / f"sub-{name.subject}"
    paths = [p for end in EXTENSIONS for p in folder.rglob(f"*_seg-{kind}_*{end}")]
    return sorted(path for path in paths if parse_name(path).suffix in SUFFIXES)


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
    try:
        stated = json.loads(sidecar.read_text(encoding="utf-8")).get("Sources", [])
    except (OSError, ValueError, AttributeError):
        return []
    return [str(source) for source in ([stated] if isinstance(stated, str) else stated)]


def read_fixed_names(path: Path) -> dict[str, list[Name]]:
    """Read the table of names that a reader fixed: a TSV with a row for each vertebra.

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
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            rows = list(reader)
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
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
        return label, None, (x, y, z)
    return label, _label(text["found"]), None


_LABELS: Final = {
    name.upper(): label
    for label, name in VERTEBRA_NAMES.items()
    if name[:1] in "CTL" and name[1:].isdigit()
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
