"""`training/` and `benchmarks/` stay apart, and so do the recipes and the questions in them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

RECIPES = {"column", "semantic", "scout", "instance", "labeling", "sc_epi", "spine_segmentation"}
# Who may import whom, by the second part of the module name.
TRAINING = {
    "common": set(),
    **{recipe: {"common"} for recipe in RECIPES},
    "totalspineseg": {"common", "semantic"},
    "quality": {"common", "semantic"},
    "forms": {"common", "semantic", "labeling", "spine_segmentation"},
}
BENCHMARKS = {
    "original_spineps": set(),
    "against_truth": set(),
    "against_spineps": {"original_spineps"},
    "timing": {"original_spineps"},
    "rules": {"against_truth"},
}


def _modules(folder: str) -> list[Path]:
    return [path.relative_to(ROOT) for path in sorted((ROOT / folder).rglob("*.py"))]


def _imports(path: Path) -> set[str]:
    """Dotted names of all modules and objects that a file imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports here are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _reached(path: Path, top: str, allowed: dict[str, set[str]]) -> set[str]:
    """Folders of the same tree that a file imports and may not."""
    folder = path.parts[1]
    parts = [name.split(".") for name in _imports(path) if name.startswith(f"{top}.")]
    found = {part[1] for part in parts if part[1] in allowed}
    return found - allowed[folder] - {folder}


@pytest.mark.parametrize("path", _modules("training"), ids=str)
def test_recipes_share_only_what_is_common(path: Path) -> None:
    assert not {name for name in _imports(path) if name.split(".")[0] in ("benchmarks", "tests")}
    if len(path.parts) > 2:
        assert not _reached(path, "training", TRAINING)


@pytest.mark.parametrize("path", _modules("benchmarks"), ids=str)
def test_what_measures_knows_nothing_of_training(path: Path) -> None:
    assert not {name for name in _imports(path) if name.split(".")[0] == "training"}
    if len(path.parts) > 2:
        assert not _reached(path, "benchmarks", BENCHMARKS)


def test_every_folder_has_a_place() -> None:
    for top, known in (("training", TRAINING), ("benchmarks", BENCHMARKS)):
        folders = {path.parent.name for path in (ROOT / top).glob("*/__init__.py")}
        assert folders == set(known)


def test_no_benchmark_file_is_in_a_circle() -> None:
    graph = {
        ".".join(path.with_suffix("").parts): {
            target for name in _imports(path) for target in (name, name.rpartition(".")[0])
        }
        for path in _modules("benchmarks")
    }
    while leaves := {name for name, targets in graph.items() if not targets & set(graph)}:
        graph = {name: targets for name, targets in graph.items() if name not in leaves}
    assert not graph
