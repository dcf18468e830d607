"""Images go to the grid of a network number by number as with nnU-Net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from spineps_nipype.errors import ModelError
from spineps_nipype.models.inference.spline_resampling import resample_by_splines

THIN, THICK = (1.5, 1.2, 1.0), (4.4, 0.8, 0.7)


@pytest.mark.parametrize(
    "arguments",
    [
        {"order": 3, "order_z": 0, "force_separate_z": None},
        {"order": 1, "order_z": 1, "force_separate_z": None},
        {"order": 3, "order_z": 2, "force_separate_z": True},
        {"force_separate_z": None, "separate_z_anisotropy_threshold": 1.1},
        {},
    ],
    ids=["usual", "linear", "slices", "threshold", "default"],
)
@pytest.mark.parametrize(
    ("spacing", "target"),
    [(THIN, (2.0, 2.0, 2.0)), (THICK, THIN), (THIN, THICK), (THICK, (4.4, 1.5, 1.5))],
    ids=["thin", "from-slices", "to-slices", "within-slices"],
)
@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1)], ids=["first", "last"])
def test_numbers_are_those_of_nnunet(
    arguments: Mapping[str, Any],
    spacing: tuple[float, ...],
    target: tuple[float, ...],
    turn: tuple[int, ...],
) -> None:
    from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape

    data = np.random.default_rng(0).normal(size=(2, 9, 21, 19)).astype(np.float32)
    data = data.transpose(0, *(1 + axis for axis in turn))
    spacing, target = (tuple(s[axis] for axis in turn) for s in (spacing, target))
    shape = [
        round(n * old / new) for n, old, new in zip(data.shape[1:], spacing, target, strict=True)
    ]
    ours = resample_by_splines(data, shape, spacing, target, **arguments)
    theirs = resample_data_or_seg_to_shape(data, shape, spacing, target, **arguments)
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)


def test_where_two_axes_are_coarse_no_slices_are_seen() -> None:
    from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape

    data = np.random.default_rng(1).normal(size=(1, 12, 5, 6)).astype(np.float32)
    grids = (6, 10, 9), (0.3, 2.0, 2.0), (0.6, 1.0, 1.3)
    ours = resample_by_splines(data, *grids, force_separate_z=None)
    theirs = resample_data_or_seg_to_shape(data, *grids, force_separate_z=None)
    np.testing.assert_array_equal(ours, theirs)


def test_images_are_no_labels() -> None:
    with pytest.raises(ModelError, match="is_seg"):
        resample_by_splines(np.zeros((1, 2, 2, 2)), (4, 4, 4), THIN, THICK, is_seg=True)
