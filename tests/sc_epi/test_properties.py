"""What holds for every mask that EPISeg's clean-up sees."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.core.components import structure
from spineps_nipype.sc_epi.cleanup import (
    fill_cavities,
    fill_in_slices,
    keep_largest,
    remove_small,
    threshold,
)
from spineps_nipype.sc_epi.sizes import smallest_voxels

QUICK = settings(max_examples=25, deadline=None)
masks = st.tuples(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9)).map(
    lambda w: (np.random.default_rng(w[0]).random((6, 5, 4)) < w[1]).astype(np.uint8)
)


@QUICK
@given(masks)
def test_filling_only_adds_and_does_so_once(mask: np.ndarray) -> None:
    for fill in (fill_cavities, fill_in_slices):
        filled = fill(mask)
        assert (filled >= mask).all()
        assert (fill(filled) == filled).all()
    assert (
        fill_in_slices(mask)
        == np.stack(
            [fill_in_slices(mask[:, :, i : i + 1])[:, :, 0] for i in range(mask.shape[2])], axis=2
        )
    ).all()


@QUICK
@given(masks, st.integers(0, 12))
def test_removing_only_deletes_whole_objects(mask: np.ndarray, least: int) -> None:
    from scipy import ndimage

    kept = remove_small(mask, least)
    assert (kept <= mask).all()
    assert (remove_small(kept, least) == kept).all()
    objects, count = ndimage.label(mask, structure(2))
    for number in range(1, count + 1):
        inside = objects == number
        assert set(np.unique(kept[inside])) == ({1} if inside.sum() >= least else {0})


@QUICK
@given(masks)
def test_the_largest_object_is_one_of_them(mask: np.ndarray) -> None:
    from scipy import ndimage

    largest = keep_largest(mask)
    assert (largest <= mask).all()
    assert ndimage.label(largest)[1] == min(ndimage.label(mask)[1], 1)
    sizes = np.bincount(ndimage.label(mask)[0].ravel())[1:]
    assert largest.sum() == sizes.max(initial=0)


@QUICK
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.9), st.floats(0.05, 0.9))
def test_a_higher_threshold_takes_less(seed: int, one: float, other: float) -> None:
    soft = np.random.default_rng(seed).random((4, 4, 4)).astype(np.float32)
    labels = soft > 0.5
    low, high = (threshold(labels, soft, t) for t in sorted((one, other)))
    assert (low >= high).all()
    assert (threshold(labels, soft, 0) == soft).all()


@QUICK
@given(st.lists(st.integers(1, 50), min_size=1, max_size=4), st.sampled_from(["", "vox", " vox"]))
def test_sizes_are_read_one_for_each_class(sizes: list[int], unit: str) -> None:
    text = ", ".join(f"{n}{unit}" for n in sizes)
    assert smallest_voxels(text, len(sizes), 2.0) == [float(n) for n in sizes]
    volumes = " ".join(f"{2 * n}mm3" for n in sizes)
    assert smallest_voxels(volumes, len(sizes), 2.0) == [float(n) for n in sizes]
