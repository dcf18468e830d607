"""Samples, package and evaluation of the EPI cord network."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spineps_nipype.phantom.render import displace  # noqa: E402
from spineps_nipype.sc_epi.model import EpiOutput  # noqa: E402
from training.common.loop import LoopOptions, train  # noqa: E402
from training.sc_epi import recipe  # noqa: E402
from training.sc_epi.evaluate import EpiSegmenter, draw, phantom_cases  # noqa: E402
from training.sc_epi.samples import EpiSamples, upright  # noqa: E402

PATCH = (4, 48, 48)


@pytest.fixture(scope="module")
def samples() -> list[dict[str, np.ndarray]]:
    return EpiSamples(PATCH)(0, 1)


def test_samples_are_slabs_with_a_cord(samples) -> None:
    again = EpiSamples(PATCH)(0, 1)
    assert all(np.array_equal(a["image"], b["image"]) for a, b in zip(samples, again, strict=True))
    assert not np.array_equal(samples[0]["image"], EpiSamples(PATCH)(0, 2)[0]["image"])
    sizes = []
    for sample in samples:
        assert sample["image"].shape == (1, *PATCH)
        assert sample["target"].shape == PATCH
        assert np.isfinite(sample["image"]).all()
        sizes.append(sample["target"].sum())
    assert np.mean(np.array(sizes) > 0) > 0.5


def test_rows_move_along_p_alike() -> None:
    array = np.zeros((9, 3, 2), np.uint8)
    array[4] = 1
    moved = displace(array, np.array([0, 2, -3]))
    assert [int(np.argmax(moved[:, row, 0])) for row in range(3)] == [4, 2, 7]
    assert moved.sum() == array.sum()


def test_upright_turns_a_phantom() -> None:
    array = np.zeros((3, 4, 5))  # P, I, R
    array[0, 0, 4] = 1  # most anterior, most superior, most right
    assert upright(array)[3, 2, 4] == 1


def test_loss_falls_when_the_cord_is_found(samples) -> None:
    sample = next(s for s in samples if s["target"].sum() > 50)
    batch = {key: torch.from_numpy(value[None]) for key, value in sample.items()}

    class Oracle(torch.nn.Module):
        def __init__(self, sign: float) -> None:
            super().__init__()
            self.sign = sign

        def forward(self, _image):
            cord = batch["target"].float() * 2 - 1
            return torch.stack([-cord, cord], 1) * 5 * self.sign

    right, parts = recipe.loss(Oracle(1), batch)
    wrong, _ = recipe.loss(Oracle(-1), batch)
    assert float(right) < 0.05 < float(wrong)
    assert set(parts) == {"entropy", "dice"}


def test_training_resumes_and_the_package_segments(tmp_path) -> None:
    torch.manual_seed(0)
    options = LoopOptions(out=tmp_path / "run", steps=2, batch_size=1, save_every=1, bf16=False)
    network = train(recipe.build_network(), recipe.loss, EpiSamples(PATCH), options)
    recipe.write_package(tmp_path / "package", network)
    segmenter = EpiSegmenter(tmp_path / "package")
    assert segmenter.package.outputs == (EpiOutput("_seg", (1,)),)
    assert segmenter.package.orientation == ("R", "A", "S")
    cases = list(phantom_cases(segmenter, [3], "cervical"))
    assert 0 <= cases[0].dice["cord"] <= 1
    with pytest.raises(ValueError, match="not held out"):
        list(phantom_cases(segmenter, [5000], "cervical"))


def test_picture_shows_every_slice(tmp_path) -> None:
    from TPTBox import NII

    image = NII.from_numpy(np.random.default_rng(0).random((20, 20, 3)), np.eye(4), False)
    mask = np.zeros((20, 20, 3), np.uint8)
    mask[8:12, 8:12] = 1
    draw(image, mask, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000
