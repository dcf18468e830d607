"""Results that the work folder remembers: believed only if their files are what a node wrote."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import file_digest, read_json, write_text

logger = logging.getLogger("spineps_nipype.engine")

SEAL: Final = "_files.json"
"""File in the folder of a node: the algorithms by which it was made, the digests of its files."""


def seal(node: Any) -> None:
    """Write down what a node that has just ended made; without that it is not remembered."""
    folder = Path(node.output_dir())
    try:
        digests = {
            path.relative_to(folder).as_posix(): file_digest(path)
            for path in _own_files(node, folder)
        }
        content = {"algorithms": _algorithms(node), "files": digests}
        write_text(folder / SEAL, json.dumps(content, indent=1, sort_keys=True) + "\n")
    except Exception as fault:  # a full disk, or a result that cannot be read back
        logger.info("what %s made is not remembered: %s", node.fullname, fault)


def is_remembered(node: Any) -> bool:
    """Whether a node need not run: its result is that of its inputs, and its files are whole."""
    if not is_current(node):
        return False
    always = node.overwrite or (node.overwrite is None and node.interface.always_run)
    return not always


def is_current(node: Any) -> bool:
    """Whether the result of a node is that of its inputs, with its files; else it is forgotten."""
    cached, updated = node.is_cached()
    if not (cached and updated):
        return False
    fault = _fault(node)
    if fault:
        logger.warning("%s in the work folder: %s; it is made again", node.fullname, fault)
        forget(node)
    return not fault


def _fault(node: Any) -> str:
    """What speaks against a remembered result; empty if nothing does."""
    folder = Path(node.output_dir())
    try:
        outputs = list(_paths(_outputs(node)))
    except Exception:  # whatever a damaged pickle raises
        return "its result cannot be read"
    if not all(Path(path).exists() for path in outputs):
        return "its files are gone"
    if not (folder / SEAL).is_file():
        return "it was stopped before its files were whole"
    content = read_json(folder / SEAL)
    said = content.get("files")
    if not isinstance(said, dict):
        return "what it wrote cannot be told"
    if content.get("algorithms") != _algorithms(node):
        return "it was made by another version of this program"
    try:
        own = {path.relative_to(folder).as_posix(): path for path in _own_files(node, folder)}
        same = set(own) == set(said) and all(file_digest(p) == said[n] for n, p in own.items())
    except OSError as fault:
        return f"its files cannot be read ({fault.strerror})"
    return "" if same else "its files have changed since they were written"


def _algorithms(node: Any) -> dict[str, int]:
    """What `workflows.nodes.follow` says that a node computes by; inputs do not tell it."""
    return dict(getattr(node, "algorithms", {}))


def _outputs(node: Any) -> list[Any]:
    outputs = node.result.outputs
    return list(outputs.get_traitsfree().values()) if hasattr(outputs, "get_traitsfree") else []


def _own_files(node: Any, folder: Path) -> list[Path]:
    """Files among the outputs of a node that lie in its own folder, each once."""
    found = (Path(path) for path in _paths(_outputs(node)))
    return sorted({path for path in found if path.is_relative_to(folder) and path.is_file()})


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, str) and os.path.isabs(value):
        yield value
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _paths(entry)


def forget(node: Any) -> None:
    """Make nipype forget the result of a node."""
    folder = Path(node.output_dir())
    for pattern in ("_0x*.json", "result_*.pklz", SEAL):
        for path in folder.glob(pattern):
            with suppress(OSError):
                path.unlink()
    node._result = None
