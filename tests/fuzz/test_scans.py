"""Fuzz tests of what comes with a dataset: images, sidecars, tables, filters, names."""

from __future__ import annotations

import gzip
import io
import json
import logging
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.bids.bids_layout import bids_paths
from spineps_nipype.bids.corrections import find_corrections, read_fixed_names
from spineps_nipype.bids.header import read_header
from spineps_nipype.bids.names import output_paths, parse_name, split_extension
from spineps_nipype.bids.query import find_scans, image_type, read_filter_file
from spineps_nipype.core.corrected_masks import corrected_mask
from spineps_nipype.core.files import read_json
from spineps_nipype.core.images import load_image, load_mask, load_volumes
from spineps_nipype.workflows.cli import build_parser, options_from
from spineps_nipype.workflows.engine.plugin_choice import read_plugin_file
from spineps_nipype.workflows.options.config_file import parse_with_config
from spineps_nipype.workflows.systems.scan_jobs import workflow_name

from .harness import ODD_TEXT, Content, changed, fuzz, json_files, promised, read, spoiled

SHAPE = (5, 6, 4)
AFFINE = np.array([[0, 0, 3.3, -6], [0.9, 0, 0, -3], [0, -0.9, 0, 2], [0, 0, 0, 1]])


def nifti(data: np.ndarray) -> bytes:
    image = nib.Nifti1Image(data, AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(AFFINE, 1)
    return bytes(image.to_bytes())


GREY = nifti(np.arange(120, dtype=np.int16).reshape(SHAPE))
SERIES = nifti(np.arange(240, dtype=np.float32).reshape(*SHAPE, 2))
LABELS = nifti((np.arange(120) % 5).astype(np.uint8).reshape(SHAPE))

FIELDS = (
    *((at, "h") for at in (40, 42, 44, 46, 48, 50, 70, 72, 252, 254)),  # sizes, type, codes
    *((at, "f") for at in range(76, 108, 4)),  # pixdim
    *((at, "f") for at in (108, 112, 116)),  # offset, slope, intercept
    *((at, "f") for at in range(256, 328, 4)),  # quaternion, sform
    (0, "i"),
    (344, "i"),
    (348, "i"),
)
"""Places of the header that decide about the grid and the voxels, and their types."""
SHORTS = st.sampled_from([-32768, -1, 0, 1, 2, 3, 4, 7, 8, 9, 16, 64, 128, 1792, 32767])
FLOATS = st.floats(width=32) | st.sampled_from([0.0, -1.0, 1e-38, 1e30, float("nan")])
WHOLE = st.integers(-(2**31), 2**31 - 1)


@st.composite
def images(draw: st.DrawFn) -> bytes:
    """NIfTI files whose header, bytes or compression are odd."""
    data = bytearray(draw(st.sampled_from([GREY, SERIES, LABELS])))
    for _ in range(draw(st.integers(0, 3))):
        at, kind = draw(st.sampled_from(FIELDS))
        value = draw({"h": SHORTS, "f": FLOATS, "i": WHOLE}[kind])
        struct.pack_into(f"<{kind}", data, at, value)
    whole = bytes(data) if draw(st.booleans()) else draw(spoiled(bytes(data)))
    if draw(st.booleans()):
        packed = gzip.compress(whole, 1, mtime=0)
        whole = packed if draw(st.booleans()) else draw(spoiled(packed))
    return Content(whole)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the log of thousands of odd files short."""
    caplog.set_level(logging.ERROR)


@fuzz
@given(images(), st.sampled_from([".nii", ".nii.gz"]))
def test_images(data: bytes, ending: str) -> None:
    with promised() as root:
        path = root / f"sub-1_T2w{ending}"
        path.write_bytes(data)
        header = read(lambda: read_header(path))
        image = read(lambda: load_image(path, average_4d=True))
        if image is not None:
            assert header is not None, "the dry run refuses what the run takes"
            assert np.isfinite(image.get_array()).all()
            assert np.isfinite(image.affine).all()
            assert header.shape[:3] == image.shape
        read(lambda: load_volumes(path))
        mask = read(lambda: load_mask(path))
        if mask is not None:
            assert mask.get_array().dtype.kind == "u"
        read(lambda: corrected_mask(path, SHAPE, AFFINE))


NAMES = st.one_of(
    st.sampled_from(
        [
            "sub-01_T2w.nii.gz",
            "sub-01_acq-sag_run-1_T2w.nii",
            "sub-_T2w.nii.gz",
            "sub-01__T2w.nii.gz",
            "sub-01_T2w.json",
            "sub-01_acq-../x_T2w.nii.gz".replace("/", "|"),
            "_.nii.gz",
            ".nii.gz",
            "T2w.json",
            "x" * 250 + ".nii",
            "sub-01_T2W.nii.gz",
            "sub-01_\udcff_T2w.nii.gz",
        ]
    ),
    st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), max_size=20),
)


@fuzz
@given(NAMES)
def test_names(name: str) -> None:
    with promised() as root:
        path = root / "sub-01" / "anat" / name
        read(lambda: parse_name(path))
        parsed = read(lambda: parse_name(path, strict=False))
        stem, ending = split_extension(name)
        assert stem + ending == name
        assert "/" not in workflow_name(path, root, set())
        if parsed is None:
            return
        for made in (output_paths, bids_paths):
            paths = read(lambda made=made: made(path, root, root / "out"))
            for result in (paths or {}).values():
                assert (root / "out") in result.resolve().parents


@fuzz
@given(
    st.lists(st.tuples(NAMES, st.booleans()), max_size=4),
    json_files({"ImageType": ["ORIGINAL", "PRIMARY"], "Sources": ["bids:raw:x"]}),
    json_files({"Name": "x", "BIDSVersion": "1.9.0"}),
)
def test_dataset(names: list[tuple[str, bool]], sidecar: bytes, description: bytes) -> None:
    """One odd entry costs itself only: the good scan is found."""
    with promised() as root:
        bids = root / "bids"
        good = bids / "sub-9" / "anat" / "sub-9_T2w.nii.gz"
        good.parent.mkdir(parents=True)
        good.write_bytes(gzip.compress(GREY))
        (bids / "sub-9" / "anat" / "sub-9_T2w.json").write_bytes(sidecar)
        (bids / "dataset_description.json").write_bytes(description)
        for name, as_folder in names:
            place = bids / "sub-01" / "anat" / name
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.mkdir() if as_folder else place.write_bytes(sidecar)
            except (OSError, ValueError):
                continue
        found = find_scans(bids, modalities=("T2w",))
        assert good in [scan.path for scan in found.scans]
        assert isinstance(image_type(good, bids), list)
        read(lambda: find_corrections(good, (("x", bids),)))


@fuzz
@given(json_files({"t2w": {"acquisition": "sag", "session": ["01", "02"]}}))
def test_filter_file(data: bytes) -> None:
    with promised() as root:
        path = root / "filter.json"
        path.write_bytes(data)
        filters = read(lambda: read_filter_file(path))
        assert isinstance(read_json(path), dict)
        if filters is None:
            return
        scan = root / "bids" / "sub-9" / "anat" / "sub-9_acq-sag_T2w.nii.gz"
        scan.parent.mkdir(parents=True)
        scan.write_bytes(gzip.compress(GREY))
        read(lambda: find_scans(root / "bids", modalities=("T2w",), filters=filters))


TABLE = "scan\tname\tfound\nsub-01_T2w.nii.gz\tL1\tL2\nsub-01_T2w\tL2\tL3\n"
POINTS = "scan\tname\tx\ty\tz\nsub-01_T2w.nii.gz\tL1\t1.5\t-2\t3e1\n"


@fuzz
@given(
    st.sampled_from([TABLE, POINTS]).flatmap(lambda table: spoiled(table.encode())),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "latin-1"]),
)
def test_table_of_fixed_names(data: bytes, encoding: str) -> None:
    with promised() as root:
        path = root / "names.tsv"
        path.write_bytes(
            data if encoding == "utf-8" else data.decode("latin-1").encode(encoding, "replace")
        )
        names = read(lambda: read_fixed_names(path))
        for entries in (names or {}).values():
            for _, _, point in entries:
                assert point is None or all(np.isfinite(point))


OPTIONS = """
nprocs = 2
modalities = ["T2w"]
verbose = 1
models-dir = "models"
[run]
mem = "8GB"
[settings]
crop_box = "0:20,:,:"
tta = true
[override]
override_semantic = false
"""


@st.composite
def toml_files(draw: st.DrawFn) -> bytes:
    """Configurations with odd options, values and bytes."""
    lines = OPTIONS.splitlines()
    for _ in range(draw(st.integers(0, 2))):
        key = draw(st.sampled_from([line.partition(" = ")[0] for line in lines if "=" in line]))
        value = draw(
            st.sampled_from(
                ["5", "-1", "1e9", "nan", "true", '""', '"-x"', "[]", "[[]]", "{}", "1979-05-27"]
            )
            | st.integers().map(str)
            | ODD_TEXT.map(json.dumps)
        )
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in lines]
    text = "\n".join(lines).encode("utf-8", "replace")
    return draw(spoiled(text)) if draw(st.booleans()) else Content(text)


@fuzz
@given(toml_files())
def test_configuration_file(data: bytes) -> None:
    with promised() as root:
        path = root / "config.toml"
        path.write_bytes(data)
        argv = [".", "out", "participant", "--config-file", str(path)]
        parser = build_parser()
        arguments = read(lambda: parse_with_config(parser, argv), SystemExit)
        if arguments is not None:
            read(lambda: options_from(arguments), ValueError)


@fuzz
@given(
    spoiled(b"plugin: SLURM\nplugin_args:\n  sbatch_args: -p main\n  n_procs: 2\n")
    | changed({"plugin": "MultiProc", "plugin_args": {"n_procs": 2}}).map(
        lambda document: json.dumps(document).encode()
    )
    | st.sampled_from(
        [b"!!python/object/apply:os.system [touch evil]", b"a: &a [*a]", b"plugin: _Base"]
    )
)
def test_plugin_file(data: bytes) -> None:
    with promised() as root:
        path = root / "plugin.yml"
        path.write_bytes(data)
        read(lambda: read_plugin_file(path))


def test_the_files_are_good_before_they_are_spoiled(tmp_path: Path) -> None:
    for name, data in (("a", GREY), ("b", LABELS)):
        (tmp_path / f"{name}.nii").write_bytes(data)
    assert load_image(tmp_path / "a.nii").shape == SHAPE
    assert corrected_mask(tmp_path / "b.nii", SHAPE, AFFINE).shape == SHAPE
    (tmp_path / "c.tsv").write_text(TABLE)
    assert len(read_fixed_names(tmp_path / "c.tsv")["sub-01_T2w"]) == 2
    path = tmp_path / "config.toml"
    path.write_text(OPTIONS)
    parsed = parse_with_config(
        build_parser(), [".", "out", "participant", "--config-file", str(path)]
    )
    assert parsed.nprocs == 2
    assert io.BytesIO(GREY).read(4) == struct.pack("<i", 348)
