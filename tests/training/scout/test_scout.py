"""Samples, package and evaluation of the search for the spine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from TPTBox import NII

torch = pytest.importorskip("torch")

from spineps_nipype.models.loading import load_semantic  # noqa: E402
from spineps_nipype.models.package import load_package  # noqa: E402
from training.common.loop import LoopOptions, train  # noqa: E402
from training.scout import recipe, samples  # noqa: E402
from training.scout.evaluate import Found, judge, phantom_cases, summary  # noqa: E402
from training.scout.samples import (  # noqa: E402
    IGNORED,
    LOOKS,
    STRIDE,
    UNKNOWN,
    Scan,
    ScoutSamples,
    sample,
    training_slices,
)

AFFINE = np.array([[0, 0, 2.0, 0], [-2.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def scan() -> Scan:
    """A bright column, above and below which nothing is known."""
    rng = np.random.default_rng(0)
    codes = np.zeros((60, 90, 12), np.uint8)
    codes[20:36, 10:80, 2:10] = 1
    image = codes * 3.0 + rng.normal(0, 0.1, codes.shape)
    codes[:, :10], codes[:, 80:] = UNKNOWN, UNKNOWN
    return Scan(image.astype(np.float32), codes, (2.0, 2.0, 2.0))


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "SAMPLES", 2)


def test_samples_have_shapes_that_the_network_takes(scan: Scan) -> None:
    makes = ScoutSamples([scan], 0.5)
    groups = [makes(0, group) for group in (0, 1)]  # one of phantoms, one of real scans
    for batch in (b for group in groups for b in group):
        assert batch["image"][:, 0].shape == batch["target"].shape
        assert batch["image"].shape[:2] == (LOOKS, 1)
        sizes = zip(batch["target"].shape[1:], STRIDE[::-1], strict=True)
        assert all(size % stride == 0 for size, stride in sizes)
        assert np.isfinite(batch["image"]).all()
        assert set(np.unique(batch["target"])) <= {0, 1, IGNORED}
    shares = [(b["target"] == 1).mean() for group in groups for b in group]
    assert np.mean(np.array(shares) > 0.01) > 0.7
    again = makes(0, 1)
    assert all(
        np.array_equal(a["image"], b["image"]) for a, b in zip(groups[1], again, strict=True)
    )


def test_what_a_mask_does_not_tell_counts_for_nothing(scan: Scan) -> None:
    target = torch.from_numpy(sample([scan], np.random.default_rng(3))["target"])
    assert (target[0, :, 0] == IGNORED).any()  # the uppermost rows
    batch = {
        "image": torch.zeros(1, 1, *target.shape),
        "target": torch.full((1, *target.shape), IGNORED),
    }
    value, _ = recipe.loss(recipe.build_network(), batch)
    assert float(value.detach()) == 0


def test_training_lowers_the_loss_and_the_package_loads(scan: Scan, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = recipe.build_network()
    made = sample([scan], np.random.default_rng(5))
    batch = {key: torch.from_numpy(value[None]) for key, value in made.items()}
    before = float(recipe.loss(network, batch)[0].detach())
    options = LoopOptions(tmp_path / "run", steps=6, batch_size=1, bf16=False, ema_decay=0.5)
    network = train(network, recipe.loss, ScoutSamples([scan], 0.0), options)
    assert float(recipe.loss(network, batch)[0].detach()) < before
    recipe.write_package(tmp_path / "package", network)
    package = load_package(tmp_path / "package")
    assert sum(f.stat().st_size for f in package.folder.rglob("*.pth")) < 200_000
    image = NII.from_numpy(scan.image, AFFINE, False)
    found = judge("x", image, scan.codes == 1, load_semantic(package))
    assert found.spine == int((scan.codes == 1).sum())
    assert 0 <= found.kept <= 1


def test_the_network_sees_a_whole_spine_at_once() -> None:
    assert all(
        size % stride == 0 for size, stride in zip(recipe.LARGEST_TILE, STRIDE[::-1], strict=True)
    )


def test_the_evaluation_counts_what_is_lost() -> None:
    cases = [Found("a", 900, 9, 0.4, True, 0.1), Found("b", 100, 0, 1.0, False, 0.2)]
    counted = summary(cases)
    assert counted["recall"] == 0.991
    assert counted["worst"] == 0.99
    assert counted["unsure"] == 1
    assert counted["kept"] == 0.7


def test_only_held_out_phantoms_judge() -> None:
    with pytest.raises(ValueError, match="not held out"):
        next(phantom_cases(None, [1000], "lumbar", "T2w"))  # type: ignore[arg-type]


def test_slices_of_held_out_subjects_do_not_train(tmp_path: Path) -> None:
    rows = ["file\tsquare_pixel"]
    for subject, square in (("sub-005", 1), ("sub-007", 1), ("sub-010", 0)):
        name = f"{subject}_acq-x_T2w"
        rows.append(f"{name}\t{square}")
        mask = np.zeros((30, 40, 1), np.uint8)
        mask[10:20, 5:30] = 1
        folder = tmp_path / "derivatives" / "manual" / subject / "anat"
        folder.mkdir(parents=True)
        (tmp_path / subject / "anat").mkdir(parents=True)
        NII.from_numpy(mask, AFFINE, True).save(folder / f"{name}_label-spine_dseg.nii.gz")
        NII.from_numpy(mask * 9.0, AFFINE, False).save(
            tmp_path / subject / "anat" / f"{name}.nii.gz"
        )
    (tmp_path / "slices.tsv").write_text("\n".join(rows) + "\n")
    (only,) = training_slices(tmp_path)  # 007 is held out, pixels of 010 are not square
    assert (only.codes == 1).sum() == 250
    assert (only.codes[:, :5] == UNKNOWN).all()
