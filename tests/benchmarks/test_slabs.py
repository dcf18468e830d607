"""Single slices become volumes that the pipeline takes and the measures read."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmarks.slabs import copies, main, write_slab

AFFINE = np.array([[0, 0, -4.4, 3.0], [0, -0.7, 0, 20], [-0.7, 0, 0, 30], [0, 0, 0, 1.0]])
Capsys = pytest.CaptureFixture[str]


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE), path)


@pytest.mark.parametrize(("thickness", "count"), [(4.0, 3), (4.4, 3), (3.3, 4), (1.0, 12), (6, 3)])
def test_a_slab_is_thick_enough(thickness: float, count: int) -> None:
    assert copies(thickness) == count


def test_a_slab_lies_around_its_slice(tmp_path: Path) -> None:
    slice_of = np.arange(30, dtype=np.uint8).reshape(5, 6, 1)
    save(tmp_path / "slice.nii.gz", slice_of)
    write_slab(tmp_path / "slice.nii.gz", tmp_path / "out" / "slab.nii.gz")
    slab = nib.load(tmp_path / "out" / "slab.nii.gz")
    np.testing.assert_array_equal(np.asarray(slab.dataobj), np.repeat(slice_of, 3, axis=2))
    np.testing.assert_allclose(slab.affine @ (0, 0, 1, 1), AFFINE @ (0, 0, 0, 1), atol=1e-5)
    np.testing.assert_allclose(slab.header.get_zooms(), (0.7, 0.7, 4.4), atol=1e-5)
    with pytest.raises(ValueError, match="no single slice"):
        write_slab(tmp_path / "out" / "slab.nii.gz", tmp_path / "again.nii.gz")


def test_slices_without_true_shape_are_named_and_left_out(tmp_path: Path, capsys: Capsys) -> None:
    rows = ["file\tsquare_pixel"]
    for subject, square, masked in (("sub-1", 1, True), ("sub-2", 0, True), ("sub-3", 1, False)):
        name = f"{subject}_acq-a_T2w"
        rows.append(f"{name}\t{square}")
        image = np.ones((5, 6, 1), np.uint8)
        save(tmp_path / subject / "anat" / f"{name}.nii.gz", image)
        if masked:
            for kind in ("label-spine", "desc-levels"):
                folder = tmp_path / "derivatives" / "manual" / subject / "anat"
                save(folder / f"{name}_{kind}_dseg.nii.gz", image)
    (tmp_path / "slices.tsv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "out"
    assert main([str(tmp_path), str(out)]) == 0
    assert "sub-2_acq-a_T2w" in capsys.readouterr().out
    assert (out / "left_out.tsv").read_text().splitlines() == ["file", "sub-2_acq-a_T2w"]
    made = sorted(path.name for path in out.rglob("*.nii.gz"))
    assert made == [
        "sub-1_acq-a_T2w.nii.gz",
        "sub-1_acq-a_T2w_desc-levels_dseg.nii.gz",
        "sub-1_acq-a_T2w_label-spine_dseg.nii.gz",
    ]
    assert main([str(tmp_path), str(out), "--masks", str(tmp_path / "none")]) == 1
    assert main([str(tmp_path / "none"), str(out)]) == 2
