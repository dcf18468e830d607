"""Archives of both formats are unpacked, or refused, by the same rules."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.errors import ModelError, OutputError, ResourceError
from spineps_nipype.models import archive
from spineps_nipype.models.archive import extract

Format = Literal["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"]
FORMATS: tuple[Format, ...] = ("zip", "tar", "tar.gz", "tar.xz", "tar.bz2")


def write(path: Path, format_: Format, members: dict[str, bytes], link: str = "") -> Path:
    """Write an archive, with a symbolic link to /etc/passwd if one is named."""
    if format_ == "zip":
        with zipfile.ZipFile(path, "w") as content:
            for name, data in members.items():
                content.writestr(name, data)
            if link:
                entry = zipfile.ZipInfo(link)
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                content.writestr(entry, "/etc/passwd")
        return path
    mode: Any = "w:" + format_.partition(".")[2]
    with tarfile.open(path, mode) as content:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            content.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            content.addfile(info)
    return path


@pytest.mark.parametrize("format_", FORMATS)
def test_plain_files_come_out(tmp_path: Path, format_: Format) -> None:
    path = write(tmp_path / "a", format_, {"x/y.bin": b"abc", "z": b""})
    extract(path, tmp_path / "out")
    assert (tmp_path / "out" / "x" / "y.bin").read_bytes() == b"abc"
    assert (tmp_path / "out" / "z").read_bytes() == b""


OUTSIDE = ("../evil", "/tmp/evil", "a/../../evil", "a\\..\\..\\evil", "C:/evil")


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_outside(tmp_path: Path, format_: Format, name: str) -> None:
    path = write(tmp_path / "a", format_, {"good": b"x", name: b"x"})
    with pytest.raises(ModelError, match="outside"):
        extract(path, tmp_path / "in" / "out")
    assert not list((tmp_path / "in" / "out").iterdir())  # nothing is unpacked, the good neither


@pytest.mark.parametrize("format_", FORMATS)
def test_links_are_refused(tmp_path: Path, format_: Format) -> None:
    path = write(tmp_path / "a", format_, {"good": b"x"}, link="weights.pth")
    with pytest.raises(ModelError, match="a link"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("format_", FORMATS)
def test_an_archive_that_does_not_fit_on_the_disk(
    tmp_path: Path, format_: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a", format_, {"large": bytes(1000)})
    usage = shutil.disk_usage(tmp_path)._replace(free=999)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ResourceError, match="GB"):
        extract(path, tmp_path / "out")
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    extract(path, tmp_path / "out")


@given(data=st.data(), format_=st.sampled_from(FORMATS))
def test_damaged_archives_are_told_as_such(data: st.DataObject, format_: Format) -> None:
    """Cut anywhere: all comes out right, or a `ModelError` says what is wrong."""
    with tempfile.TemporaryDirectory() as home:
        content = bytes(range(256)) * 8
        path = write(Path(home, "a"), format_, {"x": content})
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        said = ""
        try:
            extract(path, Path(home, "out"))
        except ModelError as fault:
            said = fault.what
        assert "damaged" in said or Path(home, "out", "x").read_bytes() == content


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "zip", {"x": b"abc"})
    data = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is encrypted"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_bomb(tmp_path: Path, format_: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content that is far larger than the archive is refused before anything is written."""
    monkeypatch.setattr(archive, "SMALL_BYTES", 1000)
    monkeypatch.setattr(archive, "MAX_RATIO", 2)
    path = tmp_path / "a"
    if format_ == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
            content.writestr("good", b"x")
            content.writestr("zeros", bytes(100_000))
    else:
        write(path, format_, {"good": b"x", "zeros": bytes(100_000)})
    if format_ == "tar":  # nothing is compressed: no bomb
        extract(path, tmp_path / "out")
        return
    with pytest.raises(ModelError, match=r"more than 2 times its own size.*may hold 10,000 files"):
        extract(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("format_", FORMATS)
def test_more_than_a_package_ever_has(
    tmp_path: Path, format_: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a", format_, {f"{n}": b"x" * 100 for n in range(20)})
    monkeypatch.setattr(archive, "MAX_MEMBERS", 19)
    with pytest.raises(ModelError, match="more than 19 files"):
        extract(path, tmp_path / "files")
    monkeypatch.setattr(archive, "MAX_MEMBERS", 20)
    monkeypatch.setattr(archive, "MAX_BYTES", 1999)
    with pytest.raises(ModelError, match="GB, which no model package does"):
        extract(path, tmp_path / "bytes")
    assert not [*(tmp_path / "files").iterdir(), *(tmp_path / "bytes").iterdir()]
    monkeypatch.setattr(archive, "MAX_BYTES", 2000)
    extract(path, tmp_path / "out")


def test_a_table_of_contents_without_end(tmp_path: Path) -> None:
    """The table of contents of such a zip archive, without the files that it promises."""
    entry = zipfile.ZipInfo("x" * 9)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as content:
        content.writestr(entry, b"")
    data, count = stream.getvalue(), 20_000
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    table = data[start:end] * count
    last = bytearray(data[end:])
    last[8:12] = count.to_bytes(2, "little") * 2
    last[12:16] = len(table).to_bytes(4, "little")
    path = tmp_path / "a"
    path.write_bytes(data[:start] + table + last)
    with pytest.raises(ModelError, match="more than 10,000 files"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("format_", ["tar", "tar.gz"])
def test_a_header_that_asks_for_memory(tmp_path: Path, format_: Format) -> None:
    """Readers of tar archives read a long name at once, however long it says that it is."""
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    path = tmp_path / "a"
    data = info.tobuf() + bytes(10240)
    path.write_bytes(data if format_ == "tar" else gzip.compress(data))
    with pytest.raises(ModelError, match=r"damaged.*entry of 1073741824 bytes"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("rest", [b"", b"junk", b"junk" * 200])
def test_a_tar_archive_that_ends_between_two_files(
    tmp_path: Path, members: int, rest: bytes
) -> None:
    path = write(tmp_path / "a", "tar", {"x": b"abc", "y": b"abc", "z": b"abc"})
    path.write_bytes(path.read_bytes()[: members * 1024] + rest)
    with pytest.raises(ModelError, match="damaged"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_folder_that_cannot_be_written(tmp_path: Path, format_: Format) -> None:
    path = write(tmp_path / "a", format_, {"x" * 300: b"abc"})  # too long for a file name
    with pytest.raises(OutputError, match="File name too long"):
        extract(path, tmp_path / "out")
