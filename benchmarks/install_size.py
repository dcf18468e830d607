"""What an installation weighs: a table of the direct dependencies, with what they bring along.

``python benchmarks/install_size.py`` looks at the environment that it runs in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

PROJECT: Final = "spineps-nipype"
MEGABYTE: Final = 2**20


def name_of(text: str) -> str:
    """Name of a distribution in its normal spelling. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", text).lower()


def needed(package: Distribution) -> Iterator[str]:
    """Distributions that one needs without any of its extras."""
    for text in package.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield name_of(requirement.name)


def closure(name: str) -> set[str]:
    """A distribution and all that it needs, as far as they are installed."""
    found: set[str] = set()
    left = [name]
    while left:
        one = left.pop()
        if one in found:
            continue
        try:
            package = distribution(one)
        except PackageNotFoundError:
            continue
        found.add(one)
        left += needed(package)
    return found


def size_of(name: str) -> tuple[int, int]:
    """Bytes and number of the files of a distribution."""
    paths = [Path(str(file.locate())) for file in distribution(name).files or []]
    there = [path for path in paths if path.is_file()]
    return sum(path.stat().st_size for path in there), len(there)


def main() -> None:
    """Print the table, the largest dependency first, and the sums."""
    sizes = {name: size_of(name) for name in closure(PROJECT)}
    direct = [name for name in needed(distribution(PROJECT)) if name in sizes]
    rows = []
    for name in direct:
        others = closure(name) - {name}
        rows.append((name, sizes[name][0], sum(sizes[n][0] for n in others), len(others)))
    print("| dependency | itself [MB] | what it needs [MB] | packages |\n|---|---|---|---|")
    for name, own, others_size, count in sorted(rows, key=lambda row: -row[1]):
        megabytes = f"{own / MEGABYTE:.1f} | {others_size / MEGABYTE:.0f}"
        print(f"| {name} | {megabytes} | {count} |")
    total, files = map(sum, zip(*sizes.values(), strict=True))
    print(f"\n{len(sizes)} packages, {files} files, {total / MEGABYTE:.0f} MB")


if __name__ == "__main__":
    main()
