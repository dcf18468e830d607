"""Samples of the instance network: targets that say the truth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from spineps_nipype.phantom import Anomalies, generate
from training.instance.samples import (
    CENTRE,
    CUTOUT,
    SAMPLES_PER_PHANTOM,
    LabelledSpine,
    corrupt,
    draw_sample,
    make_group,
)


@pytest.fixture(scope="module")
def phantom():
    return generate(5, spacing=(2.0, 2.0, 2.0), anomalies=Anomalies(thoracic=12, lumbar=5))


def test_clean_cutout_shows_a_vertebra_and_its_neighbours(phantom) -> None:
    spine = LabelledSpine.from_phantom(phantom)
    centre = np.array(phantom.centres["L2"])
    sample = draw_sample(spine, 21, centre, np.random.default_rng(0), augment=False)
    x, y = sample["x"], sample["y"]
    assert x.shape == y.shape == CUTOUT
    assert x.max() == 9
    assert y[tuple(n // 2 for n in CUTOUT)] == CENTRE
    rows = [np.argwhere((y == value) & (x == 9))[:, 1].mean() for value in (1, 2, 3)]
    assert rows == sorted(rows)
    assert not y[x == 0].any()
    middle = np.count_nonzero(y == 2)
    assert middle == pytest.approx(np.count_nonzero(phantom.vert == 21), rel=0.15)


def test_corrupted_samples_keep_to_the_classes_and_their_input(phantom) -> None:
    samples = make_group(seed=3, group=1)
    assert len(samples) == SAMPLES_PER_PHANTOM
    for sample in samples:
        assert set(np.unique(sample["y"])) <= {0, 1, 2, 3}
        assert set(np.unique(sample["x"])) <= set(range(10))
        assert (sample["y"] == CENTRE).any()
        assert not sample["y"][sample["x"] == 0].any()
    again = make_group(seed=3, group=1)
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(samples, again, strict=True))


def test_corruption_leaves_its_input_alone(phantom) -> None:
    before = phantom.spine.copy()
    corrupted = corrupt(phantom.spine, np.random.default_rng(1))
    assert np.array_equal(before, phantom.spine)
    assert (corrupted != before).any()
