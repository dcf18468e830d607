"""The embedded networks of spine-segmentation: found without installation, right on a phantom."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from TPTBox import NII

from spineps_nipype.core.anatomy import CORPUS, CORPUS_BORDER, DISC
from spineps_nipype.models.finding import find_package, find_packages
from spineps_nipype.models.folders import is_embedded
from spineps_nipype.phantom import FieldOfView, generate, render, to_nii
from spineps_nipype.spine_segmentation import names
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from spineps_nipype.spine_segmentation.models import CLASSES, Role
from spineps_nipype.spine_segmentation.settings import SliceSettings
from spineps_nipype.spine_segmentation.slices import (
    HEIGHT,
    WIDTH,
    crop_or_pad,
    height_with_margin,
    normalised,
)

HELD_OUT_SEED = 13


def test_compact_networks_find_bodies_and_discs_of_a_phantom(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(tmp_path))
    found = find_packages("spine-segmentation", ("semantic", "instance", "form"))
    assert all(is_embedded(package) for package in found.values())
    assert len({package.digest for package in found.values()}) == 3
    fov = FieldOfView("T11", "sacrum", width=28.0)
    phantom = generate(HELD_OUT_SEED, spacing=(0.9, 0.9, 3.5), fov=fov)
    grey = render(phantom, contrast="T2w", seed=1, slice_thickness=3.5)
    image = NII(to_nii(phantom, grey, mask=False), False)
    nets = SegmentationInference(
        output_same_shape_as_input=True,
        semantic_model=found["semantic"].file,
        instance_model=found["instance"].file,
    )
    mask, ids, _ = segment_image(image, nets)
    guess = mask.get_array()
    for label, parts in ((names.VERTEBRA, (CORPUS, CORPUS_BORDER)), (names.DISC, (DISC,))):
        found, truth = guess == label, np.isin(phantom.spine, parts)
        if label == names.VERTEBRA:
            found = found & (phantom.spine != 26)  # the body of S1 counts there, the sacrum here
        dice = 2 * np.count_nonzero(found & truth) / (found.sum() + truth.sum())
        assert dice > 0.75
    assert ids is not None
    numbers = [int(n) for n in np.unique(ids.get_array()) if n % 2]
    assert len(numbers) >= 7


@pytest.fixture(scope="module")
def slices() -> NDArray[np.float32]:
    """Three slices of a phantom (slice, width, height), as high as networks see them at most."""
    pixel = SliceSettings().pixel_size
    fov = FieldOfView("C2", "sacrum", width=14.0)
    phantom = generate(HELD_OUT_SEED, spacing=(pixel, pixel, 3.5), fov=fov)
    grey = render(phantom, contrast="T2w", seed=1)[::-1, ::-1].transpose(2, 0, 1)
    middle = len(grey) // 2
    return crop_or_pad(normalised(grey[middle - 1 : middle + 2]))


@pytest.mark.parametrize("role", ["semantic", "instance"])
def test_slices_may_end_soon_above_the_image(role: Role, slices: NDArray[np.float32]) -> None:
    pytest.importorskip("openvino")
    from spineps_nipype.models.openvino_onnx import OpenVinoSliceNetwork

    network = OpenVinoSliceNetwork(find_package("spine-segmentation", role).file, num_threads=1)
    assert network.free_height
    for shown in (200, 352, 480, 544, 700, HEIGHT):
        data = np.zeros((1, 3, WIDTH, HEIGHT), np.float32)
        data[0, ..., :shown] = slices[..., :shown]
        whole = network.predict(data)[..., :shown].argmax(1)
        assert len(np.unique(whole)) > 2
        part = network.predict(data[..., : height_with_margin(shown)])
        assert part.shape[1:3] == (CLASSES[role], WIDTH)
        assert np.mean(part[..., :shown].argmax(1) != whole) < 1e-3
