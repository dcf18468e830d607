"""The speed comparison measures what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmarks import ROOT
from benchmarks.timing import phases
from benchmarks.timing.inputs import SPINE, VERT, write_faulty
from benchmarks.timing.phases import REFERENCE, Plan, Row, _agreement, stored
from benchmarks.timing.table import table


def masks() -> tuple[np.ndarray, np.ndarray]:
    """Three vertebrae with a disc below each, along I."""
    spine, vert = np.zeros((30, 60, 12), np.uint8), np.zeros((30, 60, 12), np.uint8)
    for number, top in enumerate((4, 22, 40), start=20):
        spine[5:25, top : top + 12, 2:10], vert[5:25, top : top + 12, 2:10] = 49, number
        spine[5:25, top + 12 : top + 16, 2:10] = 100
        vert[5:25, top + 12 : top + 16, 2:10] = 100 + number
    return spine, vert


AFFINE = np.array([[0, 0, 4.0, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def test_faulty_masks_hold_vertebrae_with_parts_missing(tmp_path: Path) -> None:
    spine, vert = masks()
    write_faulty(spine, vert, AFFINE, tmp_path)
    made = np.asarray(nib.load(tmp_path / VERT).dataobj)
    assert set(np.unique(made)) == {0, 1, 2, 3}
    body = spine == 49
    assert not made[~body].any()
    assert 0 < (made[body] == 0).mean() < 1
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / SPINE).dataobj), spine)


def test_a_phase_prints_what_it_took_and_stores_its_masks(tmp_path: Path) -> None:
    write_faulty(*masks(), AFFINE, tmp_path)
    command = [sys.executable, "-m", "benchmarks.timing.ours", "post"]
    done = subprocess.run(
        [*command, *map(str, (tmp_path, tmp_path, tmp_path / "out.npz"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    spent = json.loads(done.stdout.splitlines()[-1])
    assert spent.keys() == {"load", "wall", "cpu", "peak_gb"}
    assert spent["cpu"] > 0
    spine, vert = np.load(tmp_path / "out.npz").values()
    assert spine.shape == vert.shape == (30, 60, 12)
    assert {2, 3, 4, 102, 103, 104} <= set(np.unique(vert))


def test_ratio_is_that_of_cpu_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row("a", "post", REFERENCE, 9.0, 4.0, 0.0, 2.0, 1.0),
        Row("a", "post", "ours", 9.0, 1.0, 0.0, 1.0, 0.5),
        Row("a", "post", "other", 0.0, 0.0, 0.0, 0.0, None, "no such engine"),
    ]
    text = table(rows)
    assert "| a | post | ours | 1.00 | 9.0 | 4.00 × | 1.00 | 0.500000 |" in text
    assert "failed: no such engine" in text


def test_shapes_that_differ_are_not_compared() -> None:
    assert _agreement([np.zeros(3)], [np.zeros(4)]) is None
    assert _agreement([np.zeros(4), np.ones(4)], [np.zeros(4), np.zeros(4)]) == 0.5


def test_what_is_measured_is_not_measured_again(tmp_path: Path) -> None:
    out = tmp_path / "sized_post_ours.npz"
    assert stored(out) is None
    out.with_suffix(".json").write_text('{"wall": 1.0, "cpu": 2.0}')
    assert stored(out) is None  # no masks
    out.write_bytes(b"")
    assert stored(out) == {"wall": 1.0, "cpu": 2.0}


def test_programs_can_be_chosen(tmp_path: Path) -> None:
    plan = Plan(tmp_path, "a", tmp_path, tmp_path, 1, programs=["torch float32"])
    assert list(plan.commands("semantic")) == ["torch float32"]
    assert set(plan.commands("post")) == {REFERENCE, "ours"}


@pytest.mark.parametrize(
    ("has", "isa", "tried"), [(True, "", 2), (False, "", 0), (True, "avx2", 0)]
)
def test_bfloat16_is_tried_where_the_device_computes_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: bool, isa: str, tried: int
) -> None:
    monkeypatch.setattr(phases, "has_bfloat16", lambda _device: has)
    plan = Plan(tmp_path, "a", tmp_path, tmp_path, 1, isa=isa)
    assert sum("bfloat16" in name for name in plan.commands("instance")) == tried
