"""Samples of the labelling network: targets that say the truth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from spineps_nipype.phantom import Anomalies, draw_plan, generate
from training.labeling import samples


@pytest.fixture(scope="module")
def phantom():
    return generate(5, spacing=(2.0, 2.0, 2.0), anomalies=Anomalies(thoracic=12, lumbar=5))


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
    classes = samples.targets_of(name, draw_plan(1, anomalies).levels, visible=True)
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
    patch = samples.cut_patch(image, body)
    assert patch.shape == samples.PATCH
    inside = patch != 0
    assert patch[inside].mean() == pytest.approx(0, abs=1e-4)
    assert patch[inside].std() == pytest.approx(1, abs=1e-3)
    corner = np.array(samples.PATCH) // 2 - (12, 6, 2)
    assert not patch[: corner[0]].any()
    shown = tuple(
        slice(c, min(c + n, s)) for c, n, s in zip(corner, image.shape, samples.PATCH, strict=True)
    )
    part = image[tuple(slice(0, s.stop - s.start) for s in shown)]
    expected = (part - part.mean()) / part.std()
    assert np.allclose(patch[shown], expected, atol=1e-3)


def test_view_shows_the_vertebrae_asked_for(phantom) -> None:
    spine = samples.named_phantom(phantom, phantom.tissue.astype(np.float32))
    view = samples.draw_window(spine, np.random.default_rng(2), count=5)
    patches = samples.view_patches(spine, view)
    visible = [p for p in patches if p["FULLYVISIBLE"]]
    assert len(visible) == 5
    names = [int(p["VERT"]) for p in patches]
    assert names == sorted(names)
