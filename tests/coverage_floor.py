"""Share of lines that the tests run, by layer, against a floor that only rises.

    python tests/coverage_floor.py build/coverage.json [--raise]

The floor stands in `coverage_floor.toml`, `SLACK` below what was counted, as tests with random
inputs do not run the same lines every time. Lines of processes that nodes start are not counted,
so a line that only a real run reaches counts as not run. `--raise` writes today's figures where
they are higher.
"""

from __future__ import annotations

import json
import math
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

FLOOR: Final = Path(__file__).with_name("coverage_floor.toml")
PACKAGE: Final = "spineps_nipype"
SLACK: Final = 0.3
"""Percent by which a share may be lower another time."""
TOP: Final = "core"
"""Layer of the modules that stand in no folder."""


def layer_of(file: str) -> str:
    """Layer in which a file stands: its folder below the package, or ``workflows``."""
    parts = Path(file).parts
    if parts[0] != PACKAGE:
        return parts[0]
    return parts[1] if len(parts) > 2 else TOP


def shares(report: Mapping[str, Any]) -> dict[str, float]:
    """Percent of the lines of each layer that were run, rounded down to one decimal.

    Parameters
    ----------
    report
        What ``coverage json`` writes.
    """
    lines: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file, facts in report["files"].items():
        counted = lines[layer_of(file)]
        counted[0] += facts["summary"]["covered_lines"]
        counted[1] += facts["summary"]["num_statements"]
    return {
        layer: math.floor(1000 * run / max(total, 1)) / 10
        for layer, (run, total) in sorted(lines.items())
    }


def complaints(found: Mapping[str, float], floor: Mapping[str, float]) -> Iterator[str]:
    """What is below its floor, or has none."""
    for layer in sorted(found.keys() | floor.keys()):
        if layer not in found:
            yield f"{layer}: no such layer; take it out of {FLOOR.name}"
        elif layer not in floor:
            yield f"{layer}: {found[layer]} %, and no floor; write one (--raise)"
        elif found[layer] < floor[layer]:
            yield f"{layer}: {found[layer]} % of the lines are run, {floor[layer]} % at least"


def raised(found: Mapping[str, float], floor: Mapping[str, float]) -> dict[str, float]:
    """The floor, higher where more is run today."""
    return {
        layer: max(round(share - SLACK, 1), floor.get(layer, 0.0))
        for layer, share in sorted(found.items())
    }


def main(arguments: list[str]) -> int:
    """Print the shares; exit status 1 if one is below its floor."""
    found = shares(json.loads(Path(arguments[0]).read_text("utf-8")))
    floor: dict[str, float] = tomllib.loads(FLOOR.read_text("utf-8"))["floor"]
    for layer, share in found.items():
        print(f"{layer:20s} {share:5.1f} %")
    if "--raise" in arguments:
        lines = [f"{layer} = {share}" for layer, share in raised(found, floor).items()]
        head = FLOOR.read_text("utf-8").partition("[floor]")[0]
        FLOOR.write_text(head + "\n".join(["[floor]", *lines]) + "\n", "utf-8")
        return 0
    wrong = list(complaints(found, floor))
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
