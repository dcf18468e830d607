"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from spineps_nipype.core.files import append_text, copy_whole, file_digest, whole_file, write_text
from spineps_nipype.errors import OutputError


def test_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"vertebra")
    assert file_digest(path) == hashlib.sha256(b"vertebra").hexdigest()


def test_copy_makes_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("new")
    target = tmp_path / "deep" / "er" / "b.txt"
    assert copy_whole(source, target)
    assert target.read_text() == "new"
    assert [p.name for p in target.parent.iterdir()] == ["b.txt"]


def test_same_bytes_are_not_written_again(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("same")
    target.write_text("same")
    before = target.stat()
    assert not copy_whole(source, target)
    after = target.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_same_size_and_other_bytes_are_written(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("abcd")
    target.write_text("abce")
    assert copy_whole(source, target)
    assert target.read_text() == "abcd"


def test_a_fault_leaves_the_old_file_and_no_remains(tmp_path: Path) -> None:
    target = tmp_path / "b"
    target.write_text("old")

    def half() -> None:
        with whole_file(target) as temporary:
            temporary.write_text("hal")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"No space left.*b.*free space"):
        half()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_remains_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("new")
    (tmp_path / ".b.part").write_text("hal")
    copy_whole(source, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]
    assert target.read_text() == "new"


def test_a_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_text("new")
    with pytest.raises(OutputError, match="could not be written"):
        copy_whole(source, source / "below")


@pytest.mark.parametrize(
    ("text", "stored"),
    [("Müller", "Müller"), ("M\udcc3\udcbcller", "Müller"), ("M\udcfcller", "M\\xfcller")],
)
def test_names_in_text_become_utf8(tmp_path: Path, text: str, stored: str) -> None:
    """Python hides bytes of names that it cannot read in halves of letters."""
    for number, half in enumerate(("", "\ud800")):
        path = tmp_path / f"{number}.txt"
        write_text(path, text + half)
        append_text(path, text)
        content = path.read_text(encoding="utf-8")
        assert content.endswith(stored)
        assert half or content == stored * 2
