"""Files of model packages: their digest, and JSON that comes from somebody else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import ModelError

CHUNK: Final = 1 << 20
"""Bytes read at a time for the digest."""
MAX_JSON_BYTES: Final = 64 << 20
"""Largest JSON file that is read; plans of nnU-Net have a few kilobytes."""
AGAIN: Final = "Install the package again."


def digest_folder(folder: Path) -> str:
    """SHA-256 over the sorted relative names and the bytes of all files in a folder.

    Raises
    ------
    ModelError
        If a file cannot be read.
    """
    total = hashlib.sha256()
    try:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            relative = path.relative_to(folder)
            if any(part.startswith((".", "__pycache__")) for part in relative.parts):
                continue
            total.update(relative.as_posix().encode(errors="surrogateescape") + b"\0")
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    total.update(chunk)
    except OSError as err:
        raise ModelError(
            f"A file of the model package cannot be read: {err.strerror or err}.",
            file=err.filename or folder,
            remedy="Change its permissions, or install the package again.",
        ) from err
    return total.hexdigest()


def read_package_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file that a package must have, such as `plans.json`.

    Raises
    ------
    ModelError
        If it is missing, damaged, far too large, or holds no object.
    """
    if path.exists() and not path.is_file():
        raise ModelError("A file of the model package is no file.", file=path, remedy=AGAIN)
    try:
        size = path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise ModelError(
                f"A JSON file of the model package has {size / 1e6:.0f} MB, "
                f"{MAX_JSON_BYTES / 1e6:.0f} MB are allowed.",
                file=path,
                remedy=AGAIN,
            )
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:  # that of nested brackets without end
        raise ModelError(
            f"A file of the model package is missing or damaged: {err}.", file=path, remedy=AGAIN
        ) from err
    if not isinstance(content, dict):
        raise ModelError(
            "A file of the model package is not a JSON object.", file=path, remedy=AGAIN
        )
    return content
