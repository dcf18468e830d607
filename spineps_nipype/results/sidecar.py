"""Sidecars: what they say of a result, for whoever stores it.

A POI file and a JSON table carry the record of their making inside; other results have a sidecar.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.core.files import file_digest, write_text
from spineps_nipype.core.own_readers import RECORD
from spineps_nipype.core.schema import misfit
from spineps_nipype.core.tables import read_labels

PROVENANCE: Final = "Provenance"
"""Key under which a sidecar, or the header of a JSON result, says how the file was made."""
SHA: Final = "Sha256"
"""Entry of a record: digest by which the stored file is proven, see `result_digest`."""
REPLACES: Final = "Replaces"
"""Entry of a record while its file takes the place of an older one: digest of the older one."""
DESCRIBED: Final = (".nii.gz", ".nii", ".npz", ".png", ".jpg", ".tsv")
"""Kinds of files that get a sidecar."""
JSON: Final = ".json"


def has_sidecar(path: str | Path) -> bool:
    """Whether a file of this name gets a JSON sidecar."""
    return str(path).endswith(DESCRIBED)


def has_record(path: str | Path) -> bool:
    """Whether a file of this name says how it was made, in a sidecar or inside."""
    return str(path).endswith((*DESCRIBED, JSON))


def sidecar_of(path: Path) -> Path:
    """Sidecar of a result; a JSON file is its own."""
    if path.suffix == JSON:
        return path
    return path.with_name(path.name.removesuffix(".gz").rsplit(".", 1)[0] + JSON)


def with_sidecars(paths: Iterable[Path]) -> list[Path]:
    """Files in the order in which `describe` returns them: each result, then its sidecar."""
    return [
        file
        for path in paths
        for file in ([path, sidecar_of(path)] if has_sidecar(path) else [path])
    ]


def read_record(path: Path) -> dict[str, Any] | None:
    """Record of a stored result, None if there is none that can be read and fits its schema."""
    try:
        content = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
        header = content[0] if isinstance(content, list) else content
        record = header[PROVENANCE]
    except (OSError, ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return None if misfit(record, RECORD) else record


def result_digest(path: Path) -> str:
    """SHA-256 of a result; of the content of a JSON file beside its record, as canonical text."""
    if path.suffix != JSON:
        return file_digest(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _content_digest(content)
    except (ValueError, RecursionError):
        return file_digest(path)


def _content_digest(content: Any) -> str:
    header = content[0] if isinstance(content, list) and content else content
    if isinstance(header, dict):
        bare = {key: value for key, value in header.items() if key != PROVENANCE}
        content = [bare, *content[1:]] if isinstance(content, list) else bare
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Description:
    """What the sidecars of the results of one phase say.

    Parameters
    ----------
    record
        How they are made, without digests of files.
    metadata
        Entries of all sidecars.
    entries
        Further entries of single results: of tables, what their columns mean.
    confidences
        Result whose sidecar tells the confidence of each name, and the table that has it.
    """

    record: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    confidences: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary, which a node can take."""
        return {
            "record": dict(self.record),
            "metadata": dict(self.metadata),
            "entries": {name: dict(entry) for name, entry in self.entries.items()},
            "confidences": dict(self.confidences),
        }


def describe(
    results: Mapping[str, Path],
    description: Description,
    *,
    inputs: Mapping[str, Path],
    folder: Path,
) -> list[Path]:
    """Describe the results of a phase.

    Parameters
    ----------
    results
        Files by the name of the result.
    description
        What is said of them.
    inputs
        Files that they were made from, by name.
    folder
        Where sidecars are written, as ``NAME.json``.

    Returns
    -------
    list of Path
        Each result, followed by its sidecar if it has one. In place of a JSON result stands a
        copy with its record inside.
    """
    digests = {name: file_digest(path) for name, path in inputs.items()}
    files: list[Path] = []
    for name, path in results.items():
        target = folder / f"{name}{JSON}"
        if path.suffix == JSON:
            write_json(target, _described_inside(path, {**description.record, "Inputs": digests}))
            files.append(target)
            continue
        files.append(path)
        if has_sidecar(path):
            write_json(target, sidecar(name, path, description, digests, results))
            files.append(target)
    return files


def sidecar(
    name: str,
    path: Path,
    description: Description,
    digests: Mapping[str, str],
    results: Mapping[str, Path],
) -> dict[str, Any]:
    """Content of the sidecar of one result.

    Parameters
    ----------
    name, path
        The result and its file.
    description
        What is said of the results of its phase.
    digests
        SHA-256 of the files that it was made from, by name.
    results
        All results of the phase; the table of names may be among them.
    """
    entries = {**description.metadata, **description.entries.get(name, {})}
    table = results.get(description.confidences.get(name, ""))
    if table is not None:
        entries["LabelConfidence"] = _confidences(table)
    record = {**description.record, "Inputs": dict(digests), SHA: file_digest(path)}
    return {**entries, PROVENANCE: record}


def generated_by(description: str = "") -> dict[str, Any]:
    """Entry that names this program, and what of it made the results."""
    program = {"Name": "spineps_nipype", "Version": __version__}
    if description:
        program["Description"] = description
    return {"GeneratedBy": [program]}


def _described_inside(path: Path, record: Mapping[str, Any]) -> Any:
    content = json.loads(path.read_text(encoding="utf-8"))
    header = content[0] if isinstance(content, list) else content
    header[PROVENANCE] = {**record, SHA: _content_digest(content)}
    return content


def _confidences(table: Path) -> dict[str, dict[str, Any]]:
    """Confidence and, where the table tells it, origin of each name, by name."""
    return {
        str(row["name"]): {
            "Confidence": row.get("confidence"),
            **({"From": row["source"]} if "source" in row else {}),
        }
        for row in read_labels(table)
        if row.get("name")
    }


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole."""
    write_text(path, json.dumps(content, indent=4) + "\n")
