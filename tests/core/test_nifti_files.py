"""Damage anywhere in a file is noticed in the pass that reads its voxels."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.bids.header import read_header
from spineps_nipype.core import nifti_files
from spineps_nipype.core.images import load_image, load_map, load_mask, load_scan, load_volumes
from spineps_nipype.core.nifti_files import check_length, name_contradicts_content, read_voxels
from spineps_nipype.core.stored_space import read_space
from spineps_nipype.errors import InputError

SHAPE = (30, 20, 10)
LOADERS = [load_scan, load_image, load_mask, load_map, load_volumes]


def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "sub-x_T2w.nii.gz"
    nib.Nifti1Image(voxels(), np.eye(4)).to_filename(path)
    return path


def flip(packed: bytes) -> bytes:
    """20 wrong bytes in voxels that are stored as they are, so that only the check sum tells."""
    plain = gzip.decompress(packed)
    stored = bytearray(gzip.compress(plain, compresslevel=0))
    stored[len(stored) // 2 : len(stored) // 2 + 20] = bytes(range(20))
    return bytes(stored)


def wrong_sum(packed: bytes) -> bytes:
    return packed[:-8] + b"\1\2\3\4" + packed[-4:]


def wrong_length(packed: bytes) -> bytes:
    return packed[:-4] + b"\1\2\3\4"


def no_end(packed: bytes) -> bytes:
    return packed[:-4]


def half(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


def second_member_broken(packed: bytes) -> bytes:
    return packed + packed[: len(packed) // 2]


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize(
    "damage", [flip, wrong_sum, wrong_length, no_end, half, second_member_broken]
)
def test_a_damaged_file_is_refused_by_every_loader(image: Path, damage, load) -> None:  # type: ignore[no-untyped-def]
    image.write_bytes(damage(image.read_bytes()))
    with pytest.raises(InputError, match="damaged") as caught:
        load(image)
    assert caught.value.file == image
    assert "gzip -t" in caught.value.remedy


def zeros(packed: bytes) -> bytes:
    return packed + b"\0" * 512


def junk(packed: bytes) -> bytes:
    return packed + b"JUNK" * 10


def two_members(packed: bytes) -> bytes:
    plain = gzip.decompress(packed)
    return gzip.compress(plain[:1000]) + gzip.compress(plain[1000:])


@pytest.mark.parametrize("change", [zeros, junk, two_members])
def test_a_whole_image_with_more_behind_it_or_in_parts_is_read(
    image: Path,
    change,  # type: ignore[no-untyped-def]
    caplog: pytest.LogCaptureFixture,
) -> None:
    image.write_bytes(change(image.read_bytes()))
    np.testing.assert_array_equal(read_voxels(image)[1], voxels())
    assert ("after the end of the compressed image" in caplog.text) == (change is junk)


def test_the_data_are_read_once(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    class Counted(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal read
            found = super().read(size)
            read += len(found)
            return found

    monkeypatch.setattr(nifti_files.gzip, "GzipFile", Counted)
    read_voxels(image)
    assert np.prod(SHAPE) <= read <= np.prod(SHAPE) + 2000


@pytest.mark.parametrize(("name", "packed"), [("a_T2w.nii.gz", False), ("a_T2w.nii", True)])
def test_compression_is_told_by_content(
    tmp_path: Path, name: str, packed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    plain = nib.Nifti1Image(voxels(), np.eye(4)).to_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(plain) if packed else plain)
    np.testing.assert_array_equal(load_scan(path).get_array(), voxels())
    assert name_contradicts_content(path) in caplog.text
    assert "read by its content" in caplog.text


def test_a_damaged_file_without_its_compression_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "a_T2w.nii.gz"
    path.write_bytes(nib.Nifti1Image(voxels(), np.eye(4)).to_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load_scan(path)


@pytest.mark.parametrize(
    ("text", "system", "command"),
    [
        ("/annex/objects/MD5E-s1896--0123.nii.gz\n", "git-annex", "datalad get"),
        ("../../.git/annex/objects/a/b/SHA256E-s1--0.nii.gz", "git-annex", "git annex get"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS", "git lfs pull"),
    ],
)
def test_pointers_say_how_to_fetch_the_file(
    tmp_path: Path, text: str, system: str, command: str
) -> None:
    path = tmp_path / "a_T2w.nii.gz"
    path.write_text(text)
    with pytest.raises(InputError, match=f"pointer of {system}") as caught:
        load_scan(path)
    assert command in caught.value.remedy


def test_links_folders_and_formats_that_are_no_images(tmp_path: Path) -> None:
    link, folder, pair = (tmp_path / name for name in ("l.nii.gz", "d.nii.gz", "p.img"))
    link.symlink_to(tmp_path / "gone")
    folder.mkdir()
    pair.touch()
    for path, words in ((link, "leads nowhere"), (folder, "no ordinary"), (pair, "not NIfTI")):
        with pytest.raises(InputError, match=words):
            load_scan(path)


@pytest.mark.parametrize("packed", [True, False])
def test_a_header_that_promises_too_much_is_refused_at_once(tmp_path: Path, packed: bool) -> None:
    plain = bytearray(nib.Nifti1Image(voxels(), np.eye(4)).to_bytes())
    struct.pack_into("<3h", plain, 42, 32767, 32767, 32767)
    path = tmp_path / "a.nii"
    path.write_bytes(gzip.compress(bytes(plain)) if packed else bytes(plain))
    for reader in (read_voxels, check_length):
        with pytest.raises(InputError, match="promises 32767 x 32767 x 32767"):
            reader(path)


@pytest.mark.parametrize("damage", [half, no_end, wrong_length])
def test_a_short_file_is_known_without_its_voxels(image: Path, damage) -> None:  # type: ignore[no-untyped-def]
    image.write_bytes(damage(image.read_bytes()))
    with pytest.raises(InputError, match="damaged"):
        check_length(image)


@pytest.mark.parametrize("packed", [True, False])
def test_one_byte_less_than_promised(tmp_path: Path, packed: bool) -> None:
    plain = nib.Nifti1Image(voxels(), np.eye(4)).to_bytes()
    path = tmp_path / "a.nii"
    for content, whole in ((plain, True), (plain[:-1], False)):
        path.write_bytes(gzip.compress(content) if packed else content)
        if whole:
            check_length(path)
            continue
        with pytest.raises(InputError, match="30 x 20 x 10 voxels, which the file cannot hold"):
            check_length(path)


@pytest.mark.parametrize("change", [zeros, junk, two_members])
def test_the_length_of_a_whole_image_with_more_behind_it_or_in_parts(image: Path, change) -> None:  # type: ignore[no-untyped-def]
    image.write_bytes(change(image.read_bytes()))
    check_length(image)


def test_a_whole_image_is_not_read_for_its_length(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nifti_files, "_read_to_the_end", lambda *_: pytest.fail("read"))
    check_length(image)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("stated", [0, 4, -100])
def test_voxels_never_begin_within_the_header(tmp_path: Path, kind: type, stated: int) -> None:
    path = tmp_path / "a.nii"
    kind(voxels(), np.eye(4)).to_filename(path)
    data = bytearray(path.read_bytes())
    place, code = (108, "<f") if kind is nib.Nifti1Image else (168, "<q")
    struct.pack_into(code, data, place, stated)
    path.write_bytes(data)
    check_length(path)
    np.testing.assert_array_equal(read_voxels(path)[1], voxels())
    assert any("right behind it" in said for said in read_space(path).warnings)


@pytest.mark.parametrize(("stated", "flag"), [(0, 1), (float("nan"), 0), (float("inf"), 0)])
def test_a_header_that_leaves_open_where_the_voxels_begin(
    tmp_path: Path, stated: float, flag: int
) -> None:
    path = tmp_path / "a.nii"
    nib.Nifti1Image(voxels(), np.eye(4)).to_filename(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, 108, stated)
    data[348] = flag
    path.write_bytes(data)
    for reader in (read_header, read_voxels):
        with pytest.raises(InputError, match="does not say where its voxels begin"):
            reader(path)


@pytest.mark.parametrize(
    ("slope", "offset", "said"),
    [(0, 0, ""), (float("nan"), 0, ""), (float("inf"), 0, "scales the numbers by inf")],
)
def test_a_scaling_that_is_none(tmp_path: Path, slope: float, offset: float, said: str) -> None:
    path = _scaled(tmp_path / "a.nii", slope, offset)
    np.testing.assert_array_equal(read_voxels(path)[1], voxels())
    assert said in " ".join(read_space(path).warnings)
    assert bool(said) == bool(read_space(path).warnings)


@pytest.mark.parametrize("offset", [float("inf"), float("nan")])
def test_an_offset_of_the_scaling_that_is_no_number(tmp_path: Path, offset: float) -> None:
    path = _scaled(tmp_path / "a.nii", 1, offset)
    for reader in (read_header, read_voxels):
        with pytest.raises(InputError, match=f"numbers are scaled by 1 with offset {offset}"):
            reader(path)


def _scaled(path: Path, slope: float, offset: float) -> Path:
    nib.Nifti1Image(voxels(), np.eye(4)).to_filename(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2f", data, 112, slope, offset)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_voxels_that_begin_behind_the_end(tmp_path: Path, packed: bool) -> None:
    plain = bytearray(nib.Nifti1Image(voxels(), np.eye(4)).to_bytes())
    struct.pack_into("<f", plain, 108, 1e9)
    path = tmp_path / "a.nii"
    path.write_bytes(gzip.compress(bytes(plain)) if packed else bytes(plain))
    for reader in (read_voxels, check_length):
        with pytest.raises(InputError, match="damaged"):
            reader(path)


@pytest.mark.parametrize("sizes", [(3, 0, 6, 4), (3, 5, -6, 4), (0, 5, 6, 4)])
def test_a_header_without_voxels(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = tmp_path / "a.nii"
    nib.Nifti1Image(np.ones((5, 6, 4), np.uint8), np.eye(4)).to_filename(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<4h", data, 40, *sizes)
    path.write_bytes(data)
    for reader in (read_header, load_mask):
        with pytest.raises(InputError, match=r"promises .* voxels"):
            reader(path)


@pytest.mark.parametrize("size", [20, -16, 2_000_000_000])
def test_an_extension_of_an_odd_size(tmp_path: Path, size: int) -> None:
    """nibabel warns of it or fails; the voxels lie where the header says all the same."""
    path = tmp_path / "a.nii"
    nib.Nifti1Image(np.ones((5, 6, 4), np.uint8), np.eye(4)).to_filename(path)
    data = bytearray(path.read_bytes())
    data[352:352] = struct.pack("<2i", size, 6) + b"x" * 12
    struct.pack_into("<f", data, 108, 352 + 20)
    data[348:352] = b"\x01\x00\x00\x00"
    path.write_bytes(data)
    assert load_mask(path).get_array().all()
