"""Records of phases, and their differences in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spineps_nipype.results.recipe import SCAN, Phase, Recipe
from spineps_nipype.results.record import Provenance, differences

from ..workflows.scan_files import Package

RECIPE = Recipe(
    "test",
    (
        Phase(
            "raw",
            ("raw",),
            (SCAN,),
            settings=("number", "group"),
            models=("first", "helper"),
            algorithm=3,
            replaced_by="mask",
        ),
        Phase("final", ("final",), (SCAN, "raw"), settings=("other",), takes=("names",)),
        Phase("aside", ("aside",), (SCAN,), settings=("number",), models=("second",)),
    ),
    corrections={"mask": "corrected mask", "names": "table of names"},
    words={"raw": "raw mask"},
)
FIRST, HELPER = Package("first", "1" * 64), Package("helper", "2" * 64, Path("elsewhere"))
MADE = Provenance(
    RECIPE, {"number": 4, "group": {"a": 1, "b": (2, 3)}, "other": "x"}, {"first": FIRST}
)


def test_a_record_holds_all_that_is_upstream() -> None:
    record = MADE.record("final")
    assert record["Algorithm"] == {"raw": 3, "final": 1}
    assert record["Settings"] == {"group": {"a": 1, "b": (2, 3)}, "number": 4, "other": "x"}
    assert list(record["Settings"]) == ["group", "number", "other"], "groups come first"
    assert record["Models"] == {"first": {"id": "first", "digest": "1" * 64, "licence": "unknown"}}
    assert "Corrections" not in record
    assert MADE.own_record("final")["Settings"] == {"other": "x"}


def test_networks_that_a_scan_has_no_use_for_are_absent_and_others_are_none() -> None:
    assert MADE.record("aside")["Models"] == {}
    without = replace(MADE, models={"first": None})
    assert without.record("raw")["Models"] == {"first": {"id": "none", "digest": "none"}}


def test_what_a_correction_replaces_does_not_count() -> None:
    given = replace(MADE, corrections={"mask": "m" * 64, "names": "n" * 64})
    record = given.record("final")
    assert record["Settings"] == {"other": "x"}
    assert record["Models"] == {}
    assert record["Corrections"] == {"mask": "m" * 64, "names": "n" * 64}
    assert given.record("raw")["Corrections"] == {"mask": "m" * 64}
    assert "Corrections" not in given.record("aside")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"settings": {**MADE.settings, "number": 5}}, ["number was 4, is 5"]),
        (
            {"settings": {**MADE.settings, "group": {"a": 1, "b": (2, 4)}}},
            ["group.b was [2, 3], is [2, 4]"],
        ),
        (
            {"models": {"first": Package("newer", "9" * 64)}},
            ["first model was first (11111111), is newer (99999999)"],
        ),
        (
            {"models": {"first": FIRST, "helper": HELPER}},
            ["helper model was an unknown model (), is helper (22222222)"],
        ),
        (
            {"corrections": {"mask": "m" * 64}},
            ["made without a corrected mask"],
        ),
        (
            {"corrections": {"names": "n" * 64}},
            ["made without a table of names"],
        ),
    ],
)
def test_differences_in_words(changed: dict[str, object], words: list[str]) -> None:
    other = replace(MADE, **changed)  # type: ignore[arg-type]
    assert differences(MADE.record("final"), other.record("final"), RECIPE) == words
    assert differences(other.record("final"), other.record("final"), RECIPE) == []


def test_a_network_that_is_no_longer_used_is_a_difference() -> None:
    helped = replace(MADE, models={"first": FIRST, "helper": HELPER})
    assert differences(helped.record("raw"), MADE.record("raw"), RECIPE) == [
        "helper model was helper (22222222), is none"
    ]


def test_another_correction_and_none() -> None:
    one, two = (replace(MADE, corrections={"mask": digest * 64}) for digest in "mn")
    records = [one.record("final"), two.record("final"), MADE.record("final")]
    assert differences(records[0], records[1], RECIPE) == ["made with another corrected mask"]
    assert "made with a corrected mask" in differences(records[0], records[2], RECIPE)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ({SCAN: "1", "raw": "2"}, {SCAN: "1", "raw": "2"}, []),
        ({SCAN: "1", "raw": "2"}, {SCAN: "3", "raw": "2"}, ["made from another scan"]),
        ({SCAN: "1", "raw": "2"}, {SCAN: "1", "raw": "4"}, ["made from another raw mask"]),
        ({SCAN: "1", "raw": "2"}, {SCAN: "1"}, []),
        ({SCAN: "1"}, {SCAN: "1", "raw": "2"}, []),
        ({}, {SCAN: "1"}, ["made without scan"]),
    ],
)
def test_inputs(was: dict[str, str], now: dict[str, str], words: list[str]) -> None:
    stored, wanted = ({**MADE.record("final"), "Inputs": inputs} for inputs in (was, now))
    assert differences(stored, wanted, RECIPE) == words


def test_another_version_of_a_phase() -> None:
    rows = tuple(replace(p, algorithm=4) if p.name == "raw" else p for p in RECIPE.phases)
    newer = replace(MADE, recipe=replace(RECIPE, phases=rows))
    assert differences(MADE.record("final"), newer.record("final"), RECIPE) == [
        "made by another version of the raw phase"
    ]
    assert differences(MADE.record("aside"), newer.record("aside"), RECIPE) == []
