"""Packages written by our export load strictly and predict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from TPTBox import NII

from spineps_nipype.errors import ModelError
from spineps_nipype.models.loading import load_instance, load_labeling, load_semantic
from spineps_nipype.models.networks.resnet import ResNet
from spineps_nipype.models.package import load_package

from .conftest import write_old_plans

HEADS = {"VERT": 24, "REGION": 3, "FULLYVISIBLE": 2}


def image(shape: tuple[int, int, int] = (20, 24, 9)) -> NII:
    rng = np.random.default_rng(0)
    array = rng.normal(100, 20, shape).astype(np.float32)
    affine = np.diag([2.0, 2.0, 4.0, 1.0])
    return NII(nib.Nifti1Image(array, affine), False)


def test_semantic_labels_and_probabilities(semantic_folder: Path) -> None:
    network = load_semantic(load_package(semantic_folder))
    scan = image()
    result = network.predict(scan, probabilities=True)
    assert result.class_labels == (0, 49, 100)
    assert set(np.unique(result.labels.get_array())) <= {0, 49, 100}
    assert result.probabilities is not None
    assert result.probabilities.shape == (3, *scan.shape)
    np.testing.assert_allclose(result.probabilities.sum(axis=0), 1, atol=1e-5)
    again = network.predict(scan)
    np.testing.assert_array_equal(again.labels.get_array(), result.labels.get_array())
    assert again.probabilities is None


def test_axes_go_reversed_to_the_network_and_back(semantic_folder: Path) -> None:
    """A network that passes its input through gives the image back, voxel by voxel."""
    network = load_semantic(load_package(semantic_folder))
    scan = image()
    seen: list[tuple[int, ...]] = []

    def passing(tile: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(tile.shape))
        return torch.cat([torch.zeros_like(tile), tile, torch.full_like(tile, -9)], dim=1)

    network._use_fold = lambda _fold: passing  # type: ignore[attr-defined]
    labels = network.predict(scan).labels.get_array()
    array = scan.get_array()
    np.testing.assert_array_equal(labels == 49, array > array.mean())
    assert seen[0] == (1, 1, 8, 16, 16)


def test_folds_are_averaged(semantic_folder: Path) -> None:
    scan = image()
    both = load_semantic(load_package(semantic_folder))
    mean = both.predict(scan, probabilities=True).probabilities
    single = []
    for fold in ("0", "1"):
        config = json.loads((semantic_folder / "inference_config.json").read_text())
        config["available_folds"] = [fold]
        (semantic_folder / "inference_config.json").write_text(json.dumps(config))
        one = load_semantic(load_package(semantic_folder))
        single.append(one.predict(scan, probabilities=True).probabilities)
    np.testing.assert_allclose(mean, (single[0] + single[1]) / 2, atol=1e-5)


def test_a_region_leaves_its_labels_and_is_background_elsewhere(semantic_folder: Path) -> None:
    network = load_semantic(load_package(semantic_folder))
    scan = image((20, 24, 90))
    whole = network.predict(scan).labels.get_array()
    mask = np.zeros(scan.shape, np.uint8)
    mask[8:12, 8:12, 2:6] = 1
    near = network.predict(scan, region=scan.set_array(mask, seg=True)).labels.get_array()
    kept = mask > 0
    np.testing.assert_array_equal(near[kept], whole[kept])
    assert whole[:, :, -10:].any()
    assert not near[:, :, -10:].any()
    nothing = scan.set_array(np.zeros_like(mask), seg=True)
    again = network.predict(scan, region=nothing).labels.get_array()
    np.testing.assert_array_equal(again, whole)


def test_tiles_on_the_spine_see_it_alone(semantic_folder: Path) -> None:
    path = semantic_folder / "inference_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "spine_tile": [8, 16, 16]}))
    network = load_semantic(load_package(semantic_folder))
    scan = image((60, 24, 90))
    seen: list[torch.Tensor] = []

    def constant(tile: torch.Tensor) -> torch.Tensor:
        seen.append(tile)
        return torch.stack([torch.full_like(tile[:, 0], value) for value in (0, 1, -9)], dim=1)

    network._use_fold = lambda _fold: constant  # type: ignore[attr-defined]
    mask = np.zeros(scan.shape, np.uint8)
    mask[20:32, 0:24, 40:46] = 1
    region = scan.set_array(mask, seg=True)
    labels = network.predict(scan, region=region).labels.get_array()
    # two tiles for each of two folds, as small as the region
    assert [tuple(tile.shape) for tile in seen] == [(1, 1, 6, 16, 12)] * 4
    np.testing.assert_array_equal(labels, np.where(mask, 49, 0))
    # the grey values are those of the whole scan
    array = scan.get_array()
    normal = ((array - array.mean()) / array.std())[20:32, :16, 40:46]
    np.testing.assert_allclose(seen[0][0, 0].numpy(), normal.T, atol=1e-4)
    network.config = replace(network.config, spine_step=1.0)  # side by side
    mask[:] = 0
    mask[20:32, 0:20, 40:46] = 1
    for asked, tiles in ((None, 2), (0.1, 4)):
        seen.clear()
        network.predict(scan, region=scan.set_array(mask, seg=True), step_size=asked)
        assert len(seen) == tiles * 2  # for both folds
    seen.clear()
    network.predict(scan, region=region, own_keys=False)
    assert all(tile.shape[2:] == (8, 16, 16) for tile in seen)
    assert len(seen) > 2  # the tiles of the whole image, near the region


def test_mirroring_changes_the_result(semantic_folder: Path) -> None:
    network = load_semantic(load_package(semantic_folder))
    plain = network.predict(image(), probabilities=True, tta=False).probabilities
    mirrored = network.predict(image(), probabilities=True, tta=True).probabilities
    assert plain is not None
    assert np.abs(plain - mirrored).max() > 1e-4


def test_best_checkpoint_and_fold_all_stand_in(semantic_folder: Path) -> None:
    for fold in (0, 1):
        folder = semantic_folder / f"fold_{fold}"
        (folder / "checkpoint_final.pth").rename(folder / "checkpoint_best.pth")
    load_semantic(load_package(semantic_folder))
    (semantic_folder / "fold_1" / "checkpoint_best.pth").unlink()
    with pytest.raises(ModelError, match="fold_0, fold_1"):
        load_semantic(load_package(semantic_folder))
    (semantic_folder / "fold_0").rename(semantic_folder / "fold_all")
    load_semantic(load_package(semantic_folder))


def test_old_style_plans(semantic_folder: Path) -> None:
    new = load_semantic(load_package(semantic_folder)).predict(image(), probabilities=True)
    write_old_plans(semantic_folder, "PlainConvUNet", [1, 1])
    old = load_semantic(load_package(semantic_folder)).predict(image(), probabilities=True)
    np.testing.assert_array_equal(old.probabilities, new.probabilities)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network_class_name": "some.where.Transformer"}, "Transformer"),
        ({"arch_kwargs": {"conv_op": "os.system"}}, r"os\.system"),
        ({"arch_kwargs": {"features_per_stage": [4, 6]}}, "do not fit"),
    ],
)
def test_foreign_plans_are_refused(
    semantic_folder: Path, change: dict[str, Any], says: str
) -> None:
    plans = json.loads((semantic_folder / "plans.json").read_text())
    architecture = plans["configurations"]["3d_fullres"]["architecture"]
    for key, value in change.items():
        if isinstance(value, dict):
            architecture[key] |= value
        else:
            architecture[key] = value
    (semantic_folder / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(ModelError, match=says):
        load_semantic(load_package(semantic_folder))


@pytest.mark.parametrize("name", ["plans.json", "dataset.json"])
def test_missing_file_is_named(semantic_folder: Path, name: str) -> None:
    package = load_package(semantic_folder)
    (semantic_folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_semantic(package)


def test_regions_overwrite_in_their_order(semantic_folder: Path) -> None:
    dataset = json.loads((semantic_folder / "dataset.json").read_text())
    dataset["labels"] = {"background": 0, "whole": [1, 2], "part": [2], "rest": [1]}
    dataset["regions_class_order"] = [1, 2, 1]
    (semantic_folder / "dataset.json").write_text(json.dumps(dataset))
    network = load_semantic(load_package(semantic_folder))

    def fixed(tile: torch.Tensor) -> torch.Tensor:
        plus, minus = torch.ones_like(tile), -torch.ones_like(tile)
        return torch.cat([plus, torch.where(tile > 0, plus, minus), minus], dim=1)

    network._use_fold = lambda _fold: fixed  # type: ignore[attr-defined]
    labels = network.predict(image()).labels.get_array()
    array = image().get_array()
    np.testing.assert_array_equal(labels == 100, array > array.mean())
    np.testing.assert_array_equal(labels == 49, array <= array.mean())


def test_half_precision_keeps_shared_weights_shared(tmp_path: Path) -> None:
    from spineps_nipype.models.export import packed_weights

    layer = torch.nn.Linear(3, 3)
    packed = packed_weights({"a": layer.weight, "b": layer.weight, "c": layer.bias}, half=True)
    assert packed["a"].data_ptr() == packed["b"].data_ptr()
    assert packed["c"].dtype == torch.float16


def test_instance_network(instance_folder: Path) -> None:
    network = load_instance(load_package(instance_folder))
    rng = np.random.default_rng(0)
    cuts = [rng.integers(0, 10, (16, 24, 8)) for _ in range(3)]
    together = network.predict(cuts, batch_size=2)
    alone = network.predict(cuts[2:], batch_size=1)
    assert [c.shape for c in together] == [(16, 24, 8)] * 3
    assert together[0].dtype == np.uint8
    assert together[0].max() <= 3
    assert (together[2] != alone[0]).mean() < 1e-3


def test_released_instance_networks_have_their_published_size() -> None:
    from spineps_nipype.models.networks.instance_unet import InstanceUNet

    for width, channels, size in ((8, 11, 1_361_924), (16, 10, 5_375_124)):
        network = InstanceUNet(width, channels)
        assert sum(p.numel() for p in network.parameters()) == size
        assert len(network.state_dict()) == 182


def test_instance_package_needs_one_weights_file(instance_folder: Path) -> None:
    package = load_package(instance_folder)
    weights = instance_folder / "instance-weights.ckpt"
    (instance_folder / "other-weights.ckpt").write_bytes(weights.read_bytes())
    with pytest.raises(ModelError, match="exactly one"):
        load_instance(package)


def test_foreign_weights_are_refused(instance_folder: Path, labeling_folder: Path) -> None:
    weights = instance_folder / "instance-weights.ckpt"
    foreign = next(labeling_folder.glob("*.ckpt"))
    weights.write_bytes(foreign.read_bytes())
    with pytest.raises(ModelError, match="not a SPINEPS instance network"):
        load_instance(load_package(instance_folder))


def test_labelling_network(labeling_folder: Path) -> None:
    network = load_labeling(load_package(labeling_folder))
    assert network.final_size == (24, 24, 16)
    assert network.rotate
    assert network.heads == HEADS
    patches = np.random.default_rng(0).normal(size=(5, 24, 24, 16)).astype(np.float32)
    result = network.predict(patches)
    assert {k: v.shape for k, v in result.items()} == {k: (5, n) for k, n in HEADS.items()}
    for head in result.values():
        np.testing.assert_allclose(head.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(network.predict(patches[3:])["VERT"], result["VERT"][3:], atol=1e-5)


def test_densenet169_with_one_head_has_its_published_size() -> None:
    from spineps_nipype.models.networks.classifier import VertebraClassifier
    from spineps_nipype.models.networks.densenet import DenseNet

    net = VertebraClassifier(DenseNet((6, 12, 32, 32)), {"VERT": 24}, hidden=True)
    assert sum(p.numel() for p in net.parameters()) == 19_947_992


def test_resnet_is_built_from_its_weights() -> None:
    shapes = {
        "conv1.weight": (4, 1, 7, 7, 7),
        "layer1.0.conv1.weight": (4, 4, 3, 3, 3),
        "layer1.0.conv2.weight": (4, 4, 3, 3, 3),
        "layer2.0.conv1.weight": (8, 4, 3, 3, 3),
        "layer2.0.conv2.weight": (8, 8, 3, 3, 3),
        "layer2.0.downsample.0.weight": (8, 4, 1, 1, 1),
        "layer2.0.downsample.0.bias": (8,),
    }
    network = ResNet({k: torch.zeros(v) for k, v in shapes.items()}).eval()
    assert network.out_features == 8
    assert network(torch.zeros(2, 1, 16, 16, 16)).shape == (2, 8)
    assert {k for k in network.state_dict() if "conv" in k} == {k for k in shapes if "conv" in k}


def test_convolutional_heads_are_refused() -> None:
    from spineps_nipype.models.networks.classifier import build_classifier

    state = {"classification_heads.VERT.0.weight": torch.zeros(2, 2, 3, 3, 3)}
    with pytest.raises(ModelError, match="convolutional heads"):
        build_classifier(state, "x.ckpt")


def test_shares_are_the_probabilities_by_which_labels_are_decided(semantic_folder: Path) -> None:
    network = load_semantic(load_package(semantic_folder))
    found = network.predict(image(), groups=[(0,), (49,), (100,), (49, 100), (7,)])
    assert found.shares is not None
    assert found.shares.shape == (5, *image().shape)
    single = found.shares[:3]
    np.testing.assert_allclose(single.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(
        np.array([0, 49, 100])[single.argmax(axis=0)], found.labels.get_array()
    )
    np.testing.assert_allclose(found.shares[3], single[1:].sum(axis=0), atol=1e-5)
    assert not found.shares[4].any()
    assert network.predict(image()).shares is None
