"""How much there is of the rules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks import rules_size

MODULE = '''"""Words."""

FIRST: Final = 0.5
"""What it is."""
SECOND, THIRD = 2, -3.0
NAMES = ("a", "b")
size = 4


def rule() -> int:
    """Words, too."""
    # a reason
    return FIRST


class Empty:
    """Nothing but words."""
'''


def test_constants_are_numbers_with_a_name_in_capitals() -> None:
    assert list(rules_size.constants(ast.parse(MODULE))) == ["FIRST", "SECOND", "THIRD"]


def test_words_are_no_lines() -> None:
    """Four assignments, two lines of a function and two of a class."""
    assert rules_size.lines(ast.parse(MODULE)) == 8


def test_every_part_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert rules_size.main([]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert [row.split("\t")[0] for row in rows] == list(rules_size.FILES)
    assert all(int(number) >= 0 for row in rows for number in row.split("\t")[1:])
    root = Path(rules_size.__file__).resolve().parents[1]
    assert rules_size.main([str(root)]) == 0
    assert capsys.readouterr().out.splitlines() == [head, *rows]
