"""Samples of the semantic network, its split by subject and its package."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from TPTBox import NII  # noqa: E402

from spineps_nipype.core.anatomy import MR_LABELS  # noqa: E402
from spineps_nipype.core.images import save_nii  # noqa: E402
from spineps_nipype.models.loading import load_semantic  # noqa: E402
from spineps_nipype.models.package import load_package  # noqa: E402
from spineps_nipype.phantom import FieldOfView, generate, render, to_nii  # noqa: E402
from training.common.dice import Case, overlap, summary  # noqa: E402
from training.common.patches import FINEST, draw_phantom  # noqa: E402
from training.common.real_scans import (  # noqa: E402
    RealScan,
    development_subjects,
    held_out_subjects,
    scan_pairs,
    training_scans,
)
from training.semantic import __main__ as command  # noqa: E402
from training.semantic import mean, recipe  # noqa: E402
from training.semantic.evaluate import SPIDER_GROUPS, SPLITS, phantom_cases, shown  # noqa: E402
from training.semantic.marginal_loss import CLASS_OF, CLASSES  # noqa: E402
from training.semantic.samples import (  # noqa: E402
    SPACING,
    THICK_REAL_PATCH,
    SemanticSamples,
    other_contrast,
    thick_patch,
    thick_real_patch,
    thin_patch,
)

PATCH = (48, 64, 8)
TRAINING_SHAPE = (12, 160, 128)
"""oneDNN's bfloat16 gradients of much smaller patches differ from run to run."""


@pytest.fixture(scope="module")
def scan() -> RealScan:
    """A scan whose brightness tells the mask value of every voxel."""
    rng = np.random.default_rng(0)
    mask = np.zeros((80, 100, 14), np.uint8)
    mask[20:40, 10:90, 3:11] = 1
    mask[20:40, 40:48, 3:11] = 2
    mask[44:56, :, 3:11] = 3
    image = mask * 2.0 + rng.normal(0, 0.01, mask.shape)
    return RealScan("sub-x", image.astype(np.float32), mask)


def test_held_out_subjects_are_never_trained_on(tmp_path) -> None:
    held_out = held_out_subjects()
    assert len(held_out) >= 10
    one = sorted(held_out)[0]
    rng = np.random.default_rng(0)
    for subject in (one, "sub-900"):
        image = rng.uniform(0, 400, (20, 24, 8)).astype(np.float32)
        affine = np.diag([1.0, 1.0, 2.0, 1.0])
        folder, masks = (
            tmp_path / base / subject / "anat" for base in (".", "derivatives/manual")
        )
        for path in (folder, masks):
            path.mkdir(parents=True)
        save_nii(NII.from_numpy(image, affine, False), folder / f"{subject}_T2w.nii.gz")
        seg = (image > 200).astype(np.uint8)
        save_nii(NII.from_numpy(seg, affine, True), masks / f"{subject}_dseg.nii.gz")
    assert [subject for subject, _, _ in scan_pairs(tmp_path)] == [one, "sub-900"]
    scans = training_scans(tmp_path, SPACING, tmp_path / "cache")
    assert [s.subject for s in scans] == ["sub-900"]
    assert abs(float(scans[0].image.mean())) < 1e-2
    assert scans[0].image.shape == scans[0].mask.shape


def test_samples_are_functions_of_seed_and_group(scan: RealScan) -> None:
    maker = SemanticSamples([scan], phantom_share=0.0, patch=PATCH)
    first, again, other = maker(3, 1), maker(3, 1), maker(3, 2)
    assert all(np.array_equal(a["image"], b["image"]) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0]["image"], other[0]["image"])


def test_real_samples_carry_sets_and_stay_aligned(scan: RealScan) -> None:
    """Where the grey value says disc, the target says disc, whatever was done to the patch."""
    samples = [s for group in range(3) for s in SemanticSamples([scan], 0.0, PATCH)(0, group)]
    agreement = []
    for sample in samples:
        image, target = sample["image"][0], sample["target"]
        assert image.shape == target.shape
        assert image.shape in (PATCH[::-1], THICK_REAL_PATCH[::-1])
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert set(np.unique(target)) <= {0, *range(CLASSES, CLASSES + 4)}
        inside, canal = target >= CLASSES, target == CLASSES + 3
        if canal.sum() > 300 and (target == CLASSES).sum() > 300:
            bright = (
                image[canal].mean() > image[target == CLASSES].mean() + image[inside].std() / 2
            )
            agreement.append(bright)
    assert len(agreement) > 10
    assert np.mean(agreement) > 0.95


def test_thick_patches_of_real_scans_stay_aligned(scan: RealScan) -> None:
    rng = np.random.default_rng(1)
    for _ in range(6):
        image, values, outside = thick_real_patch(scan, PATCH, rng)
        assert image.shape == values.shape == outside.shape == PATCH
        bright = (values == 3) & ~outside
        dark = (values == 0) & ~outside
        if bright.sum() > 100 and dark.sum() > 100:
            assert image[bright].mean() > image[dark].mean() + 2


def test_another_contrast_is_a_function_of_the_grey_value() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 40, (12, 12, 4)).astype(np.float32)
    for seed in range(5):
        other = other_contrast(image, np.random.default_rng(seed))
        for grey in np.unique(image):
            assert np.ptp(other[image == grey]) == 0
        assert (other[image == 0] == 0).all()
        assert not np.allclose(other, image)


def test_a_package_gives_back_the_weights_that_were_trained(tmp_path) -> None:
    torch.manual_seed(0)
    network = recipe.build_network()
    recipe.write_package(tmp_path, network)
    found = recipe.starting_weights(tmp_path)
    assert found.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found[name], value, atol=2e-3, rtol=2e-3)


def test_the_mean_of_two_networks(tmp_path) -> None:
    torch.manual_seed(0)
    networks = [recipe.build_network() for _ in range(2)]
    for name, network in zip("ab", networks, strict=True):
        recipe.write_package(tmp_path / name, network)
    sources = [str(tmp_path / name) for name in "ab"]
    assert mean.main([*sources, "--shares", "3", "1", "--out", str(tmp_path / "c")]) == 0
    found = recipe.starting_weights(tmp_path / "c")
    one, other = (network.state_dict() for network in networks)
    for name, value in found.items():
        expected = 0.75 * one[name] + 0.25 * other[name]
        torch.testing.assert_close(value, expected, atol=5e-3, rtol=5e-3)
    with pytest.raises(ValueError, match="cannot have the shares"):
        mean.mean_weights([one, other], [1.0])


def test_phantom_samples_know_single_labels_and_sides() -> None:
    samples = SemanticSamples((), patch=(64, 96, 10))(1, 0)
    assert len(samples) == 10
    seen = set().union(*(np.unique(s["target"]).tolist() for s in samples))
    assert {CLASS_OF[49], CLASS_OF[100], CLASS_OF[61]} <= seen <= set(range(CLASSES))
    assert all(np.isfinite(s["image"]).all() for s in samples)


@pytest.mark.parametrize("make_patch", [thin_patch, thick_patch])
def test_labels_of_a_phantom_patch_lie_on_its_image(make_patch) -> None:
    """Bone of a CT is bright where the labels say so, and less so when they are moved."""
    rng = np.random.default_rng(4)
    phantom = generate(5, spacing=FINEST, fov=FieldOfView(top="L3", bottom="L5", width=60))
    shape = np.array(phantom.spine.shape)
    patch = (72, 64, 20)
    image, labels, outside = make_patch(phantom, shape / 2, patch, "CT", rng)
    assert image.shape == labels.shape == outside.shape == patch
    seen = ~outside
    body = np.isin(labels, (49, 50))
    assert (body & seen).sum() > 1000

    def contrast(axis: int, by: int) -> float:
        bone = np.roll(body, by, axis)
        return image[bone & seen].mean() - image[~bone & seen].mean()

    for axis in range(3):
        assert contrast(axis, 0) > max(contrast(axis, 4), contrast(axis, -4))


def test_package_of_a_fresh_network_segments_a_phantom(tmp_path) -> None:
    torch.manual_seed(0)
    recipe.write_package(tmp_path, recipe.build_network())
    model = load_semantic(load_package(tmp_path))
    assert model.class_labels == (0, *MR_LABELS)
    assert model.config.target_spacing((0.5, 0.6, 4.0)) == SPACING
    assert model.config.target_spacing((0.5, 0.6, 0.7)) == FINEST
    plans = json.loads((tmp_path / "plans.json").read_text())
    assert plans["configurations"]["3d_fullres"]["spacing"] == [2.0, 1.0, 1.0]
    phantom = draw_phantom(5, np.random.default_rng(0))
    crop = (slice(20, 68), slice(20, 84), slice(0, 6))
    image = NII(to_nii(phantom, render(phantom, seed=1), mask=False), False)[crop]
    labels = model.predict(image).labels
    assert labels.shape == (48, 64, 6)
    assert set(np.unique(labels.get_array()).tolist()) <= {0, *MR_LABELS}


def test_command_trains_and_a_finished_run_stays_as_it_is(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command, "SemanticSamples", lambda *_, **__: _tiny_samples)
    common = ["--seed", "1", "--workers", "0", "--device", "cpu"]
    for name, legs in (("once", [2]), ("again", [2, 2])):
        for steps in legs:
            out = tmp_path / name
            assert command.main(["--out", str(out), "--steps", str(steps), *common]) == 0
    once, again = (
        torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("once", "again")
    )
    assert once["step"] == again["step"] == 2
    for key, value in once["ema"].items():
        assert torch.equal(value, again["ema"][key])
        assert torch.isfinite(value).all()
    assert (tmp_path / "once" / "package" / "fold_0" / "checkpoint_final.pth").is_file()


def _tiny_samples(seed: int, group: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng((seed, group))
    return [
        {
            "image": rng.standard_normal((1, *TRAINING_SHAPE)).astype(np.float32),
            "target": rng.integers(0, CLASSES + 4, TRAINING_SHAPE),
        }
    ]


def test_overlap_counts_sets_and_leaves_absent_structures_out() -> None:
    truth = np.array([1, 1, 0, 0, 3])
    guess = np.array([41, 49, 49, 0, 60])
    scores = overlap(truth, guess, SPIDER_GROUPS)
    assert scores == {"vertebra": pytest.approx(0.8), "canal": 1.0}


def test_only_held_out_phantoms_are_evaluated() -> None:
    with pytest.raises(ValueError, match="not held out"):
        list(phantom_cases(None, [5000], "lumbar"))  # type: ignore[arg-type]


def test_splits_share_no_subject() -> None:
    subjects = [*held_out_subjects(), *development_subjects(), "sub-900"]
    for subject in subjects:
        assert sum(within(subject) for within in SPLITS.values()) == 1


def test_what_a_truth_does_not_show_is_not_judged() -> None:
    bones = np.array([1, 0, 0])
    assert list(shown(bones, SPIDER_GROUPS)) == ["vertebra"]


@pytest.mark.parametrize("title", ["{}_dseg", "{}_T2w_label-spine_dseg", "{}_T1w_dseg"])
def test_masks_are_found_by_their_names(tmp_path, title: str) -> None:
    image = tmp_path / "sub-1" / "anat" / "sub-1_acq-a_T2w.nii.gz"
    mask = tmp_path / "derivatives" / "manual" / "sub-1" / "anat"
    for path in (image, mask / f"{title.format('sub-1_acq-a')}.nii.gz"):
        path.parent.mkdir(parents=True)
        path.touch()
    assert len(scan_pairs(tmp_path)) == ("T1w" not in title)


def test_summary_counts_scans() -> None:
    report = summary([Case("a", {"disc": 0.8}), Case("b", {"disc": 0.6, "canal": 1.0})])
    assert report["disc"] == {"mean": 0.7, "worst": 0.6, "scans": 2.0}
    assert report["mean of labels"]["mean"] == 0.85
