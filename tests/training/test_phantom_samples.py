"""Samples of the instance and labelling networks: targets that say the truth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from spineps_nipype.phantom import Anomalies, draw_plan, generate
from training.instance import samples as instance_data
from training.labeling import samples as labeling_data


@pytest.fixture(scope="module")
def phantom():
    return generate(5, spacing=(2.0, 2.0, 2.0), anomalies=Anomalies(thoracic=12, lumbar=5))


def test_clean_cutout_shows_a_vertebra_and_its_neighbours(phantom) -> None:
    spine = instance_data.LabelledSpine.from_phantom(phantom)
    centre = np.array(phantom.centres["L2"])
    sample = instance_data.draw_sample(spine, 21, centre, np.random.default_rng(0), augment=False)
    x, y = sample["x"], sample["y"]
    assert x.shape == y.shape == instance_data.CUTOUT
    assert x.max() == 9
    assert y[tuple(n // 2 for n in instance_data.CUTOUT)] == instance_data.CENTRE
    rows = [np.argwhere((y == value) & (x == 9))[:, 1].mean() for value in (1, 2, 3)]
    assert rows == sorted(rows)
    assert not y[x == 0].any()
    middle = np.count_nonzero(y == 2)
    assert middle == pytest.approx(np.count_nonzero(phantom.vert == 21), rel=0.15)


def test_spoilt_samples_keep_to_the_classes_and_their_input(phantom) -> None:
    samples = instance_data.make_group(seed=3, group=1)
    assert len(samples) == instance_data.SAMPLES_PER_PHANTOM
    for sample in samples:
        assert set(np.unique(sample["y"])) <= {0, 1, 2, 3}
        assert set(np.unique(sample["x"])) <= set(range(10))
        assert (sample["y"] == instance_data.CENTRE).any()
        assert not sample["y"][sample["x"] == 0].any()
    again = instance_data.make_group(seed=3, group=1)
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(samples, again, strict=True))


def test_spoiling_leaves_its_input_alone(phantom) -> None:
    before = phantom.spine.copy()
    spoilt = instance_data.spoil(phantom.spine, np.random.default_rng(1))
    assert np.array_equal(before, phantom.spine)
    assert (spoilt != before).any()


@pytest.mark.parametrize(
    ("name", "anomalies", "vert", "relative"),
    [
        ("C2", Anomalies(), 1, 0),
        ("C7", Anomalies(), 6, 1),
        ("T1", Anomalies(), 7, 2),
        ("T12", Anomalies(thoracic=12), 18, 3),
        ("T12", Anomalies(thoracic=13), 18, 0),
        ("T13", Anomalies(thoracic=13), 18, 3),
        ("T11", Anomalies(thoracic=11), 17, 3),
        ("L1", Anomalies(), 19, 4),
        ("L5", Anomalies(lumbar=5), 23, 5),
        ("L5", Anomalies(lumbar=6), 23, 0),
        ("L6", Anomalies(lumbar=6), 23, 5),
        ("L4", Anomalies(lumbar=4), 22, 5),
    ],
)
def test_classes_of_the_heads(name, anomalies, vert, relative) -> None:
    classes = labeling_data.targets_of(name, draw_plan(1, anomalies).levels, visible=True)
    assert classes == {
        "REGION": "CTL".index(name[0]),
        "VERT": vert,
        "VERTREL": relative,
        "FULLYVISIBLE": 1,
    }


def test_patch_is_centred_padded_and_normalised() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(10, 20, (40, 30, 6)).astype(np.float32)
    body = np.zeros(image.shape, bool)
    body[10:15, 4:8, 1:4] = True
    patch = labeling_data.cut_patch(image, body)
    assert patch.shape == labeling_data.PATCH
    inside = patch != 0
    assert patch[inside].mean() == pytest.approx(0, abs=1e-4)
    assert patch[inside].std() == pytest.approx(1, abs=1e-3)
    corner = np.array(labeling_data.PATCH) // 2 - (12, 6, 2)
    assert not patch[: corner[0]].any()
    shown = tuple(
        slice(c, min(c + n, s))
        for c, n, s in zip(corner, image.shape, labeling_data.PATCH, strict=True)
    )
    part = image[tuple(slice(0, s.stop - s.start) for s in shown)]
    expected = (part - part.mean()) / part.std()
    assert np.allclose(patch[shown], expected, atol=1e-3)


def test_view_shows_the_vertebrae_asked_for(phantom) -> None:
    spine = labeling_data.named_phantom(phantom, phantom.tissue.astype(np.float32))
    window = labeling_data.draw_window(spine, np.random.default_rng(2), count=5)
    patches = labeling_data.view_patches(spine, window)
    visible = [p for p in patches if p["FULLYVISIBLE"]]
    assert len(visible) == 5
    names = [int(p["VERT"]) for p in patches]
    assert names == sorted(names)
