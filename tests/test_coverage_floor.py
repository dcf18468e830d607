from __future__ import annotations

from tests.coverage_floor import complaints, layer_of, raised, shares

REPORT = {
    "files": {
        "spineps_nipype/core/a.py": {"summary": {"covered_lines": 9, "num_statements": 10}},
        "spineps_nipype/errors.py": {"summary": {"covered_lines": 10, "num_statements": 10}},
        "workflows/app/b.py": {"summary": {"covered_lines": 1, "num_statements": 3}},
        "spineps_nipype/bids/__init__.py": {"summary": {"covered_lines": 0, "num_statements": 0}},
    }
}


def test_layers_are_folders_of_the_package() -> None:
    assert layer_of("spineps_nipype/models/inference/semantic.py") == "models"
    assert layer_of("spineps_nipype/errors.py") == "core"
    assert layer_of("workflows/stored/scans.py") == "workflows"


def test_shares_are_of_lines_and_rounded_down() -> None:
    assert shares(REPORT) == {"bids": 0.0, "core": 95.0, "workflows": 33.3}


def test_below_the_floor_is_a_complaint() -> None:
    found = {"core": 95.0, "models": 80.0, "bids": 70.0}
    told = list(complaints(found, {"core": 95.1, "models": 80.0, "gone": 1.0}))
    assert [line.split(":")[0] for line in told] == ["bids", "core", "gone"]


def test_the_floor_only_rises() -> None:
    assert raised({"core": 95.0, "bids": 70.0}, {"core": 96.0}) == {"bids": 69.7, "core": 96.0}
