"""Measures against solids and phantoms whose sizes are known: within a voxel or 3 %."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spineps_nipype.core.anatomy import CORPUS_BORDER, DISC_OFFSET
from spineps_nipype.metrics.columns import COLUMNS, WHOLE
from spineps_nipype.metrics.spine_metrics import measure_spine, split_masks
from spineps_nipype.phantom import draw_plan
from spineps_nipype.phantom.body import draw_body, half_height
from spineps_nipype.phantom.geometry import Canvas
from spineps_nipype.phantom.plan import Anomalies
from spineps_nipype.phantom.vertebra import vertebra_region

from .model_spine import (
    CANAL_RADII,
    CORD_RADII,
    DEPTH,
    DISC_HEIGHT,
    HEIGHT,
    WIDTH,
    ModelSpine,
    model_spine,
)

Rows = dict[str, dict[str, Any]]


def rows_of(model: ModelSpine) -> Rows:
    return {row["level"]: row for row in measure_spine(split_masks(model.spine, model.vert))}


def close(value: float, truth: float, voxel: float) -> bool:
    return abs(value - truth) <= max(voxel, 0.03 * truth)


@pytest.fixture(scope="module", params=[(1.0, 1.0, 1.0), (0.8, 0.8, 3.0)], ids=str)
def measured(request: pytest.FixtureRequest) -> tuple[Rows, tuple[float, ...]]:
    return rows_of(model_spine(zoom=request.param, wedge=0.2)), request.param


def test_bodies(measured: tuple[Rows, tuple[float, ...]]) -> None:
    rows, zoom = measured
    for name in ("L1", "L2", "L3", "L4"):
        row = rows[name]
        for place, share in (("anterior", -0.4), ("middle", 0.0), ("posterior", 0.4)):
            truth = HEIGHT * (1 + 0.2 * share)
            assert close(row[f"body_height_{place}"], truth, zoom[1]), (name, place)
        assert close(row["body_depth"], DEPTH, zoom[0])
        assert close(row["body_width"], WIDTH, zoom[2])
        assert abs(row["body_volume"] / (HEIGHT * DEPTH * WIDTH) - 1) < 0.03
        assert row["cut"] is None


def test_discs(measured: tuple[Rows, tuple[float, ...]]) -> None:
    rows, zoom = measured
    for name in ("L1", "L2", "L3", "L4"):
        assert close(rows[name]["disc_height"], DISC_HEIGHT, zoom[1])
        assert abs(rows[name]["disc_volume"] / disc_volume(wedge=0.2, bend=6.0) - 1) < 0.03


def disc_volume(wedge: float, bend: float) -> float:
    """Volume of a disc [mm³]: behind its centre the bodies come nearer than it is high."""
    depth = np.linspace(1 - DEPTH / 2, DEPTH / 2 - 1, 1001)
    nearer = depth * (np.tan(np.deg2rad(bend / 2)) + wedge * HEIGHT / 2 / DEPTH)
    half = DISC_HEIGHT / 2 - np.maximum(nearer, 0)
    return float(np.trapezoid(2 * half, depth)) * (WIDTH - 2)


def test_canal_and_cord(measured: tuple[Rows, tuple[float, ...]]) -> None:
    rows, zoom = measured
    for name in ("T12", "L1", "L2", "L3", "L4"):
        for column, radii in (("canal_area", CANAL_RADII), ("cord_area", CORD_RADII)):
            diameter = 2 * np.sqrt(rows[name][column] / np.pi)
            assert close(diameter, 2 * np.sqrt(np.prod(radii)), zoom[0]), (name, column)


def test_lordosis(measured: tuple[Rows, tuple[float, ...]]) -> None:
    """From the disc above L1 to L5: four and a half times the angle of neighbours."""
    rows, _ = measured
    assert rows[WHOLE]["lumbar_lordosis"] == pytest.approx(4.5 * 6.0, abs=1.0)
    assert rows[WHOLE]["thoracic_kyphosis"] is None


def test_kyphosis() -> None:
    rows = rows_of(model_spine(zoom=(1.5, 1.5, 3.0), numbers=tuple(range(10, 21)), bend=4.0))
    # From the disc T3-T4 to the disc T12-L1.
    assert rows[WHOLE]["thoracic_kyphosis"] == pytest.approx(9 * 4.0, abs=1.5)
    assert rows[WHOLE]["lumbar_lordosis"] is None


def test_orientation_does_not_matter() -> None:
    model = model_spine(zoom=(1.5, 1.5, 3.0))
    turned = ModelSpine(
        model.spine.reorient(("R", "A", "S")), model.vert.reorient(("R", "A", "S")), 6.0, ()
    )
    assert rows_of(turned) == rows_of(model)


def test_what_is_cut_is_not_measured() -> None:
    model = model_spine(zoom=(1.5, 1.5, 3.0), bend=1.0, turn=0.0)
    first = int(np.argmax((model.vert.get_array() == 20).any(axis=(0, 2)))) + 6
    p, i, r = model.vert.shape
    box = (slice(0, p), slice(first, i), slice(0, r))
    cut = ModelSpine(model.spine.apply_crop(box), model.vert.apply_crop(box), 0.0, ())
    row = rows_of(cut)["L1"]
    assert row["cut"] == "S"
    assert row["body_height_middle"] is None
    assert row["body_volume"] is None
    # Both are measured at half height, and that of a body cut above or below is not known.
    assert (row["body_depth"], row["body_width"]) == (None, None)
    assert close(rows_of(cut)["L2"]["body_depth"], DEPTH, 1.5)
    assert rows_of(cut)[WHOLE]["lumbar_lordosis"] is None


def test_no_cord_is_not_a_cord_of_size_zero() -> None:
    rows = rows_of(model_spine(zoom=(1.5, 1.5, 3.0), cord=False))
    assert rows["L2"]["cord_area"] is None
    assert rows["L2"]["canal_area"] > 0


def test_an_empty_mask_has_no_levels() -> None:
    model = model_spine(zoom=(3.0, 3.0, 3.0))
    empty = model.vert.set_array(np.zeros(model.vert.shape, np.uint16), seg=True, verbose=False)
    rows = measure_spine(split_masks(empty, empty))
    assert [row["level"] for row in rows] == [WHOLE]
    assert list(rows[0]) == list(COLUMNS)


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 0.8), (0.9, 0.9, 3.3)], ids=str)
def test_bodies_of_a_phantom(spacing: tuple[float, float, float]) -> None:
    """Bodies as the phantom draws them: waisted, hollow behind, with concave endplates."""
    plan = draw_plan(7, Anomalies(thoracic=12, lumbar=5, fractures=0))
    for name in ("T8", "L2", "L4"):
        index = next(k for k, v in enumerate(plan.vertebrae) if v.name == name)
        vertebra = plan.vertebrae[index]
        low = vertebra.frame.origin - 45
        axes = tuple(np.arange(low[k], low[k] + 90, spacing[k]) for k in range(3))
        still = tuple(np.zeros([len(a) for a in axes], np.float32) for _ in axes)
        canvas = Canvas(axes, spacing, still)  # type: ignore[arg-type]
        region = vertebra_region(canvas, plan, vertebra)
        draw_body(region, plan, vertebra, np.random.default_rng(0))
        spine = np.where(canvas.vert > 0, CORPUS_BORDER, 0).astype(np.uint8)
        model = ModelSpine(
            _nii(spine, spacing), _nii(canvas.vert.astype(np.uint16), spacing), 0.0, ()
        )
        row = rows_of(model)[name]
        front = -vertebra.depth / 2 * (1 - plan.waist)
        back = -front - 0.08 * vertebra.depth
        truth = back - front
        assert close(row["body_depth"], truth, spacing[0])
        width = vertebra.width * (1 - plan.side_waist_of(vertebra))
        assert close(row["body_width"], width, spacing[2])
        for place, share in (("anterior", 0.1), ("middle", 0.5), ("posterior", 0.9)):
            p = np.array(front + share * truth)
            hollow = 0.08 * vertebra.depth * (p > 0)
            rho = np.abs((p + hollow) / (vertebra.depth / 2)) ** plan.roundness
            height = 2 * float(half_height(vertebra, plan, p, rho))
            assert close(row[f"body_height_{place}"], height, spacing[1]), (name, place)


def _nii(array: Any, zoom: tuple[float, float, float]) -> Any:
    from TPTBox import NII

    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2], affine[3, 3] = -zoom[0], -zoom[1], zoom[2], 1
    return NII.from_numpy(array, affine, True)


@pytest.mark.parametrize("missing", [19, 20, 24])
def test_angles_without_a_disc(missing: int) -> None:
    """The middle between the bodies stands for the disc."""
    model = model_spine(zoom=(1.5, 1.5, 3.0))
    vert = model.vert.get_array().copy()
    spine = model.spine.get_array().copy()
    spine[vert == DISC_OFFSET + missing] = 0
    vert[vert == DISC_OFFSET + missing] = 0
    bare = ModelSpine(
        model.spine.set_array(spine, seg=True), model.vert.set_array(vert, seg=True), 6.0, ()
    )
    assert rows_of(bare)[WHOLE]["lumbar_lordosis"] == pytest.approx(4.5 * 6.0, abs=3.5)
