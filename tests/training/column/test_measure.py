"""The constants of the column are those that are measured."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.core import spine_column
from spineps_nipype.phantom.views import KINDS
from training.column.measure import main, measured, phantom_columns


def test_constants_of_the_column_fit_phantoms() -> None:
    values = measured(phantom_columns(1))
    assert len(values["rear"]) > 80
    assert np.median(values["rear"]) == pytest.approx(spine_column.REAR, abs=1)
    assert np.std(values["aside"]) < spine_column.ASIDE_SD
    assert np.median(values["gap"]) == pytest.approx(spine_column.GAP, abs=spine_column.GAP_SD)
    assert np.median(values["body"]) == pytest.approx(spine_column.BODY, abs=0.1)
    assert np.median(values["disc"]) == pytest.approx(spine_column.DISC, abs=0.1)
    assert np.median(np.abs(values["size"])) < spine_column.SIZE_SD
    assert np.median(values["shift"]) < spine_column.SHIFT_SD


def test_phantoms_are_of_every_kind() -> None:
    assert len(list(phantom_columns(1))) == len(KINDS)


def test_the_command_needs_masks(tmp_path: object) -> None:
    with pytest.raises(SystemExit):
        main([])
