"""All writing goes through `core.files`, which refuses to leave the folders of a run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOOR = "spineps_nipype/core/files.py"
WRITERS = {
    *("write_text", "write_bytes", "mkdir", "makedirs", "touch", "unlink", "rename", "rmtree"),
    *("copy2", "copyfile", "copytree", "move", "symlink_to", "hardlink_to", "savefig"),
    *("dump_stats", "to_filename", "to_stream", "savez", "savez_compressed", "save_model", "save"),
}
"""Names of calls that write; those on the temporary file of the door are fine."""
OWN_FOLDERS = {
    "spineps_nipype/models/archive.py": "unpacks into a folder of the installer",
    "spineps_nipype/models/download.py": "downloads into the folder of models",
    "spineps_nipype/models/export.py": "writes packages where training says",
    "spineps_nipype/models/install.py": "installs into the folder of models",
    "spineps_nipype/models/pins.py": "records in the folder of models",
    "spineps_nipype/models/inference/openvino_engine.py": "asks the door first",
    "spineps_nipype/core/locks.py": "the mark of a lock, beside it",
    "spineps_nipype/dropin/dataset.py": "log of the drop-in, beside its results",
    "spineps_nipype/dropin/run.py": "a function of SPINEPS that writes where it is told",
    "spineps_nipype/spineps/snapshot.py": "a picture that the door has opened, and a draft",
    "workflows/engine/node_process.py": "resets the peak memory in /proc, and opens the log",
    "workflows/engine/node_events.py": "gives the crash file of nipype a name",
    "workflows/engine/node_results.py": "removes what nipype remembers of a node",
    "workflows/engine/run_guards.py": "asks the door, and tries a folder",
    "workflows/engine/usage_monitor.py": "two files with fixed names in the log folder",
    "workflows/engine/slurm/job.py": "asks the door, and hands a node over in the work folder",
    "workflows/engine/slurm/queue.py": "removes folders of jobs that it has made",
    "workflows/options/start_up.py": "standard output and error",
    "workflows/commands/sc_epi_run.py": "a temporary folder",
}
"""Modules that write otherwise, and why that cannot leave their folder."""


def _modules() -> list[str]:
    found = [*(ROOT / "spineps_nipype").rglob("*.py"), *(ROOT / "workflows").rglob("*.py")]
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    return [n for n in names if n != DOOR and not n.startswith("spineps_nipype/phantom/")]


def _behind_the_door(tree: ast.AST) -> set[ast.AST]:
    """Everything inside ``with whole_file(...)``."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
            "whole_file(" in ast.unparse(item.context_expr) for item in node.items
        ):
            inside.update(ast.walk(node))
    return inside


def _writes(tree: ast.AST) -> Iterator[str]:
    inside = _behind_the_door(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node in inside:
            continue
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in WRITERS:
            yield f"line {node.lineno}: {ast.unparse(called)}"
        replaces = isinstance(called, ast.Attribute) and called.attr == "replace"
        if replaces and len(node.args) == 1 and not node.keywords:  # of a path; a text takes two
            yield f"line {node.lineno}: {ast.unparse(called)}"
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name == "open" and any(
            isinstance(a, ast.Constant) and isinstance(a.value, str) and set(a.value) & set("wax+")
            for a in [*node.args[-1:], *(k.value for k in node.keywords if k.arg == "mode")]
        ):
            yield f"line {node.lineno}: {ast.unparse(node)[:60]}"


@pytest.mark.parametrize("name", _modules())
def test_no_module_writes_past_the_door(name: str) -> None:
    found = list(_writes(ast.parse((ROOT / name).read_text())))
    if name in OWN_FOLDERS:
        return
    assert not found, f"{name} writes without core.files:\n" + "\n".join(found)


def test_exceptions_are_needed() -> None:
    idle = [n for n in OWN_FOLDERS if not list(_writes(ast.parse((ROOT / n).read_text())))]
    assert not idle, f"no longer exceptions: {idle}"
