"""Versions for pip: ``python tests/packaging/versions.py tested | lowest | newest``.

Only the standard library is used, because nothing is installed yet.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOWEST = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+)")


def constraints(which: str) -> Iterator[str]:
    """Lines of a file of constraints.

    Parameters
    ----------
    which
        ``tested``: those of `constraints.txt`; ``lowest``: the least version of every requirement
        of `pyproject.toml`; ``newest``: none, so that pip takes what there is.

    Raises
    ------
    SystemExit
        For any other word.
    """
    if which == "tested":
        yield from (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    elif which == "lowest":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        for requirement in project["dependencies"]:
            match = LOWEST.match(requirement)
            if match:
                yield f"{match[1]}=={match[2]}" + ("" if match[2].count(".") > 1 else ".*")
    elif which != "newest":
        sys.exit(f"{which!r} is none of tested, lowest, newest")


if __name__ == "__main__":
    print("\n".join(constraints(sys.argv[1])))
