"""A canal runs behind every vertebra, or its mask is not to be trusted."""

from __future__ import annotations

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.core.anatomy import CANAL, CORD
from spineps_nipype.metrics.canal_check import check_canal
from spineps_nipype.metrics.spine_metrics import split_masks

from .model_spine import ModelSpine, model_spine


@pytest.fixture(scope="module")
def model() -> ModelSpine:
    return model_spine(zoom=(1.5, 1.5, 3.0))


def without_canal(model: ModelSpine, rows: slice) -> NII:
    """Structures without the canal in some rows, from top to bottom."""
    spine = model.spine.copy()
    values = spine.get_array()
    part = values[:, rows]
    part[np.isin(part, (CANAL, CORD))] = 0
    return spine.set_array(values)


def reasons(spine: NII, vert: NII) -> list[tuple[str, str]]:
    return [(f.level, f.reason) for f in check_canal(split_masks(spine, vert))]


def test_a_canal_behind_all(model: ModelSpine) -> None:
    assert reasons(model.spine, model.vert) == []


def test_no_canal_at_all(model: ModelSpine) -> None:
    [(level, reason)] = reasons(without_canal(model, slice(None)), model.vert)
    assert level == "T12"
    assert reason == "No canal was found behind T12, L1, L2, L3, L4, L5."


def test_a_canal_that_ends_too_early(model: ModelSpine) -> None:
    rows = model.spine.shape[1]
    [(level, reason)] = reasons(without_canal(model, slice(0, rows // 3)), model.vert)
    assert level == "T12"
    assert reason.startswith("No canal was found behind T12, L1")
    assert "L4" not in reason


def test_a_gap_is_bridged(model: ModelSpine) -> None:
    middle = model.spine.shape[1] // 2
    assert reasons(without_canal(model, slice(middle - 3, middle + 3)), model.vert) == []


def test_what_the_border_cuts_may_have_its_canal_outside(model: ModelSpine) -> None:
    spine, vert = (
        n.apply_crop((slice(None), slice(12, None), slice(None)))
        for n in (without_canal(model, slice(0, 18)), model.vert)
    )
    assert "S" in split_masks(spine, vert).bodies[19].cut
    assert reasons(spine, vert) == []
