"""The table of what SPINEPS does otherwise."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import spineps_nipype
from spineps_nipype.core.upstream import Upstream, upstream

LIBRARY = Path(spineps_nipype.__file__).parent
NAMES = {f.name for f in fields(Upstream)}
NUMERICS = {"corrected", "spineps-2.1.3", "seed"}


def test_the_default_has_no_fault() -> None:
    assert upstream("corrected") == Upstream()
    assert not any(vars(Upstream()).values())


def test_the_seed_differs_where_its_successor_was_corrected() -> None:
    newer, seed = vars(upstream("spineps-2.1.3")), vars(upstream("seed"))
    differ = {name for name in NAMES if newer[name] != seed[name]}
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


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="known are corrected"):
        upstream("spineps-2")  # type: ignore[arg-type]


def test_every_switch_is_used_and_nothing_else_compares_numerics() -> None:
    """Phases ask for switches by name; the words stand in the table and in the settings."""
    asked: set[str] = set()
    for folder in ("core", "models", "spineps"):
        for path in (LIBRARY / folder).rglob("*.py"):
            if path.name == "upstream.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in NAMES:
                    asked.add(node.attr)
                if isinstance(node, ast.Compare):
                    words = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                    assert not words & NUMERICS, f"{path.name}:{node.lineno} compares numerics"
    assert asked == NAMES
