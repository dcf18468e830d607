"""The whole pipeline gives the same result for an image in any of the 48 orientations."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.spineps.centroids import compute_centroids
from spineps_nipype.spineps.discs import finalize_masks
from spineps_nipype.spineps.instance import segment_instances
from spineps_nipype.spineps.labeling import label_vertebrae
from spineps_nipype.spineps.postprocess import reconcile
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.settings import InstanceSettings, PipelineSettings

from .blocks import as_nii, grey, spine_of_blocks
from .stand_ins import CodedSemantic, RowwiseInstances
from .test_instance import SMALL
from .test_labeling import Oracle

ORIENTATIONS = [codes for axes in permutations(("PA", "IS", "RL")) for codes in product(*axes)]
SETTINGS = PipelineSettings.from_flat({"proc_sem_n4_bias_correction": False})


def run(image: NII) -> tuple[NII, NII, dict[tuple[int, int], np.ndarray]]:
    """Final masks, and points in mm."""
    prepared = preprocess_input(image, SETTINGS.preprocess, is_ct=False)
    raw = segment_semantic(prepared, CodedSemantic(), SETTINGS.semantic).mask
    instances = segment_instances(raw, RowwiseInstances(**SMALL), InstanceSettings())
    result = reconcile(raw, instances, image, SETTINGS.post, has_c1=False, is_ct=False)
    named = label_vertebrae(
        result.spine,
        result.vert,
        image,
        result.crop,
        Oracle(first=19),
        SETTINGS.labeling,
        c1_enabled=False,
    )
    spine, vert = finalize_masks(result.spine, named.vert, result.crop)
    points = compute_centroids(spine, vert, points="all")
    places: dict[tuple[int, int], Any] = {
        (v, s): (image.affine @ [*point, 1])[:3] for v, s, point in points.items()
    }
    return spine, vert, places


@pytest.fixture(scope="module")
def upright() -> tuple[NII, NII, dict[tuple[int, int], np.ndarray]]:
    """Result for an image whose axes run to posterior, inferior and right."""
    return run(grey(as_nii(spine_of_blocks(4)[0])))


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_any_orientation(
    codes: tuple[str, str, str], upright: tuple[NII, NII, dict[tuple[int, int], np.ndarray]]
) -> None:
    image = grey(as_nii(spine_of_blocks(4)[0], codes))
    assert image.orientation == codes
    *masks, places = run(image)
    *expected_masks, expected = upright
    for mask, reference in zip(masks, expected_masks, strict=True):
        assert mask.orientation == codes
        np.testing.assert_allclose(mask.affine, image.affine)
        turned = mask.reorient(("P", "I", "R"))
        np.testing.assert_array_equal(turned.get_array(), reference.get_array())
        np.testing.assert_allclose(turned.affine, reference.affine, atol=1e-6)
    assert places.keys() == expected.keys()
    assert {20, 21, 22, 23} <= {vertebra for vertebra, _ in places}
    for key, place in expected.items():
        np.testing.assert_allclose(places[key], place, atol=0.011)  # rounded to 0.01 voxel
