from __future__ import annotations

import re
from pathlib import Path

from spineps_nipype.reports.group_page import GroupEntry, write_group_page

COLUMNS = {name: {"Description": "words"} for name in ("scan", "status", "verdict", "rating")}


def page(folder: Path, *rows: tuple[str, str, str | None, str | None]) -> str:
    entries = [GroupEntry(dict(zip(COLUMNS, row, strict=True))) for row in rows]
    return write_group_page(folder, entries, COLUMNS, {}, {}, "").read_text()


def test_what_needs_eyes_comes_first(tmp_path: Path) -> None:
    text = page(
        tmp_path,
        ("fine", "done", "pass", None),
        ("odd", "done", "look", None),
        ("calmed", "done", "fail", "pass"),
        ("bad", "done", "fail", None),
        ("doubted", "done", "pass", "look"),
        ("lost", "failed", None, None),
    )
    order = re.findall(r'<tr data-scan="(\w+)"', text)
    assert order == ["lost", "bad", "odd", "doubted", "fine", "calmed"]
    assert "<strong>2</strong> (33%) need no eyes" in text


def test_without_verdicts_nobody_is_called_calm(tmp_path: Path) -> None:
    text = page(tmp_path, ("a", "done", None, None), ("b", "done", None, None))
    assert "need no eyes" not in text
    assert re.findall(r'<tr data-scan="(\w+)"', text) == ["a", "b"]


def test_of_equal_verdicts_the_lowest_expected_dice_comes_first(tmp_path: Path) -> None:
    columns = {**COLUMNS, "expected_dice": {"Description": "words"}}
    rows = (("a", 0.9, "pass"), ("b", 0.55, "look"), ("c", None, ""), ("d", 0.7, "look"))
    entries = [
        GroupEntry(
            {
                **{"scan": scan, "status": "done", "verdict": "look", "rating": None},
                **{"expected_dice": dice, "check_quality": verdict},
            }
        )
        for scan, dice, verdict in rows
    ]
    text = write_group_page(tmp_path, entries, columns, {}, {}, "").read_text()
    assert re.findall(r'<tr data-scan="(\w+)"', text) == ["b", "d", "a", "c"]
    assert '<td data-key="0.55" class="number"><span class="chip look">0.55</span></td>' in text
    assert '<td data-key="" class="number"></td>' in text
    assert "Expected Dice</button>" in text
