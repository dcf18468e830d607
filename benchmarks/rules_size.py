"""How much there is of the rules: switches on trial, constants, lines.

    python benchmarks/rules_size.py [CHECKOUT]

Prints a line for each system, and for the rules that all may use. Constants are numbers that
names in capitals get at the top of a module. Lines are those of the code as Python itself writes
it, without docstrings and comments. CHECKOUT is another state of this repository.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

FILES: Final = {
    "spineps": ("spineps/*.py",),
    "totalspineseg": ("totalspineseg/*.py",),
    "spine-segmentation": ("spine_segmentation/*.py",),
    "shared": ("core/spine_[cp]*.py", "core/missed_vertebrae.py"),
}
"""Modules of each part."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the sizes; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    root = Path(given[0]) if given else Path(__file__).resolve().parents[1]
    tried = tomllib.loads((root / "benchmarks/rules/on_trial.toml").read_text(encoding="utf-8"))
    print("part", "on trial", "constants", "lines", sep="\t")
    package = root / "spineps_nipype"
    for part, patterns in FILES.items():
        sizes = size_of(chain.from_iterable(map(package.glob, patterns)))
        print(part, len(tried.get(part, ())), *sizes, sep="\t")
    return 0


def size_of(files: Iterable[Path]) -> tuple[int, int]:
    """Number of constants and of lines of code in modules."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    return sum(len(list(constants(tree))) for tree in trees), sum(map(lines, trees))


def constants(tree: ast.Module) -> Iterator[str]:
    """Names in capitals that get a number at the top of a module."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        for name, number in pairs:
            if isinstance(name, ast.Name) and name.id.isupper() and _is_number(number):
                yield name.id


def _is_number(node: ast.expr) -> bool:
    try:
        return isinstance(ast.literal_eval(node), int | float)
    except ValueError:
        return False


def lines(tree: ast.Module) -> int:
    """Lines of code of a module."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                kept = [part for part in block if not _is_text(part)]
                setattr(node, name, kept or block[:1])
    return sum(bool(line.strip()) for line in ast.unparse(tree).splitlines())


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


if __name__ == "__main__":
    raise SystemExit(main())
