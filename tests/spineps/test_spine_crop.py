"""When an image is cropped to the spine, and to what."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import EmptyResultError, InputError, ModelError
from spineps_nipype.spineps.settings import CropSettings
from spineps_nipype.spineps.spine_crop import crop_to_box, crop_to_spine, wants_crop

from .blocks import AFFINE_PIR, as_nii, grey
from .stand_ins import CodedSemantic, config

LARGE = np.broadcast_to(np.float32(0), (201, 201, 201))
FINE, COARSE = config([0.8, 0.8, 1.2]), config([0.75, 0.75, 1.65])


class Shape:
    """An image that is nothing but its size."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self.zoom = (1.0, 1.0, 1.0)

    def reorient(self, _axes: object) -> Shape:
        return self


@pytest.mark.parametrize(
    ("model", "shape", "wanted"),
    [
        (FINE, (201, 201, 201), True),
        (FINE, (200, 200, 200), False),
        (COARSE, (201, 201, 201), False),
        (config([1, 1, 1], needs_corp=True), (20, 20, 20), True),
        (config([[0.5, 0.5, 0.5], [1.5, 1.5, 1.5]]), (201, 201, 201), True),
    ],
)
def test_automatic_choice(model: object, shape: tuple[int, int, int], wanted: bool) -> None:
    assert wants_crop(Shape(shape), CropSettings(), model) is wanted  # type: ignore[arg-type]


def test_always_and_never() -> None:
    small, large = Shape((9, 9, 9)), Shape((300, 300, 300))
    assert wants_crop(small, CropSettings(auto_crop_to_spine="yes"), COARSE)  # type: ignore[arg-type]
    assert not wants_crop(large, CropSettings(auto_crop_to_spine="no"), FINE)  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", [("P", "I", "R"), ("L", "P", "S")])
@pytest.mark.parametrize("label", [68, 69, 70, 23])
def test_box_around_the_spine_with_18_voxels_of_1_mm(
    label: int, orientation: tuple[str, ...]
) -> None:
    array = np.zeros((60, 70, 50), np.uint8)
    array[30:35, 25:30, 5:10] = label
    array[0:5, 0:5, 0:5] = 12  # another organ
    image = grey(as_nii(array, orientation))
    out = crop_to_spine(image, network=CodedSemantic())
    expected = array[12:53, 7:48, 0:28]
    turned = out.reorient(("P", "I", "R"))
    np.testing.assert_array_equal(turned.get_array(), expected)
    np.testing.assert_allclose(
        turned.affine @ [0, 0, 0, 1], image.reorient(("P", "I", "R")).affine @ [12, 7, 0, 1]
    )


def test_values_beyond_10000_are_shrunk_for_the_network() -> None:
    array = np.zeros((12, 12, 12), np.float32)
    array[4:8, 4:8, 4:8] = 20_000 * 69 / 1000
    array[0, 0, 0] = 20_000
    network = CodedSemantic()
    image = NII(nib.Nifti1Image(array, AFFINE_PIR), False)
    out = crop_to_spine(image, network=network)
    assert network.seen[0].get_array().max() == pytest.approx(1000)
    assert out.get_array().max() == 20_000, "the image itself keeps its values"


def test_no_spine_in_the_image() -> None:
    image = grey(as_nii(np.zeros((12, 12, 12), np.uint8)))
    with pytest.raises(EmptyResultError, match="No spine") as caught:
        crop_to_spine(image, network=CodedSemantic())
    assert "--auto-crop-to-spine" in caught.value.remedy


def test_weights_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBESEG_WEIGHTS_PATH", str(tmp_path))
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        crop_to_spine(grey(as_nii(np.ones((12, 12, 12), np.uint8))))
    assert "VIBESeg" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("numerics", "rows"), [("corrected", (10, 50)), ("spineps-2.1.3", (20, 50))]
)
def test_a_given_box_is_cut_once(numerics: str, rows: tuple[int, int]) -> None:
    """SPINEPS cuts it twice: 10:50 ends as 20:50."""
    array = np.arange(4 * 60 * 5, dtype=np.float32).reshape(4, 60, 5)
    image = NII(nib.Nifti1Image(array, AFFINE_PIR), False)
    part = crop_to_box(image, ":,10:50,1:", numerics)  # type: ignore[arg-type]
    first = 1 if numerics == "corrected" else 2
    np.testing.assert_array_equal(part.get_array(), array[:, slice(*rows), first:])
    corner = image.affine @ [0, rows[0], first, 1]
    np.testing.assert_allclose(part.affine[:, 3], corner)


@pytest.mark.parametrize("box", ["100:200,:,:", ":,5:6,:", "9:3,:,:"])
def test_a_box_beside_the_image_is_refused(box: str) -> None:
    image = NII(nib.Nifti1Image(np.ones((10, 10, 10), np.float32), AFFINE_PIR), False)
    with pytest.raises(InputError, match="--crop-box") as caught:
        crop_to_box(image, box)
    assert "10 x 10 x 10" in caught.value.what


@pytest.mark.parametrize("text", ["", "1:2", "1:2,3:4,5", "a:b,:,:", "-1:4,:,:", ":,:,:,:"])
def test_text_that_is_no_box(text: str) -> None:
    with pytest.raises(ValueError, match="is no box"):
        CropSettings(crop_box=text)
