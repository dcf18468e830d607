"""Codes, loss, packages and evaluation of the networks of TotalSpineSeg."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spineps_nipype.phantom import Anomalies, FieldOfView, generate  # noqa: E402
from spineps_nipype.totalspineseg.profiles import DATASETS  # noqa: E402
from training.common.canal_contents import CAUDA, CORD_SEEN  # noqa: E402
from training.totalspineseg import recipe  # noqa: E402
from training.totalspineseg.evaluate import discs_found, load_networks  # noqa: E402
from training.totalspineseg.samples import CodedScan, TotalSpineSegSamples  # noqa: E402
from training.totalspineseg.targets import (  # noqa: E402
    BONE_CODES,
    C1_CODES,
    CANAL,
    CODES,
    CORD,
    DISC_CODES,
    MAYBE_BONE,
    OUTPUTS,
    SACRUM,
    SOME_CANAL,
    STEP1_LABELS,
    STEP2_LABELS,
    marked_codes,
    phantom_codes,
    region_table,
    spider_codes,
)

PATCH = (48, 64, 8)
ZOOM = (2.0, 2.0, 4.0)


def spider_mask(bodies: int = 6) -> np.ndarray:
    """Mask (P, I, R): bodies and discs in front of a canal, arches joined to them."""
    mask = np.zeros((40, 30 + 20 * bodies, 10), np.uint8)
    mask[22:29] = 3
    for k in range(bodies):
        mask[5:20, 10 + 20 * k : 24 + 20 * k] = 1
        mask[5:20, 25 + 20 * k : 29 + 20 * k] = 2
        mask[5:36, 12 + 20 * k : 16 + 20 * k, 2] = 1  # pedicle
        mask[30:36, 12 + 20 * k : 20 + 20 * k] = 1
    return mask


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return spider_codes(spider_mask(), (1.0, 1.0, 2.0), 6)


def test_regions_are_those_of_the_release() -> None:
    assert OUTPUTS == (9, 11)
    for step, labels in ((1, STEP1_LABELS), (2, STEP2_LABELS)):
        table = region_table(step, 0)
        names = list(labels)[1:]
        assert table.shape == (CODES, len(names))
        assert (table[0] == 0).all()
        for code in (SACRUM, *BONE_CODES, *C1_CODES):
            assert table[code, names.index("vertebrae")] == 1
        assert table[CORD, names.index("canal")] == table[CORD, names.index("cord")] == 1
        assert table[CANAL, names.index("cord")] == 0
        assert table[SOME_CANAL, names.index("cord")] == -1
        assert table[MAYBE_BONE, names.index("vertebrae")] == -1
        assert table[MAYBE_BONE, names.index("disc")] == 0
        assert table[DISC_CODES["L5_S", 1], names.index("disc_L5_S")] == 1
        assert table[DISC_CODES["?", 1], names.index("disc_L5_S")] == -1


def test_odd_vertebrae_are_those_below_marked_discs() -> None:
    plan = Anomalies(thoracic=12, lumbar=5)
    phantom = generate(2, spacing=ZOOM, fov=FieldOfView("T11", "sacrum", 40), anomalies=plan)
    codes = phantom_codes(phantom)
    for odd in (0, 1):
        table = region_table(2, odd)
        column = list(STEP2_LABELS).index("vertebrae_O") - 1
        marked = np.isin(codes, marked_codes(odd))
        is_odd = table[codes, column] == 1
        for name, label in (("L2", 21), ("L3", 22), ("L4", 23)):
            below_mark = marked[phantom.vert == 100 + label - 1].mean() > 0.5
            body = (phantom.vert == label) & np.isin(phantom.spine, (49, 50))
            assert is_odd[body].all() == below_mark, name
            assert is_odd[body].any() == below_mark, name


def test_landmark_discs_of_a_phantom() -> None:
    plan = Anomalies(thoracic=13, lumbar=4)
    phantom = generate(2, spacing=ZOOM, fov=FieldOfView("T12", "sacrum", 40), anomalies=plan)
    codes = phantom_codes(phantom)
    last = [np.isin(codes, [DISC_CODES[n, p] for p in (0, 1)]) for n in ("T12_L1", "L5_S")]
    assert set(np.unique(phantom.vert[last[0]])) == {128}  # below T13
    assert set(np.unique(phantom.vert[last[1]])) == {123}  # below L4
    assert (codes == SACRUM).sum() == (phantom.spine == 26).sum()
    assert not codes[phantom.spine == 62].any()


def test_spider_masks_get_parity_and_landmarks(codes) -> None:
    centre = [codes[10, 15 + 20 * k, 5] for k in range(6)]
    arch = [codes[33, 15 + 20 * k, 5] for k in range(6)]
    assert centre == arch  # the arch belongs to its body
    assert set(centre[::2]) == {BONE_CODES[1]}
    assert set(centre[1::2]) == {BONE_CODES[0]}
    assert codes[10, 27 + 100, 5] == DISC_CODES["L5_S", 1]
    assert codes[10, 27, 5] == DISC_CODES["T12_L1", 0]
    assert codes[10, 27 + 40, 5] == DISC_CODES["", 0]
    assert codes[25, 50, 5] == SOME_CANAL
    assert codes[2, 145, 5] == MAYBE_BONE
    assert codes[2, 50, 5] == 0
    unsure = spider_codes(spider_mask(), (1.0, 1.0, 2.0), 7)
    assert unsure[10, 27 + 100, 5] == DISC_CODES["?", 1]


def test_marks_stand_on_every_second_disc(codes) -> None:
    rng = np.random.default_rng(0)
    scan = CodedScan(rng.standard_normal(codes.shape).astype(np.float32), codes)
    maker = TotalSpineSegSamples([scan], 0.0, PATCH)
    samples = [s for group in range(2) for s in maker(0, group)]
    discs = list(DISC_CODES.values())
    shares = []
    for sample in samples:
        assert sample["image"].shape == (2, *PATCH[::-1])
        marks, target = sample["image"][1] > 0, sample["target"]
        if sample["step"] == 1:
            assert not marks.any()
        elif np.isin(target, marked_codes(int(sample["odd"]))).sum() > 200:
            shares.append(np.isin(target[marks], discs).mean())
    assert len(shares) > 2
    assert np.mean(shares) > 0.8
    again = TotalSpineSegSamples([scan], 0.0, PATCH)(0, 0)
    assert np.array_equal(again[3]["image"], samples[3]["image"])


def test_phantom_samples_hold_vertebrae_and_discs() -> None:
    seen = set()
    for sample in TotalSpineSegSamples((), patch=PATCH)(2, 1):
        assert np.isfinite(sample["image"]).all()
        seen.update(np.unique(sample["target"]).tolist())
    assert seen & set(DISC_CODES.values())
    assert seen & set(BONE_CODES)
    assert max(seen) < CODES


def test_loss_counts_known_voxels_only() -> None:
    truth = torch.zeros(2, 2, 4, 4, dtype=torch.int8)
    truth[0, 0] = 1
    truth[1] = -1
    scores = torch.where(truth > 0, 12.0, -12.0)
    entropy, dice = recipe.region_loss(scores, truth)
    assert float(entropy) < 1e-4
    assert float(dice) < 1e-3
    scores[1] = 12.0  # nothing is known there
    assert float(recipe.region_loss(scores, truth)[0]) < 1e-4
    assert float(recipe.region_loss(-scores, truth)[0]) > 5


def test_packages_are_cut_out_of_one_network(tmp_path) -> None:
    torch.manual_seed(0)
    both = recipe.build_network()
    recipe.write_packages(tmp_path, both)
    # in half precision, and with the shifts taken off again
    again = recipe.weights_of_packages(tmp_path)
    for name, value in both.state_dict().items():
        torch.testing.assert_close(again[name], value, rtol=1e-3, atol=2e-3)
    image = torch.randn(1, 2, 8, 32, 32)
    both.eval()
    for step, network in ((1, load_networks(tmp_path)[0]), (2, load_networks(tmp_path)[1])):
        assert network.class_labels == tuple(range(OUTPUTS[step - 1] + 1))
        assert network.config.orientation == ("P", "I", "R")
        (plans_file,) = (tmp_path / DATASETS[step - 1]).glob("*/plans.json")
        plans = json.loads(plans_file.read_text())
        # nnU-Net asks for the grey values of every channel
        assert set(plans["foreground_intensity_properties_per_channel"]) == set("01"[:step])
        part = recipe.network_of(both, step).eval()
        with torch.no_grad():
            seen = image.clone()
            if step == 1:
                seen[:, 1] = 0
            expected = recipe.outputs_of(both(seen)[0], step)
            assert torch.allclose(part(image[:, :step])[0], expected, atol=1e-4)


def test_discs_are_found_when_half_of_them_is() -> None:
    truth = np.zeros((10, 40, 10), bool)
    guess = np.zeros(truth.shape, np.uint8)
    truth[:, 2:6], truth[:, 20:24] = True, True
    truth[0, 35, 0] = True  # a speck is no disc
    guess[:, 2:5], guess[:, 20:21] = 92, 93
    assert discs_found(truth, guess) == (1, 2)


def test_what_a_canal_holds_is_told_where_it_is_known() -> None:
    mask = np.zeros((40, 60, 8), np.uint8)
    mask[25:35] = 3
    contents = mask.copy()
    contents[25:35, :10], contents[28:32, :10], contents[25:35, 50:] = CAUDA, CORD_SEEN, CAUDA
    codes = spider_codes(contents, (1.0, 1.0, 1.0))
    assert set(np.unique(codes[25:28, :10])) == {CANAL}
    assert set(np.unique(codes[28:32, :10])) == {CORD}
    assert set(np.unique(codes[25:35, 10:50])) == {SOME_CANAL}
    assert set(np.unique(codes[25:35, 50:])) == {CANAL}
