"""TOML, YAML and JSON files can be read: ``python tests/packaging/data_files.py FILE ...``."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

READERS: Final[dict[str, Callable[[str], Any]]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".cff": yaml.safe_load,
}


def faults(paths: Sequence[Path]) -> Iterator[str]:
    """One line for each file that cannot be read, with the reason."""
    for path in paths:
        read = READERS.get(path.suffix)
        try:
            if read is not None:
                read(path.read_text(encoding="utf-8"))
        except (ValueError, yaml.YAMLError) as fault:
            yield f"{path}: {fault}"


if __name__ == "__main__":
    found = list(faults([Path(word) for word in sys.argv[1:]]))
    print("\n".join(found), file=sys.stderr)
    sys.exit(1 if found else 0)
