"""Single slices: which train, what of them is known, slabs of them, masks of T1 and T2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from TPTBox import NII  # noqa: E402

from spineps_nipype.core.images import load_mask, save_nii  # noqa: E402
from training.common.real_scans import (  # noqa: E402
    held_out_subjects,
    kept_from_training,
)
from training.semantic import slice_masks  # noqa: E402
from training.semantic.marginal_loss import (  # noqa: E402
    CLASS_OF,
    CLASSES,
    NO_VERTEBRA_CODE,
    UNKNOWN_CODE,
)
from training.semantic.recipe import build_network, write_package  # noqa: E402
from training.semantic.samples import SemanticSamples  # noqa: E402
from training.semantic.slices import (  # noqa: E402
    NARROW,
    NO_VERTEBRA,
    OUTSIDE,
    UNKNOWN,
    SliceScan,
    prepared,
    slab_patch,
    slice_scans,
)

PATCH = (48, 64, 24)
AFFINE = np.array([[0, 0, -4.0, 0], [0, -1.0, 0, 20], [-1.0, 0, 0, 30], [0, 0, 0, 1]])
"""A slice of 4 mm, axes I, P, L."""


def save(path: Path, array: np.ndarray, *, seg: bool, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_nii(NII.from_numpy(array, affine, seg), path)


def slice_arrays(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey values that tell the mask: image and mask (I, P, L)."""
    mask = np.zeros((90, 70, 1), np.uint8)
    mask[10:80, 20:40] = 1
    mask[40:48, 20:40] = 2
    mask[10:80, 46:54] = 3
    noise = np.random.default_rng(seed).normal(0, 1, mask.shape)
    return (100 + mask * 200 + noise).astype(np.float32), mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kept = sorted(kept_from_training())[0]
    rows = ["file\tsquare_pixel"]
    image, mask = slice_arrays()
    for subject, kind, square in (
        ("sub-900", "spine", 1),
        ("sub-901", "vertebra", 1),
        ("sub-902", "spine", 0),
        (kept, "spine", 1),
    ):
        name = f"{subject}_acq-x_T2w"
        rows.append(f"{name}\t{square}")
        save(tmp_path / subject / "anat" / f"{name}.nii.gz", image, seg=False)
        masks = tmp_path / "derivatives" / "manual" / subject / "anat"
        shown = (mask == 1).astype(np.uint8) if kind == "vertebra" else mask
        save(masks / f"{name}_label-{kind}_dseg.nii.gz", shown, seg=True)
        save(masks / f"{name}_desc-levels_dseg.nii.gz", shown, seg=True)
    (tmp_path / "slices.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def shown() -> SliceScan:
    image, mask = slice_arrays()
    volumes = (NII.from_numpy(a, AFFINE, seg) for a, seg in ((image, False), (mask, True)))
    return prepared("sub-900", *volumes)


def test_patients_for_choices_do_not_judge() -> None:
    assert held_out_subjects() < kept_from_training()


def test_which_slices_train_and_what_they_tell(folder: Path) -> None:
    spine, bone = slice_scans(folder)
    assert (spine.scan.subject, bone.scan.subject) == ("sub-900", "sub-901")
    assert spine.thickness == bone.thickness == 4.0
    # axes are P, I, R now; above the first vertebra nothing is known
    assert spine.scan.mask.shape == spine.scan.image.shape == (70, 90, 1)
    assert set(np.unique(spine.scan.mask[:, 10:])) == {0, 1, 2, 3}
    assert set(np.unique(bone.scan.mask[:, 10:])) == {1, NO_VERTEBRA}
    assert (spine.scan.mask[:, :10] == UNKNOWN).all()
    assert abs(float(spine.scan.image.mean())) < 1e-3


def test_masks_of_another_folder(folder: Path) -> None:
    _, mask = slice_arrays()
    other = folder / "elsewhere"
    target = other / "sub-900" / "anat" / "sub-900_acq-x_T2w_label-spine_dseg.nii.gz"
    save(target, np.where(mask == 3, UNKNOWN, mask).astype(np.uint8), seg=True)
    (only,) = slice_scans(folder, other)
    assert set(np.unique(only.scan.mask[:, 10:])) == {0, 1, 2, UNKNOWN}


@pytest.mark.parametrize("distance", [1.0, 2.0])
def test_slabs_show_the_slice_and_nothing_else_is_known(shown: SliceScan, distance: float) -> None:
    rng = np.random.default_rng(2)
    kinds = set()
    for _ in range(30):
        image, values, outside = slab_patch(shown, PATCH, distance, rng)
        assert image.shape == values.shape == outside.shape
        assert image.shape[2] % 4 == 0
        assert image.shape[2] >= 8  # gradients of fewer overwrite memory on some processors
        known = ((values != UNKNOWN) & (values != OUTSIDE)).any(axis=(0, 1))
        empty = outside.all(axis=(0, 1))
        within = (~known & ~empty).any()
        kinds.add("within" if within else image.shape)
        if within:
            assert image.shape == PATCH
            assert known.sum() * distance <= shown.thickness + distance
        bright, dark = (values == 3) & ~outside, (values == 0) & ~outside
        if bright.sum() > 50 and dark.sum() > 50:
            assert image[bright].mean() > image[dark].mean() + 1
        assert (image[outside] == image[outside].min()).all() if outside.any() else True
    assert "within" in kinds
    assert any(kind[:2] == NARROW for kind in kinds if kind != "within")


def test_samples_of_slices_carry_sets(shown: SliceScan) -> None:
    maker = SemanticSamples((), 0.0, PATCH, slices=[[shown]], slice_share=1.0)
    first, again = maker(3, 1), maker(3, 1)
    assert all(np.array_equal(a["target"], b["target"]) for a, b in zip(first, again, strict=True))
    codes = set(np.unique(np.concatenate([s["target"].ravel() for s in first])))
    assert {CLASSES + 1, CLASSES + 3, UNKNOWN_CODE} <= codes
    assert codes <= {0, *range(CLASSES, CLASSES + 4), UNKNOWN_CODE}
    image, mask = slice_arrays()
    bone = prepared(
        "x",
        NII.from_numpy(image, AFFINE, False),
        NII.from_numpy((mask == 1).astype(np.uint8), AFFINE, True),
        only_bone=True,
    )
    codes = set()
    for sample in SemanticSamples((), 0.0, PATCH, slices=[[bone]], slice_share=1.0)(0, 0):
        codes |= set(np.unique(sample["target"]).tolist())
    assert codes <= {0, CLASSES + 1, NO_VERTEBRA_CODE, UNKNOWN_CODE}


def probabilities(values: np.ndarray, sure: float) -> np.ndarray:
    """Four maps; what is said has this probability."""
    out = np.full((4, *values.shape), (1 - sure) / 3)
    np.put_along_axis(out, values[None], sure, axis=0)
    return out


def test_both_images_make_the_mask_of_a_slice() -> None:
    t2 = np.ones((10, 10), int)
    t2[:, 8:] = 2
    t1 = t2.copy()
    t1[0] = 0
    sure = slice_masks.shared_mask(probabilities(t1, 0.9), probabilities(t2, 0.9))
    assert sure is not None
    assert (sure[0] == UNKNOWN).all()  # the T1 says something else
    assert (sure[1:] == t2[1:]).all()
    doubtful = slice_masks.shared_mask(probabilities(t1, 0.6), probabilities(t2, 0.9))
    assert doubtful is not None
    assert (doubtful == t2).all()
    unsure = slice_masks.shared_mask(probabilities(t2, 0.9), probabilities(t2, 0.6))
    assert unsure is not None
    assert (unsure == UNKNOWN).all()
    t1[:] = 0
    assert slice_masks.shared_mask(probabilities(t1, 0.9), probabilities(t2, 0.9)) is None


def test_masks_are_written_for_pairs_that_may_train(tmp_path: Path, monkeypatch) -> None:
    image, mask = slice_arrays()
    kept = sorted(held_out_subjects())[0]
    for subject in ("sub-900", "sub-901", kept):
        for kind in ("T1w", "T2w"):
            if (subject, kind) != ("sub-901", "T2w"):
                name = f"{subject}_acq-tsemid_{kind}.nii.gz"
                save(tmp_path / subject / "anat" / name, image, seg=False)
    write_package(tmp_path / "package", build_network())
    values = mask[..., 0].T.astype(int)
    monkeypatch.setattr(
        slice_masks, "set_probabilities", lambda _net, _image: probabilities(values, 0.9)
    )
    words = [str(tmp_path / "package"), "--slices", str(tmp_path), "--out", str(tmp_path / "out")]
    assert slice_masks.main(words) == 0
    written = sorted(path.name for path in (tmp_path / "out").rglob("*.nii.gz"))
    assert written == [f"sub-900_acq-tsemid_{k}_label-spine_dseg.nii.gz" for k in ("T1w", "T2w")]
    found = load_mask(next((tmp_path / "out").rglob("*T1w*.nii.gz")))
    np.testing.assert_array_equal(found.reorient(("I", "P", "L")).get_array(), mask)


def test_probabilities_of_a_slice_add_up_to_the_sets() -> None:
    class Sure(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            scores = torch.zeros(1, CLASSES, *image.shape[2:])
            scores[:, CLASS_OF[100]] = 20 * (image[:, 0] > 0)
            scores[:, CLASS_OF[26]] = 20 * (image[:, 0] <= 0)
            return scores

    image = np.where(np.arange(30)[None, :, None] < 12, 1.0, -1.0) * np.ones((20, 30, 1))
    found = slice_masks.set_probabilities(Sure(), image.astype(np.float32))
    assert found.shape == (4, 20, 30)
    # the sacrum is background in these masks
    np.testing.assert_array_equal(found.argmax(0), np.where(image[..., 0] > 0, 2, 0))
