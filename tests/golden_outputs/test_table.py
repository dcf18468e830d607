"""What the golden table calls the same, and what it tells of a difference."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from . import table
from .normalise import Normaliser
from .record import KEPT, WRITTEN, Record
from .summaries import flat, image_summary, number, summary


@pytest.mark.parametrize(
    ("was", "now", "alike"),
    [
        ("0.5 1.0", "0.50001 1.0005", True),
        ("0.5 1.0", "0.51 1.0", False),
        ("0.0001", "0.0", True),
        ("0.001", "0.0", False),
        ("1:320 2:40", "1:320 2:41", False),
        ("mean 0.5", "mean 0.5 more", False),
        ("1e-07", "0.0", False),  # no decimal point: a word
        (number(1.5e-7), number(0), True),
    ],
)
def test_measured_numbers_have_a_tolerance(was: str, now: str, alike: bool) -> None:
    assert table.same(was, now) == alike
    assert table.same(now, was) == alike


def _image(data: np.ndarray, origin: float = 0) -> nib.Nifti1Image:
    affine = np.eye(4)
    affine[0, 3] = origin
    return nib.Nifti1Image(data, affine)


def test_a_label_map_is_exact_but_for_its_compression(tmp_path: Path) -> None:
    data = np.zeros((6, 5, 4), np.uint8)
    data[2:4] = 7
    plain = image_summary(_image(data))
    moved = data.copy()
    moved[2, 0, 0], moved[0, 0, 0] = 0, 7
    assert image_summary(_image(moved))["labels"] == plain["labels"]
    assert image_summary(_image(moved))["voxels"] != plain["voxels"]
    assert image_summary(_image(data, 1))["affine"] != plain["affine"]
    assert image_summary(_image(data.astype(np.int16)))["dtype"] != plain["dtype"]


def test_an_image_of_numbers_and_a_picture_are_coarse(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((9, 9, 9))
    plain, near = (image_summary(_image(v)) for v in (values, values + 1e-6))
    assert all(table.same(plain[key], near[key]) for key in plain)
    values[:3] += 0.1
    far = image_summary(_image(values))
    assert not table.same(plain["blocks"], far["blocks"])
    pixels = np.full((40, 40, 3), 100, np.uint8)
    for name, changed in (("a", ()), ("b", (0, 0)), ("c", slice(5, 9))):
        picture = pixels.copy()
        picture[changed] += 1 if name == "b" else 50 * (name == "c")
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    text = Normaliser(tmp_path)
    a, b, c = (summary(tmp_path / f"{name}.png", text) for name in "abc")
    assert table.same(a["red"], b["red"])
    assert not table.same(a["red"], c["red"])


def test_digests_are_called_by_their_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    text = Normaliser(tmp_path)
    text.know_files([tmp_path / "a"])
    other = Normaliser(tmp_path)
    other.know_files([tmp_path / "a", tmp_path / "b"])
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    content = {"Inputs": {"scan": digest}, "place": str(tmp_path / "x"), "Versions": {"b": "1"}}
    assert dict(flat(content, text)) == {
        "Inputs.scan": "<digest of a>",
        "place": "<lab>/x",
        "Versions.b": "<version>",
    }
    assert text(digest[::-1]) == "<digest of something unknown>"


def _record(state: str = WRITTEN, **files: dict[str, str]) -> Record:
    return Record("0", ["a OK"], ["p: run: new"], ["One"], dict.fromkeys(files, state), files)


def test_what_is_stored_is_what_is_read() -> None:
    first = _record(a={"x.y": "1", "x.z": "2", "w": "3"}, b={"k": "0.5", "l": "7"})
    later = _record(KEPT, a={"w": "4"}, b={"k": "0.5", "l": "7"})
    later.states["c"] = "lost and not made again"
    fresh = _record(c={"k": "0.6", "l": "7"}, d={"new": "1"})
    for record, start in ((first, None), (later, first), (fresh, None)):
        given = None if record is first else first
        stored = json.loads(json.dumps(table.encoded(record, given, start)))
        assert table.decoded(stored, given, start) == record
    told = table.encoded(later, first, first)["files"]
    assert "b" not in told, "what was kept is not told"
    assert told["a"] == {"state": KEPT, "lines": {"w": "4"}, "without": ["x"]}
    assert table.encoded(fresh, first, None)["files"]["c"]["like"] == "b"


def test_differences_name_file_and_line() -> None:
    stored = _record(a={"x": "1 | 2", "y": "0.5"})
    found = _record(a={"x": "1 | 3", "y": "0.5001"}, b={})
    found.ran.append("Two")
    told = list(table.differences(stored, found))
    assert told == [
        "ran was\n    One\n  is\n    One\n    Two",
        "a: x: was 2, is 3",
        "b: was absent, is written",
    ]
    assert list(table.differences(stored, stored)) == []
