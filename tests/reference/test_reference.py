from __future__ import annotations

import json

import pytest

from benchmarks.against_spineps.cases import CASES

from .store import HERE, RUNS, VECTORS, StoredRun

LARGEST = 5_000_000
"""Bytes of the whole folder."""


def test_the_folder_stays_small() -> None:
    assert sum(p.stat().st_size for p in HERE.rglob("*") if p.is_file()) < LARGEST


def test_every_run_is_there() -> None:
    assert {p.stem for p in RUNS.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_run_has_its_last_stage(name: str) -> None:
    run = StoredRun(name)
    assert run.array("31_vert_final").any()
    assert run.data["40_centroids"]


def test_every_vector_has_its_parameters() -> None:
    manifest = json.loads((VECTORS / "manifest.json").read_text())
    files = {p.stem for p in VECTORS.glob("*.npz")}
    assert files <= manifest.keys()
    # crops and their way back are told by numbers alone
    assert all(name.startswith("ss_croppad") for name in manifest.keys() - files)
