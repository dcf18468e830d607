"""Images of phantoms: determinism, contrast order, thick slices; and files on disk."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.phantom import (
    CONTRASTS,
    FieldOfView,
    Phantom,
    generate,
    render,
    to_nii,
    write_lumbar_demo,
    write_scan,
)
from spineps_nipype.phantom.tissues import Tissue, mirror_table


@pytest.fixture(scope="module")
def lumbar() -> Phantom:
    return generate(3, spacing=(1.5, 1.5, 2.0), fov=FieldOfView(top="L1", bottom="L4", width=60.0))


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_image_is_a_function_of_its_seed(lumbar: Phantom, contrast: str) -> None:
    first = render(lumbar, contrast=contrast, seed=1)
    assert first.dtype == np.float32
    assert first.shape == lumbar.tissue.shape
    assert np.isfinite(first).all()
    assert np.array_equal(first, render(lumbar, contrast=contrast, seed=1))
    assert not np.array_equal(first, render(lumbar, contrast=contrast, seed=2))


def test_contrasts_order_the_tissues(lumbar: Phantom) -> None:
    def mean(image: np.ndarray, tissue: Tissue) -> float:
        return float(image[lumbar.tissue == tissue].mean())

    t2, t1, ct = (render(lumbar, contrast=c, seed=4, noise=0.01) for c in ("T2w", "T1w", "CT"))
    assert mean(t2, Tissue.CSF) > mean(t2, Tissue.CORPUS) > mean(t2, Tissue.LIGAMENT)
    assert mean(t1, Tissue.CORPUS) > mean(t1, Tissue.CSF)
    assert mean(ct, Tissue.CORPUS) > mean(ct, Tissue.MUSCLE) + 50
    assert mean(ct, Tissue.FAT) < 0


def test_thick_slices_are_smooth_across_and_sharp_within(lumbar: Phantom) -> None:
    thin = render(lumbar, seed=5, noise=0.02)
    thick = render(lumbar, seed=5, noise=0.02, slice_thickness=6.0)
    across = [np.abs(np.diff(x, axis=2)).mean() for x in (thin, thick)]
    within = [np.abs(np.diff(x, axis=1)).mean() for x in (thin, thick)]
    assert across[1] < 0.7 * across[0]
    assert within[1] > 0.6 * within[0]


def test_unknown_contrast_is_refused(lumbar: Phantom) -> None:
    with pytest.raises(ValueError, match="known are T2w"):
        render(lumbar, contrast="PD")


def test_mirror_table_swaps_sides_and_is_its_own_inverse() -> None:
    table = mirror_table()
    assert table[43] == 44
    assert table[47 | 128] == 48 | 128
    assert np.array_equal(table[table], np.arange(256))


def test_nifti_has_the_phantoms_geometry(lumbar: Phantom) -> None:
    nii = to_nii(lumbar, lumbar.vert, mask=True)
    assert nii.get_data_dtype() == np.uint8
    assert nib.aff2axcodes(nii.affine) == ("P", "I", "R")
    assert np.allclose(nii.get_qform(), nii.get_sform(), atol=1e-4)


def test_scan_is_written_as_bids_and_the_bytes_repeat(lumbar: Phantom, tmp_path) -> None:
    image = render(lumbar, seed=1)
    first = write_scan(tmp_path / "a", "01", lumbar, image)
    second = write_scan(tmp_path / "b", "01", lumbar, image)
    assert first["image"] == tmp_path / "a/sub-01/anat/sub-01_acq-sag_T2w.nii.gz"
    for name in ("image", "spine", "vert"):
        assert first[name].read_bytes() == second[name].read_bytes()
    assert json.loads((tmp_path / "a/dataset_description.json").read_text())["BIDSVersion"]
    stored = np.asarray(nib.load(first["spine"]).dataobj)
    assert np.array_equal(stored, lumbar.spine)
    assert not list(tmp_path.rglob(".*.nii.gz*"))


def test_demo_scan_is_lumbar_and_clinical(tmp_path) -> None:
    path = write_lumbar_demo(tmp_path, "demo", masks=True)
    assert path == tmp_path / "sub-demo/anat/sub-demo_acq-sag_T2w.nii.gz"
    nii = nib.load(path)
    assert np.allclose(nii.header.get_zooms(), (0.9, 0.9, 3.3))
    vert = next((tmp_path / "derivatives").rglob("*seg-vert_dseg.nii.gz"))
    labels = set(np.unique(np.asarray(nib.load(vert).dataobj)))
    assert {19, 20, 21, 22, 23, 24, 26} <= labels
