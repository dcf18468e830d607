"""Results in their places: nothing of others is lost, and a stopped run leaves no false pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spineps_nipype.core import files
from spineps_nipype.core.images import save_array
from spineps_nipype.results import storing
from spineps_nipype.results.proof import UNFINISHED, is_foreign, is_intact, stored_fault
from spineps_nipype.results.sidecar import read_record, result_digest, write_json
from spineps_nipype.results.storing import STORED_FILES, store_folder, store_results

from .stored_results import write_mask


class Made:
    """A mask and a file of points with their records, as a node makes them."""

    def __init__(self, folder: Path, label: int) -> None:
        folder.mkdir()
        self.mask, self.sidecar = folder / "m.nii.gz", folder / "m.json"
        self.points = folder / "p.json"
        write_mask(self.mask, label)
        record = {"Settings": {"label": label}, "Sha256": result_digest(self.mask)}
        write_json(self.sidecar, {"Provenance": record})
        write_json(self.points, [{"format": "POI"}, {"20": {"50": [label, 0, 0]}}])
        digest = result_digest(self.points)
        header = {"format": "POI", "Provenance": {"Sha256": digest}}
        write_json(self.points, [header, {"20": {"50": [label, 0, 0]}}])

    def store(self, out: Path) -> None:
        pairs = [(self.mask, "m.nii.gz"), (self.sidecar, "m.json"), (self.points, "p.json")]
        store_results((source, out / name) for source, name in pairs)

    def matches(self, out: Path) -> bool:
        made = (self.mask, self.sidecar, self.points)
        return all((out / p.name).read_bytes() == p.read_bytes() for p in made)


@pytest.fixture
def old(tmp_path: Path) -> Made:
    return Made(tmp_path / "old", 20)


@pytest.fixture
def new(tmp_path: Path) -> Made:
    return Made(tmp_path / "new", 21)


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def test_an_older_result_is_replaced(tmp_path: Path, old: Made, new: Made) -> None:
    out = tmp_path / "out"
    old.store(out)
    assert old.matches(out)
    new.store(out)
    assert new.matches(out)
    assert names(out) == {"m.nii.gz", "m.json", "p.json"}


@pytest.mark.parametrize("name", ["m.nii.gz", "p.json"])
@pytest.mark.parametrize("content", [b"", b"half of it"])
def test_a_changed_file_is_kept_beside(
    tmp_path: Path, old: Made, new: Made, name: str, content: bytes
) -> None:
    out = tmp_path / "out"
    old.store(out)
    (out / name).write_bytes(content)
    new.store(out)
    assert new.matches(out)
    kept = {f"{name}.replaced"} if content else set()
    assert names(out) == {"m.nii.gz", "m.json", "p.json", *kept}
    assert all((out / n).read_bytes() == content for n in kept)
    (out / name).write_bytes(b"again")
    old.store(out)
    assert f"{name}.replaced{'-2' if content else ''}" in names(out)


class StoppedError(Exception):
    """The run was killed."""


def stop_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Kill the run before it changes a name for that time."""
    original, left = Path.replace, [number]

    def replace(self: Path, target: Any) -> Path:
        if not left[0]:
            raise StoppedError
        left[0] -= 1
        return original(self, target)

    patch.setattr(Path, "replace", replace)


def stopped(made: Made, out: Path, number: int) -> bool:
    """Whether storing stops when a name is changed for that time."""
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, number)
        try:
            made.store(out)
        except StoppedError:
            return True
    return False


@pytest.mark.parametrize("before", ["nothing", "older", "damaged", "without sidecar"])
def test_a_stopped_run_leaves_no_pair_that_is_believed(
    tmp_path: Path, old: Made, new: Made, before: str
) -> None:
    """A record never speaks for the file of another one, and the next run ends as usual."""
    for number in range(20):
        out = tmp_path / f"out{number}"
        _prepare(out, old, before)
        went_on = stopped(new, out, number)
        mask = out / "m.nii.gz"
        record = read_record(mask) if mask.is_file() else None
        if record is not None and record["Settings"]["label"] == 21:
            same = mask.read_bytes() == new.mask.read_bytes()
            assert same or stored_fault(mask, record) == UNFINISHED
        elif record is not None and before == "older":
            assert mask.read_bytes() == old.mask.read_bytes()
        new.store(out)
        assert new.matches(out)
        kept = [n for n in names(out) if "replaced" in n]
        assert len(kept) == (before in ("damaged", "without sidecar"))
        if not went_on:
            assert number > 1
            return
    raise AssertionError("the run never ended")


def _prepare(out: Path, old: Made, before: str) -> None:
    """Results that lie there before; written by hand, since names may not be changed now."""
    out.mkdir()
    if before == "nothing":
        return
    for path in (old.mask, old.sidecar, old.points):
        (out / path.name).write_bytes(path.read_bytes())
    if before == "damaged":
        (out / "m.nii.gz").write_bytes(b"half of it")
    if before == "without sidecar":
        (out / "m.json").unlink()


def test_ours_are_told_from_files_of_others(tmp_path: Path, old: Made) -> None:
    out = tmp_path / "out"
    old.store(out)
    assert not any(map(is_foreign, out.iterdir()))
    assert is_intact(out / "m.nii.gz")
    assert is_intact(out / "p.json")
    theirs = tmp_path / "theirs"
    write_mask(theirs / "m.nii.gz")
    (theirs / "m.json").write_text('{"Sources": []}')
    (theirs / "t.tsv").write_text("index\tname\n")
    assert all(map(is_foreign, theirs.iterdir()))
    (out / "m.json").unlink()
    save_array(np.ones((2, 2, 2), np.uint8), np.eye(4), out / "m.nii.gz")
    assert not is_foreign(out / "m.nii.gz"), "the header has our mark"
    for name, content in (("e.tsv", b""), ("d.nii.gz", b"half"), ("d.json", b"[" * 100000)):
        (theirs / name).write_bytes(content)
        assert not is_foreign(theirs / name), "nothing can be told, so it is kept beside"


def test_nothing_is_written_outside_the_roots(tmp_path: Path, old: Made) -> None:
    from spineps_nipype.errors import OutputError

    out, link = tmp_path / "out", tmp_path / "out" / "link"
    out.mkdir()
    (tmp_path / "elsewhere").mkdir()
    link.symlink_to(tmp_path / "elsewhere")
    with files.only_below(out):
        old.store(out / "deep" / "er")
        for place in (tmp_path, out / ".." / "elsewhere", link):
            with pytest.raises(OutputError, match="outside the folders"):
                old.store(place)
        for act in (files.make_folder, files.remove_file, files.remove_folder, files.set_aside):
            with pytest.raises(OutputError, match="outside the folders"):
                act(link / "x")
        with pytest.raises(OutputError, match="outside the folders"):
            files.append_text(link / "x", "line")
    assert not list((tmp_path / "elsewhere").iterdir())
    assert json.loads((out / "deep" / "er" / "m.json").read_text())


def meshes(folder: Path, **texts: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.stl").write_text(text)
    return [folder / f"{name}.stl" for name in texts]


def contents(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir() if p.name != STORED_FILES}


def test_of_a_folder_only_what_was_stored_is_deleted(tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    store_folder(meshes(work, L1="1", L2="2", L3="3"), out)
    (out / "bone.stl").write_text("of another program")
    (out / "L2.stl").write_text("smoothed by hand")
    (out / "T12.stl").write_text("of another program")
    store_folder(meshes(work, L1="one", T12="12"), out)
    assert contents(out) == {
        "L1.stl": "one",
        "T12.stl": "12",
        "T12.stl.replaced": "of another program",
        "L2.stl": "smoothed by hand",
        "bone.stl": "of another program",
    }


def test_an_edited_file_of_a_folder_is_kept_beside(tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    store_folder(meshes(work, L1="1"), out)
    (out / "L1.stl").write_text("smoothed")
    store_folder(meshes(work, L1="1"), out)
    assert contents(out) == {"L1.stl": "1", "L1.stl.replaced": "smoothed"}


@pytest.mark.parametrize("step", ["copy_whole", "remove_file"])
def test_a_run_that_died_leaves_nothing_without_a_name_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    store_folder(meshes(work, L1="1", L2="2"), out)
    with monkeypatch.context() as patch:

        def die(*_: Path) -> None:
            raise KeyboardInterrupt

        patch.setattr(storing, step, die)
        with pytest.raises(KeyboardInterrupt):
            store_folder(meshes(work, L1="one", T12="12"), out)
    store_folder(meshes(work, L1="uno"), out)
    assert contents(out) == {"L1.stl": "uno"}


@pytest.mark.parametrize("text", ["", "[]", '{"Files": ["L1.stl"]}', '{"Files": {"../a": "x"}}'])
def test_a_damaged_list_of_a_folder_deletes_nothing(tmp_path: Path, text: str) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    store_folder(meshes(work, L1="1", L2="2"), out)
    (tmp_path / "a").write_text("outside")
    (out / STORED_FILES).write_text(text)
    store_folder(meshes(work, L1="1"), out)
    assert contents(out) == {"L1.stl": "1", "L2.stl": "2"}
    assert (tmp_path / "a").exists()
