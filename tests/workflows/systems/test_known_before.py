"""What a run would say of a scan after minutes is known before it: the dry run says the same."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.images import load_image
from spineps_nipype.errors import ErrCode, SpinepsError
from spineps_nipype.interfaces import CorrectedMask, TSSPrepare
from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.totalspineseg.settings import (
    TotalSpineSegOptions,
    TotalSpineSegSettings,
)
from spineps_nipype.workflows.app.dry_run import dry_run
from spineps_nipype.workflows.engine.run_resources import Machine
from spineps_nipype.workflows.options.run_options import Folders, ResultPolicy, RunOptions
from spineps_nipype.workflows.systems.scan_jobs import PlannedScan, RefusedScan
from spineps_nipype.workflows.systems.spineps import SpinepsSystem
from spineps_nipype.workflows.systems.totalspineseg import TotalSpineSegSystem

SHAPE = (40, 50, 12)
AFFINE = np.array([[0, 0, 3.3, -20], [0, 1.0, 0, -25], [-1.0, 0, 0, 20], [0, 0, 0, 1]])
"""Sagittal slices, as scanners store them."""
MACHINE = Machine("cpu", 1, 1, 16.0, 0)
PIXDIM_AT, DIM_AT = 80, 42
"""Places of pixdim[1] and dim[1] in a NIfTI-1 header [bytes]."""
Spoil = Callable[[Path], None]


def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 900, SHAPE).astype(np.int16)


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(data, affine).to_filename(path)
    return path


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    root = tmp_path / "bids"
    save(root / "sub-1" / "anat" / "sub-1_T2w.nii", voxels())
    description = {"Name": "x", "BIDSVersion": "1.9.0"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    return root


def scan_of(bids: Path) -> Path:
    return bids / "sub-1" / "anat" / "sub-1_T2w.nii"


def look(bids: Path, **changes: object) -> PlannedScan:
    """The only scan of a dataset, as the run and the dry run see it before anything runs."""
    folder = bids.parent
    options = replace(RunOptions(Folders(bids, folder / "out", folder / "work")), **changes)
    system = SpinepsSystem(options)
    (scan,) = system.jobs(system.find().scans, MACHINE)
    return scan


def refusal(scan: PlannedScan) -> SpinepsError:
    assert isinstance(scan, RefusedScan), "the scan is not refused"
    return scan.fault


def complex_numbers(path: Path) -> None:
    save(path, voxels().astype(np.complex64))


def colours(path: Path) -> None:
    save(path, np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]))


def sheared(path: Path) -> None:
    shear = np.eye(4)
    shear[0, 1] = 0.3
    save(path, voxels(), shear @ AFFINE)


def metres(path: Path) -> None:
    save(path, voxels(), np.diag([1e-3, 1e-3, 1e-3, 1]) @ AFFINE)


def not_finite(path: Path) -> None:
    affine = AFFINE.copy()
    affine[0, 3] = np.inf
    save(path, voxels(), affine)


def no_spacing(path: Path) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<3f", data, PIXDIM_AT, 0, 0, 0)
    path.write_bytes(data)


def header_only_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def voxels_missing(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def cut_off_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes())[:-100])


def negative_size(path: Path) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<h", data, DIM_AT, -5)
    path.write_bytes(data)


def one_slice(path: Path) -> None:
    save(path, voxels()[..., :1])


@pytest.mark.parametrize(
    "spoil",
    [
        complex_numbers,
        colours,
        sheared,
        metres,
        not_finite,
        no_spacing,
        header_only_half,
        voxels_missing,
        cut_off_gzip,
        negative_size,
        one_slice,
    ],
)
def test_an_odd_scan(
    bids: Path, spoil: Spoil, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = scan_of(bids)
    spoil(path)
    scan = look(bids)
    known = refusal(scan)
    assert known.code is ErrCode.SHAPE
    with pytest.raises(SpinepsError) as in_the_run:
        load_image(path)
    assert in_the_run.value.code is known.code
    if spoil not in (header_only_half, negative_size, cut_off_gzip):  # what a library says
        assert in_the_run.value.what == known.what
    assert dry_run(tmp_path / "work", [scan]) == 3
    assert known.what in capsys.readouterr().out


def test_a_crop_box_that_lies_outside(bids: Path) -> None:
    settings = PipelineSettings.from_flat({"crop_box": "100:200,:,:"})
    known = refusal(look(bids, settings=settings))
    assert "leaves nothing of the image of 40 x 50 x 12 voxels" in known.what
    assert known.file == scan_of(bids)


def test_a_name_whose_results_would_have_names_that_are_too_long(bids: Path) -> None:
    long = bids / "sub-1" / "anat" / f"sub-1_acq-{'b' * 225}_T2w.nii"
    scan_of(bids).rename(long)
    known = refusal(look(bids))
    assert "bytes long, the file system allows 255" in known.what
    assert "Shorten the name of the scan" in known.remedy


def labels() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 10:20, 3:9] = 20
    return mask


def other_place(path: Path) -> None:
    affine = AFFINE.copy()
    affine[0, 3] += 5
    save(path, labels(), affine)


def other_size(path: Path) -> None:
    save(path, labels()[:-1])


def fractional(path: Path) -> None:
    save(path, labels().astype(np.float32) * 0.99)


def negative(path: Path) -> None:
    save(path, -labels().astype(np.int16))


def empty(path: Path) -> None:
    save(path, np.zeros(SHAPE, np.uint8))


def discs_only(path: Path) -> None:
    save(path, np.where(labels() > 0, 120, 0).astype(np.uint8))


def cut_off(path: Path) -> None:
    save(path, labels())
    path.write_bytes(path.read_bytes()[:-500])


def no_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("no image")


def four_axes(path: Path) -> None:
    save(path, np.stack([labels()] * 2, -1))


def as_it_should_be(path: Path) -> None:
    save(path, labels())


def other_axes(path: Path) -> None:
    image = nib.as_closest_canonical(nib.Nifti1Image(labels(), AFFINE))
    save(path, np.asarray(image.dataobj), image.affine)


def nearly_whole(path: Path) -> None:
    save(path, labels().astype(np.float32) * np.float32(0.9996))  # 20 becomes 19.992


def corrected(bids: Path, spoil: Spoil) -> tuple[Path, PlannedScan]:
    root = bids.parent / "corrected"
    path = root / "sub-1" / "anat" / "sub-1_mod-T2w_seg-vert_msk.nii"
    spoil(path)
    return path, look(bids, results=ResultPolicy(derivatives=(("fixed", root),)))


def in_the_run(path: Path, scan: Path, folder: Path) -> CorrectedMask:
    """The node that takes the mask."""
    return CorrectedMask(in_file=str(path), reference=str(scan), vertebrae_only=True)


@pytest.mark.parametrize(
    "spoil",
    [
        other_place,
        other_size,
        fractional,
        negative,
        empty,
        discs_only,
        cut_off,
        no_image,
        four_axes,
    ],
)
def test_a_corrected_mask_that_cannot_be_used(
    bids: Path, spoil: Spoil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, scan = corrected(bids, spoil)
    known = refusal(scan)
    assert known.file == path
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpinepsError) as told:
        in_the_run(path, scan_of(bids), tmp_path).run()
    assert (told.value.what, told.value.code) == (known.what, known.code)


@pytest.mark.parametrize("spoil", [as_it_should_be, other_axes, nearly_whole])
def test_a_corrected_mask_that_can_be_used(
    bids: Path, spoil: Spoil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, scan = corrected(bids, spoil)
    assert not isinstance(scan, RefusedScan), scan.fault
    monkeypatch.chdir(tmp_path)
    out = in_the_run(path, scan_of(bids), tmp_path).run().outputs.out_file
    image = nib.load(out)
    np.testing.assert_array_equal(np.asarray(image.dataobj), labels())
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-4)


@pytest.mark.parametrize("iso", [False, True])
def test_a_corrected_mask_of_totalspineseg_on_the_wrong_grid(
    bids: Path, iso: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``--iso`` results lie at 1 mm, else on the grid of the scan."""
    root = bids.parent / "corrected"
    path = root / "step1_output" / "sub-1_T2w.nii.gz"
    settings = replace(TotalSpineSegSettings(), iso=iso, step1=True)
    asked = TotalSpineSegOptions(settings=settings)
    options = replace(
        RunOptions(Folders(bids, tmp_path / "out", tmp_path / "work")),
        totalspineseg=asked,
        results=ResultPolicy(derivatives=(("fixed", root),)),
    )

    def known() -> PlannedScan:
        system = TotalSpineSegSystem(options)
        (scan,) = system.jobs(system.find().scans, MACHINE)
        return scan

    monkeypatch.chdir(tmp_path)
    reference = scan_of(bids)
    if iso:
        reference = Path(TSSPrepare(in_file=str(reference)).run().outputs.out_file)
    right, other = nib.load(reference), nib.load(scan_of(bids))
    save(path, np.ones(right.shape[:3], np.uint8), right.affine)
    found = known()
    assert not isinstance(found, RefusedScan), found.fault
    CorrectedMask(in_file=str(path), reference=str(reference)).run()
    wrong = other.affine if iso else AFFINE @ np.diag([2.0, 1, 1, 1])
    save(path, np.ones(SHAPE, np.uint8), wrong)
    refused = refusal(known())
    assert refused.file == path
    with pytest.raises(SpinepsError) as in_the_run:
        CorrectedMask(in_file=str(path), reference=str(reference)).run()
    assert in_the_run.value.what == refused.what
