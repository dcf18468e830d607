"""The labeller stays quick and small on a whole spine."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from spineps_nipype.totalspineseg.labeler import label_spine
from spineps_nipype.totalspineseg.settings import LABELER_STEP2, Numerics

from .block_spine import DISCS, found_discs, raw_spine

SHAPE = (166, 258, 548)
SECONDS = 5.0  # of processor time
MIB = 100


def whole_spine() -> np.ndarray:
    """The block spine, enlarged until it fills the image; no voxel lies outside its box."""
    seg = raw_spine(DISCS)
    rows = [np.arange(n) * have // n for n, have in zip(SHAPE, seg.shape, strict=True)]
    out = seg[np.ix_(*rows)]
    out[0, 0, 0], out[-1, -1, -1] = 6, 6
    return out


@pytest.mark.slow
@pytest.mark.parametrize("numerics", ["corrected", "original"])
def test_whole_spine(numerics: Numerics) -> None:
    seg = whole_spine()
    start = time.process_time()
    out = label_spine(seg, LABELER_STEP2, numerics=numerics)
    used = time.process_time() - start
    back = [np.arange(n) * full // n for n, full in zip((20, 40, 246), SHAPE, strict=True)]
    assert found_discs(out[np.ix_(*back)], 23) == list(DISCS)
    assert used <= SECONDS
    tracemalloc.start()
    label_spine(seg, LABELER_STEP2, numerics=numerics)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert peak <= MIB
