"""The tables of what the originals do otherwise, one a system."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

import spineps_nipype
from spineps_nipype.core.switches import CORRECTED, fault, switches
from spineps_nipype.sc_epi import upstream as sc_epi
from spineps_nipype.spine_segmentation import upstream as spine_segmentation
from spineps_nipype.spineps import upstream as spineps
from spineps_nipype.totalspineseg import upstream as totalspineseg

LIBRARY = Path(spineps_nipype.__file__).parent
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class System:
    """A system: module of its table."""

    module: Any

    @property
    def words(self) -> tuple[str, ...]:
        return self.module.KNOWN  # type: ignore[no-any-return]

    @property
    def names(self) -> set[str]:
        return {f.name for f in fields(self.module.Upstream)}

    @property
    def look_up(self) -> Callable[[str], Any]:
        return self.module.upstream  # type: ignore[no-any-return]


SYSTEMS = {
    "spineps": System(spineps),
    "totalspineseg": System(totalspineseg),
    "sc_epi": System(sc_epi),
    "spine_segmentation": System(spine_segmentation),
}
every_system = pytest.mark.parametrize("name", SYSTEMS)


@dataclass(frozen=True)
class Table:
    """A table of three faults."""

    always: bool = fault()
    late: bool = fault("new")
    early: bool = fault("old")


def test_a_switch_is_on_in_the_versions_that_have_the_fault() -> None:
    words = (CORRECTED, "old", "new")
    assert switches(Table, CORRECTED, words) == Table()
    assert switches(Table, "old", words) == Table(always=True, early=True)
    assert switches(Table, "new", words) == Table(always=True, late=True)


def test_single_switches_are_turned_on_by_name() -> None:
    words = (CORRECTED, "old", "new")
    assert switches(Table, "corrected,early", words) == Table(early=True)
    assert switches(Table, "old,late", words) == Table(always=True, early=True, late=True)
    with pytest.raises(ValueError, match="no switch is called 'erly'; there is early"):
        switches(Table, "corrected,erly", words)


@every_system
def test_the_default_has_no_fault(name: str) -> None:
    system = SYSTEMS[name]
    assert not any(vars(system.module.Upstream()).values())
    assert system.look_up("corrected") == system.module.Upstream()


@every_system
def test_every_switch_is_on_somewhere_and_says_what_the_original_does(name: str) -> None:
    system = SYSTEMS[name]
    on = [vars(system.look_up(word)) for word in system.words]
    table = next(
        node
        for node in ast.parse(inspect.getsource(system.module)).body
        if isinstance(node, ast.ClassDef)
    )
    described = {
        field.target.id
        for field, words in zip(table.body, table.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(words, ast.Expr)
    }
    assert described == system.names
    assert all(any(table[switch] for table in on) for switch in system.names)


@every_system
def test_another_word_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="known are corrected"):
        SYSTEMS[name].look_up("version 2")


def test_the_seed_differs_where_its_successor_was_corrected() -> None:
    newer, seed = vars(spineps.upstream("spineps-2.1.3")), vars(spineps.upstream("seed"))
    differ = {name for name in SYSTEMS["spineps"].names if newer[name] != seed[name]}
    assert differ == {
        "box_cut_twice",
        "far_cut_to_largest_box",
        "split_from_grown_parts",
        "odd_partner_kept",
        "top_joined_without_contact",
        "patches_always_turned",
        "head_26_unknown",
        "metal_unpainted",
        "split_plates_ignored",
    }
    assert newer["box_cut_twice"]
    assert not seed["box_cut_twice"]


def sources(*folders: Path) -> list[tuple[Path, ast.AST]]:
    found = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [(p, ast.parse(p.read_text())) for p in found if p.name != "upstream.py"]


@every_system
def test_every_switch_is_used(name: str) -> None:
    """By the rules of the system, or by those who load and store for it."""
    folders = (LIBRARY / name, LIBRARY / "interfaces", ROOT / "workflows")
    asked = {
        node.attr
        for _, tree in sources(*folders)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }
    assert SYSTEMS[name].names <= asked


def test_nothing_compares_numerics() -> None:
    """Rules ask for switches by name; the words stand in the tables and in the settings."""
    words = {word for system in SYSTEMS.values() for word in system.words}
    for path, tree in sources(LIBRARY, ROOT / "workflows"):
        if path.relative_to(LIBRARY if LIBRARY in path.parents else ROOT).parts[0] == "reports":
            continue  # the methods text says which numerics were used
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                said = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                assert not said & words, f"{path}:{node.lineno} compares numerics"
