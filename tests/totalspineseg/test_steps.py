"""Both steps with networks that segment coded scans exactly."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import EmptyResultError
from spineps_nipype.models.finding import package_in
from spineps_nipype.totalspineseg.crop import crop_to_grid
from spineps_nipype.totalspineseg.inference import load_step
from spineps_nipype.totalspineseg.settings import FOLDERS, TotalSpineSegSettings
from spineps_nipype.totalspineseg.steps import levels_of, run_step1, run_step2, step2_input

from .block_spine import (
    CORD,
    DISCS,
    RIGHT,
    found_discs,
    found_vertebrae,
    level_points,
    raw_spine,
    repainted,
)
from .tiny_weights import scan_of, write_weights

LUMBAR = DISCS[-6:]
AFFINE = np.array([[1, 0, 0, -10], [0, 1, 0, 20], [0, 0, 1, -300], [0, 0, 0, 1.0]])
DEFAULT = TotalSpineSegSettings()


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    home: Path = tmp_path_factory.mktemp("weights")
    return (
        load_step(package_in(write_weights(home / "one", 1), "totalspineseg")),
        load_step(package_in(write_weights(home / "two", 2), "totalspineseg")),
    )


def image_of(raw: np.ndarray) -> NII:
    return NII.from_numpy(scan_of(raw), AFFINE, False)


def test_step_1(networks: tuple[Any, Any]) -> None:
    result = run_step1(image_of(raw_spine(LUMBAR, (91, 100))), networks[0], DEFAULT)
    out = result.output.get_array()
    assert found_discs(out, 6) == list(LUMBAR)
    assert set(found_vertebrae(out, 6)) == {50}
    assert np.allclose(result.output.affine, AFFINE)
    cord = result.cord.get_array()
    assert cord.dtype == np.float32
    assert np.allclose(cord[CORD], 1 / (1 + np.exp(-4)), atol=1e-3)
    assert 0 < cord[8, 12, 30] < 0.1  # beside the cord: outside the label, and unlikely
    assert cord[7, 12, 30] == 0
    canal = result.canal.get_array()
    assert canal[7, 12, 30] > 0.9
    assert result.levels is not None
    assert sorted(level_points(result.levels.get_array())) == list(range(20, 26))


def test_what_lies_outside_the_region_is_background(networks: tuple[Any, Any]) -> None:
    raw = raw_spine(LUMBAR, (91, 100))
    raw[RIGHT, 36:39, 20:24] = 1  # a disc far before the spine
    image = image_of(raw)
    region = image.set_array((np.arange(raw.shape[1]) < 35)[None, :, None] & (raw >= 0), seg=True)
    whole = run_step1(image, networks[0], DEFAULT)
    part = run_step1(image, networks[0], DEFAULT, region=region)
    assert whole.raw.get_array()[RIGHT, 36:39, 20:24].all()
    assert not part.raw.get_array()[:, 35:].any()
    inside = region.get_array() > 0
    np.testing.assert_array_equal(part.raw.get_array()[inside], whole.raw.get_array()[inside])
    second = run_step2(image, part.output, networks[1], DEFAULT, region=region)
    channel = second.channel
    np.testing.assert_array_equal(second.raw.affine, channel.affine)
    assert not second.raw.get_array()[crop_to_grid(region, channel).get_array() == 0].any()
    assert found_discs(second.output.get_array(), 6) == list(LUMBAR)


def test_a_disc_that_a_reader_puts_outside_the_region_is_believed(
    networks: tuple[Any, Any],
) -> None:
    image = image_of(raw_spine(LUMBAR, (91, 100)))
    corrected = run_step1(image, networks[0], DEFAULT).output
    rows = np.arange(image.shape[2]) < image.shape[2] // 2
    region = image.set_array(np.broadcast_to(rows, image.shape).astype(np.uint8), seg=True)
    second = run_step2(image, corrected, networks[1], DEFAULT, region=region)
    assert found_discs(second.output.get_array(), 6) == list(LUMBAR)


def test_step_2(networks: tuple[Any, Any]) -> None:
    image = image_of(raw_spine(LUMBAR, (91, 100)))
    first = run_step1(image, networks[0], DEFAULT)
    second = run_step2(image, first.output, networks[1], DEFAULT)
    out = second.output.get_array()
    assert found_discs(out, 6) == list(LUMBAR)
    assert found_vertebrae(out, 6) == [32, 41, 42, 43, 44, 45]
    assert out[10, 28, 5] == 50
    assert out.shape == image.shape
    assert np.allclose(second.output.affine, AFFINE)
    assert set(np.unique(second.channel.get_array())) == {0, 1}
    assert second.raw.shape == second.channel.shape


def test_input_of_step_2_is_cropped_alike(networks: tuple[Any, Any]) -> None:
    seg = np.zeros((40, 40, 40), dtype=np.uint8)
    seg[20:22, 20:22, 10:12] = 63
    seg[20:22, 20:22, 14:16] = 64
    image = NII.from_numpy(np.ones(seg.shape, dtype=np.float32), AFFINE, False)
    channel = step2_input(NII.from_numpy(seg, AFFINE, True), DEFAULT)
    cropped = crop_to_grid(image, channel)
    assert cropped.shape == channel.shape == (22, 22, 26)
    assert np.allclose(cropped.affine, channel.affine)
    assert np.count_nonzero(channel.get_array()) == 8


def test_localizer_in_another_grid(networks: tuple[Any, Any]) -> None:
    raw = raw_spine(LUMBAR, ())
    with pytest.raises(EmptyResultError, match="landmarks"):
        run_step1(image_of(raw), networks[0], DEFAULT)
    known = run_step1(image_of(raw_spine(LUMBAR, (100,))), networks[0], DEFAULT).output
    coarse = known.rescale((2.0, 2.0, 2.0), verbose=False)
    found = run_step1(image_of(raw), networks[0], DEFAULT, localizer=coarse)
    assert found_discs(found.output.get_array(), 6) == list(LUMBAR)


def test_the_original_forgets_landmarks_of_images_without_localizer(
    networks: tuple[Any, Any],
) -> None:
    image = image_of(raw_spine(LUMBAR, (91,)))
    run_step1(image, networks[0], DEFAULT, run_has_localizers=True)
    original = TotalSpineSegSettings(numerics="original")
    run_step1(image, networks[0], original, run_has_localizers=False)
    with pytest.raises(EmptyResultError, match="landmarks"):
        run_step1(image, networks[0], original, run_has_localizers=True)


def test_uppermost_disc_may_be_stated(networks: tuple[Any, Any]) -> None:
    settings = TotalSpineSegSettings(default_superior_disc=LUMBAR[0])
    found = run_step1(image_of(raw_spine(LUMBAR, ())), networks[0], settings)
    assert found_discs(found.output.get_array(), 6) == list(LUMBAR)


def test_empty_scan(networks: tuple[Any, Any]) -> None:
    raw = repainted(raw_spine(LUMBAR), dict.fromkeys(range(1, 12), 0))
    raw[0, 0, 0] = 7
    with pytest.raises(EmptyResultError, match="No canal"):
        run_step1(image_of(raw), networks[0], DEFAULT)


def test_levels_without_discs(caplog: pytest.LogCaptureFixture) -> None:
    seg = np.zeros((5, 5, 5), dtype=np.uint8)
    seg[2, 2] = 1
    with caplog.at_level(logging.WARNING):
        assert levels_of(NII.from_numpy(seg, AFFINE, True), DEFAULT) is None
    assert "No disc labels" in caplog.text


def test_kept_folders() -> None:
    assert DEFAULT.kept() == set(FOLDERS)
    assert DEFAULT.runs_step2
    some = TotalSpineSegSettings(keep_only="step1_output, preview")
    assert some.kept() == {"step1_output", "preview"}
    assert not some.runs_step2
    assert not TotalSpineSegSettings(step1=True).runs_step2
    with pytest.raises(ValueError, match="step3"):
        TotalSpineSegSettings(keep_only="step3").kept()
