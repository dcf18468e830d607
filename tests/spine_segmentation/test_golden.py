"""Results of the original functions on synthetic spines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spineps_nipype.spine_segmentation.naming import name_spine
from spineps_nipype.spine_segmentation.slices import crop_or_pad, restore_size
from spineps_nipype.spine_segmentation.split import split_instances
from tests.reference.store import VECTORS

from .blocks import vertebra_names

CASES = ("normal", "sacralised", "lumbarised", "L2_S1", "T5_T9", "T5_T9_fragment", "three")
SIZES = ("256x512", "301x900", "400x1000")


def vector(name: str) -> dict[str, np.ndarray]:
    with np.load(VECTORS / f"{name}.npz") as stored:
        return dict(stored)


@pytest.mark.parametrize("case", CASES)
def test_split_like_the_original(case: str) -> None:
    golden = vector(f"ss_split_{case}")
    ours = split_instances(golden["in_seg"], numerics="original").instances
    np.testing.assert_array_equal(ours, golden["out"])


@pytest.mark.parametrize("case", CASES)
def test_names_like_the_original(case: str) -> None:
    golden = vector(f"ss_post_{case}")
    ours = name_spine(golden["in_seg"], golden["in_vert_class"], numerics="original").labels
    np.testing.assert_array_equal(ours, golden["out"])


@pytest.mark.parametrize("case", CASES)
def test_corrected_rules_find_the_same_vertebrae(case: str) -> None:
    golden = vector(f"ss_post_{case}")
    named = name_spine(golden["in_seg"], golden["in_vert_class"])
    plain = vector("ss_post_T5_T9")["out"] if "fragment" in case else golden["out"]
    assert vertebra_names(named.labels) == vertebra_names(plain)
    assert np.unique(named.labels).tolist() == np.unique(plain).tolist()
    # Corners that a plane cuts off return to their vertebra; nothing else changes.
    assert (named.labels != plain).mean() < 0.005


@pytest.mark.parametrize("size", SIZES)
def test_crop_and_pad_like_the_original(size: str) -> None:
    facts = json.loads((VECTORS / "manifest.json").read_text())[f"ss_croppad_{size}"]
    width, height = (int(n) for n in size.split("x"))
    volume = np.random.default_rng(0).random((2, width, height)) + 0.1
    sized = crop_or_pad(volume)
    assert np.argwhere(sized).min(axis=0).tolist() == facts["first_nonzero"]
    back = restore_size(sized, width, height, numerics="original")
    fraction = facts["same_after_roundtrip_fraction"]
    assert (back == volume).mean() == pytest.approx(fraction, abs=1e-4)
