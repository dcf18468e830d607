"""Targets, samples, ONNX files and evaluation of the nets of spine-segmentation."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from spineps_nipype.models.onnx_network import OnnxNetwork  # noqa: E402
from spineps_nipype.phantom import Anomalies, FieldOfView, draw_plan, generate  # noqa: E402
from spineps_nipype.spine_segmentation.models import Role  # noqa: E402
from spineps_nipype.spine_segmentation.names import DISC, ID_OF, VERTEBRA  # noqa: E402
from spineps_nipype.spine_segmentation.slices import HEIGHT, WIDTH  # noqa: E402
from training.common.onnx_files import rows_of_bytes  # noqa: E402
from training.common.real_scans import RealScan  # noqa: E402
from training.spine_segmentation import recipe  # noqa: E402
from training.spine_segmentation.evaluate import names_right  # noqa: E402
from training.spine_segmentation.networks import SliceNets, SmallUNet, write_onnx  # noqa: E402
from training.spine_segmentation.phantom_slices import (  # noqa: E402
    CLASS_OF,
    draw_window,
    names_in_window,
    sacral_body,
    targets,
)
from training.spine_segmentation.samples import SliceSamples  # noqa: E402
from training.spine_segmentation.sliced_scan import IGNORED  # noqa: E402
from training.spine_segmentation.spider_targets import (  # noqa: E402
    slice_scan,
    spider_targets,
)

SPACING = (2.0, 2.0, 4.0)


@pytest.fixture(scope="module")
def phantom():
    plan = Anomalies(thoracic=12, lumbar=5, fractures=0)
    return generate(4, spacing=SPACING, fov=FieldOfView("L1", "sacrum", 40.0), anomalies=plan)


def spider_mask(bodies: int = 3) -> np.ndarray:
    """Mask (P, I, R): bodies and discs in front of a canal, arches behind it."""
    mask = np.zeros((40, 20 + 20 * bodies, 10), np.uint8)
    for k in range(bodies):
        mask[5:20, 10 + 20 * k : 24 + 20 * k] = 1
        mask[5:20, 25 + 20 * k : 29 + 20 * k] = 2
        mask[30:36, 10 + 20 * k : 20 + 20 * k] = 1
    mask[22:29] = 3
    return mask


def test_targets_of_a_phantom(phantom) -> None:
    semantic, classes = targets(phantom)
    names = {name for name in CLASS_OF if (classes == CLASS_OF[name]).any()}
    whole = {"L1", "L2", "L3", "L4", "L5", "S1"}
    assert whole <= names <= {"T12", *whole}
    assert ((classes > 0) <= (semantic == VERTEBRA)).all()
    heights = [np.nonzero(classes == CLASS_OF[n])[1].mean() for n in ("L1", "L3", "L5", "S1")]
    assert heights == sorted(heights)
    assert (semantic == DISC).any()


def test_body_of_s1_is_the_upper_part_of_the_sacrum(phantom) -> None:
    body, sacrum = sacral_body(phantom), phantom.spine == 26
    assert 0.05 < body.sum() / sacrum.sum() < 0.6
    assert np.nonzero(body)[1].mean() < np.nonzero(sacrum)[1].mean()
    assert sacrum[body].all()


def test_windows_hold_the_number_asked_for() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for seed in range(20):
        top, bottom = draw_window(seed, 5, rng)
        names = names_in_window(draw_plan(seed), top, bottom)
        assert len(names) == 5
        seen.update(names)
    assert {"C3", "T6", "L4"} <= seen


def test_spider_masks_become_bodies_with_names() -> None:
    semantic, classes = spider_targets(spider_mask(), (1.0, 1.0, 2.0), 3)
    assert (semantic[8:19, 12:22] == VERTEBRA).all()
    assert not (semantic[30:36] == VERTEBRA).any()  # arches are no bodies
    assert (classes[10, [15, 35, 55], 5] == [CLASS_OF[n] for n in ("L3", "L4", "L5")]).all()
    assert semantic[2, 70, 5] == IGNORED  # below all bodies a sacrum may lie
    assert semantic[2, 30, 5] == 0
    unsure = spider_targets(spider_mask(), (1.0, 1.0, 2.0), 4)[1]
    assert (unsure[10, [15, 35, 55], 5] == IGNORED).all()


def test_the_top_of_the_sacrum_is_known_from_the_disc_above_it() -> None:
    mask = np.pad(spider_mask(), ((9, 0), (0, 0), (0, 0)))
    semantic, classes = spider_targets(mask, (1.0, 1.0, 2.0), 3, with_sacrum=True)
    assert (semantic[16:27, 70:76] == VERTEBRA).all()
    assert (classes[16:27, 70:76] == CLASS_OF["S1"]).all()
    assert (semantic[:8, 70:76] == 0).all()  # right before it
    assert (semantic[34, 70:78] == 0).all()  # the canal
    assert (semantic[44, 70:78] == IGNORED).all()
    assert (semantic[:, 79:] != VERTEBRA).all()


def test_nothing_is_known_of_a_tilted_sacrum_behind_the_lowest_body() -> None:
    """What lies behind L5 at its height may be below the disc."""
    tilted = np.stack([np.roll(plane, -p, axis=0) for p, plane in enumerate(spider_mask())])
    semantic, _ = spider_targets(tilted, (1.0, 1.0, 2.0), 3)
    front, back = tilted[5], tilted[19]
    last = int(np.flatnonzero((front == 1).any(axis=1))[-1])
    below = int(np.flatnonzero((back == 2).any(axis=1))[-1]) + 3
    assert below < last
    assert (semantic[19, below:last] == IGNORED).all()


def test_samples_are_functions_of_the_seed() -> None:
    mask = spider_mask()
    real = slice_scan(RealScan("x", mask.astype(np.float32), mask), (1.0, 1.0, 2.0), 3)
    for maker in (SliceSamples(), SliceSamples([real]), SliceSamples([real], [real])):
        first, again = maker(1, 5), maker(1, 5)
        for a, b in zip(first, again, strict=True):
            assert np.array_equal(a["image"], b["image"])
            assert a["image"].shape == (3, WIDTH, HEIGHT)
            assert 0 <= a["image"].min() <= a["image"].max() <= 1
            assert set(np.unique(a["semantic"])) <= {-1, 0, 1, 2}
            assert a["classes"].max() <= 25
            named = a["classes"] > 0
            assert (a["semantic"][named] == VERTEBRA).all()


def test_unknown_voxels_do_not_count() -> None:
    torch.manual_seed(0)
    nets = SliceNets(get_args(Role))
    image = torch.rand(1, 3, 64, 128)
    batch = {
        "image": image,
        "semantic": torch.zeros(1, 64, 128, dtype=torch.long),
        "classes": torch.zeros(1, 64, 128, dtype=torch.long),
    }
    batch["semantic"][:, :32] = 1
    batch["classes"][:, :32] = 5
    whole, parts = recipe.loss(nets, batch)
    for key in ("semantic", "classes"):
        batch[key][:, 32:] = -1
    half, _ = recipe.loss(nets, batch)
    assert torch.isfinite(whole)
    assert torch.isfinite(half)
    assert float(whole.detach()) != pytest.approx(float(half.detach()))
    assert set(parts) == {"entropy", "dice", "names", "right"}
    for role, names in (("semantic", {"entropy", "dice"}), ("instance", {"names", "right"})):
        assert set(recipe.loss(SliceNets([role]), batch)[1]) == names


@pytest.mark.parametrize(("folded", "average"), [(2, 1), (1, 4)])
def test_onnx_file_computes_what_the_net_does(tmp_path, folded: int, average: int) -> None:
    torch.manual_seed(0)
    net = SmallUNet((8, 16), 3, folded, average).eval()
    write_onnx(net, tmp_path / "net.onnx")
    slices = np.random.default_rng(0).random((2, 3, 320, 896), dtype=np.float32)
    scores = OnnxNetwork(tmp_path / "net.onnx", num_threads=1).predict(slices)
    with torch.no_grad():
        expected = net(torch.from_numpy(slices)).numpy()
    assert scores.shape == (2, 3, 320, 896)
    assert np.abs(scores - expected).max() < 0.02  # weights are in whole numbers


@pytest.mark.parametrize(
    ("shape", "rows"), [((6, 5), (6, 1)), ((6, 5, 3, 3), (6, 1, 1, 1)), ((2, 6, 5), (2, 6, 1))]
)
def test_every_row_of_weights_has_its_scale(shape: tuple[int, ...], rows: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape).astype(np.float32) * 10.0 ** rng.integers(-3, 3, rows)
    values[0] = 0
    whole, scales = rows_of_bytes(values.astype(np.float32))
    assert scales.shape == rows
    assert (np.abs(whole * scales - values) <= 0.51 * scales).all()


def test_names_are_right_only_if_all_are(phantom) -> None:
    classes = targets(phantom)[1]
    ids = np.zeros(classes.shape, np.int16)
    for name in ("T12", "L1", "L2", "L3", "L4", "L5", "S1"):
        ids[classes == CLASS_OF[name]] = ID_OF[name]
    seen = ["L1", "L2", "L3", "L4", "L5", "S1"]
    assert names_right(ids, phantom, classes, seen)
    moved = np.where(ids > 0, ids - 2, 0)
    assert not names_right(moved, phantom, classes, seen)
    lost = np.where(ids == ID_OF["L3"], 0, ids)
    assert not names_right(lost, phantom, classes, seen)
    foreign = ids.copy()
    foreign[0, 0, 0] = ID_OF["C5"]
    assert not names_right(foreign, phantom, classes, seen)
