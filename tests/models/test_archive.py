"""Archives of both formats are unpacked, or refused, by the same rules."""

from __future__ import annotations

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

from spineps_nipype.errors import ModelError, ResourceError
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
