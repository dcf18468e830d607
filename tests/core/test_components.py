"""Components and morphology on volumes small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.core.components import (
    bounding_box,
    component_centroids,
    component_sizes,
    components_by_size,
    dilate,
    erode,
    fill_holes,
    label_components,
    remove_small_components,
)


def line(*values: int) -> np.ndarray:
    """Row of voxels along the last axis, 3 voxels thick with background around."""
    out = np.zeros((3, 3, len(values)), np.uint8)
    out[1, 1] = values
    return out


@pytest.mark.parametrize(("connectivity", "count"), [(1, 3), (2, 2), (3, 1)])
def test_connectivity_words(connectivity: int, count: int) -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = mask[0, 1, 1] = True  # edge
    mask[1, 2, 2] = True  # corner
    assert label_components(mask, connectivity)[1] == count


def test_labels_never_join() -> None:
    components, count = label_components(line(1, 1, 2, 2, 1), 3)
    assert count == 3
    assert component_sizes(components, count).tolist() == [40, 2, 2, 1]


def test_components_from_large_to_small_with_ties_in_order() -> None:
    components, count = components_by_size(line(1, 0, 1, 1, 0, 1, 0, 1, 1, 1), 1)
    assert count == 4
    assert components[1, 1].tolist() == [3, 0, 2, 2, 0, 4, 0, 1, 1, 1]


def test_no_components() -> None:
    components, count = components_by_size(line(0, 0), 3)
    assert count == 0
    assert not components.any()


def test_centroids() -> None:
    components, _ = label_components(line(1, 1, 0, 1), 1)
    np.testing.assert_allclose(component_centroids(components)[1:], [[1, 1, 0.5], [1, 1, 3]])


def test_small_components_strictly_below_the_limit_are_deleted() -> None:
    arr = line(4, 0, 4, 4, 0, 4, 4, 4, 0, 9)
    out = remove_small_components(arr, (4, 8), 3)
    assert out[1, 1].tolist() == [0, 0, 0, 0, 0, 4, 4, 4, 0, 9]
    assert arr[1, 1, 0] == 4, "the input stays"


def test_bounding_box_with_margin_is_clipped() -> None:
    mask = np.zeros((6, 7, 8), bool)
    mask[0, 2:4, 7] = True
    assert bounding_box(mask) == (slice(0, 1), slice(2, 4), slice(7, 8))
    assert bounding_box(mask, 2.99) == (slice(0, 3), slice(0, 6), slice(5, 8))


def test_bounding_box_of_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((3, 3, 3)))


def test_erosion_counts_the_outside_as_background() -> None:
    full = np.ones((5, 5, 5), bool)
    assert erode(full, 1, 3).sum() == 27
    assert erode(full, 2, 3).sum() == 1
    assert erode(full, 0, 3).all()


@pytest.mark.parametrize(("connectivity", "voxels"), [(1, 7), (2, 19), (3, 27)])
def test_dilation(connectivity: int, voxels: int) -> None:
    point = np.zeros((5, 5, 5), bool)
    point[2, 2, 2] = True
    assert dilate(point, 1, connectivity).sum() == voxels
    assert dilate(point, 0, connectivity).sum() == 1


def test_holes_are_filled_in_the_order_of_labels_and_never_over_others() -> None:
    arr = np.zeros((7, 7, 7), np.uint8)
    arr[1:6, 1:6, 1:6] = 5
    arr[2:5, 2:5, 2:5] = 0
    arr[3, 3, 3] = 8
    out = fill_holes(arr, (8, 5, 77))
    assert (out == 5).sum() == 124
    assert out[3, 3, 3] == 8
    assert not out[0].any()


def test_an_open_cavity_is_no_hole() -> None:
    arr = np.zeros((5, 5, 5), np.uint8)
    arr[1:4, 1:4, 1:4] = 5
    arr[2, 2, 2:] = 0
    np.testing.assert_array_equal(fill_holes(arr, (5,)), arr)
