"""Every kind of network that a package may hold is built from its weights and plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spineps_nipype.core.vertebra_look import DEPTH, HEIGHT, PLANES
from spineps_nipype.errors import ModelError
from spineps_nipype.models.export import (
    write_instance_package,
    write_labeling_package,
    write_semantic_package,
)
from spineps_nipype.models.inference.labeling import FORM_FILE
from spineps_nipype.models.loading import load_instance, load_labeling, load_semantic
from spineps_nipype.models.networks.classifier import VertebraClassifier
from spineps_nipype.models.networks.densenet import DenseNet
from spineps_nipype.models.networks.form_net import FormNet
from spineps_nipype.models.networks.instance_unet import InstanceUNet
from spineps_nipype.models.networks.resnet import ResNet
from spineps_nipype.models.networks.semantic_unet import build_semantic_unet
from spineps_nipype.models.package import load_package

from .conftest import ARCHITECTURE, config, write_old_plans
from .test_inference import image


def residual_architecture() -> dict[str, Any]:
    """A small ResidualEncoderUNet."""
    arguments = {k: v for k, v in ARCHITECTURE["arch_kwargs"].items() if k != "n_conv_per_stage"}
    return {
        **ARCHITECTURE,
        "network_class_name": "dynamic_network_architectures.architectures.unet"
        ".ResidualEncoderUNet",
        "arch_kwargs": {**arguments, "n_blocks_per_stage": [1, 2]},
    }


def test_residual_encoder_in_new_and_old_plans(tmp_path: Path) -> None:
    torch.manual_seed(0)
    architecture = residual_architecture()
    write_semantic_package(
        tmp_path / "resenc",
        [build_semantic_unet({"architecture": architecture}, 1, 3, "t")],
        config=config(),
        architecture=architecture,
        patch_size=[8, 16, 16],
        spacing=[4.0, 2.0, 2.0],
        class_names=["background", "corpus", "disc"],
        half=False,
    )
    new = load_semantic(load_package(tmp_path / "resenc")).predict(image(), probabilities=True)
    write_old_plans(tmp_path / "resenc", "ResidualEncoderUNet", [1, 2])
    old = load_semantic(load_package(tmp_path / "resenc")).predict(image(), probabilities=True)
    np.testing.assert_array_equal(old.probabilities, new.probabilities)
    assert new.probabilities is not None
    assert np.ptp(new.probabilities[1]) > 0.01


def test_smaller_steps_mean_more_tiles(semantic_folder: Path) -> None:
    network = load_semantic(load_package(semantic_folder))
    totals = []
    for step in (None, 0.5, 0.25):
        seen: list[tuple[int, int]] = []
        network.predict(image(), step_size=step, progress=lambda *at, seen=seen: seen.append(at))
        assert seen[-1] == (len(seen), len(seen))
        totals.append(len(seen))
    assert totals[0] == totals[1] < totals[2]


@pytest.mark.parametrize(("width", "channels"), [(8, 11), (16, 10), (8, 1)])
def test_instance_networks_old_and_new(tmp_path: Path, width: int, channels: int) -> None:
    """Width and input channels are read from the weights."""
    torch.manual_seed(1)
    written = InstanceUNet(width, channels).eval()
    settings = config(modality="SEG", modeltype="unet", labels={}, expected_inputs=["seg"])
    write_instance_package(tmp_path / "instance", written, config=settings, half=False)
    network = load_instance(load_package(tmp_path / "instance"))
    cut = np.random.default_rng(0).integers(0, 10, (16, 16, 8))
    if channels == 1:
        given = torch.from_numpy(cut)[None, None].float() / 9
    else:
        # Labels beyond the channels count as background.
        known = torch.from_numpy(np.where(cut < channels, cut, 0))
        given = torch.nn.functional.one_hot(known, channels).movedim(-1, 0)[None].float()
    with torch.inference_mode():
        expected = written(given).argmax(dim=1)[0].numpy()
    (found,) = network.predict([cut])
    assert (found == expected).mean() > 0.999
    assert len(np.unique(expected)) > 1


def resnet() -> ResNet:
    """Two levels of basic blocks."""
    shapes = {
        "conv1.weight": (4, 1, 7, 7, 7),
        "layer1.0.conv1.weight": (4, 4, 3, 3, 3),
        "layer1.0.conv2.weight": (4, 4, 3, 3, 3),
        "layer2.0.conv1.weight": (8, 4, 3, 3, 3),
        "layer2.0.conv2.weight": (8, 8, 3, 3, 3),
        "layer2.0.downsample.0.weight": (8, 4, 1, 1, 1),
    }
    return ResNet({name: torch.zeros(shape) for name, shape in shapes.items()})


ALL_HEADS = {
    "VERT": 24,
    "VERTEX": 26,
    "REGION": 3,
    "VT13": 2,
    "VERTREL": 6,
    "VERTGRP": 12,
    "FULLYVISIBLE": 2,
}


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize("backbone", ["dense", "residual"])
def test_labelling_networks_of_all_backbones_and_heads(
    tmp_path: Path, backbone: str, hidden: bool
) -> None:
    torch.manual_seed(2)
    net = DenseNet((2, 1, 1, 1), growth=4, first=8, bottleneck=8)
    body = net if backbone == "dense" else resnet()
    written = VertebraClassifier(body, ALL_HEADS, hidden).eval()
    write_labeling_package(
        tmp_path / "labeling",
        written,
        config=config(modeltype="classifier", labels={}),
        heads=ALL_HEADS,
        final_size=(32, 32, 32),
        data_name="sagittal_v3corpus_npz",
        score=0.5,
        half=False,
    )
    network = load_labeling(load_package(tmp_path / "labeling"))
    assert not network.rotate
    patches = np.random.default_rng(0).normal(size=(2, 32, 32, 32)).astype(np.float32)
    with torch.inference_mode():
        logits = written(torch.from_numpy(patches)[:, None])
    found = network.predict(patches)
    assert set(found) == set(ALL_HEADS)
    for head, value in found.items():
        np.testing.assert_allclose(value, torch.softmax(logits[head], dim=1), atol=1e-5)


def test_of_several_labelling_weights_the_last_is_taken(labeling_folder: Path) -> None:
    weights = next(labeling_folder.glob("*.ckpt"))
    first = weights.with_name("a_val_f1=0.1_valf1-weights.ckpt")
    first.write_bytes(b"would not load")
    assert sorted([first, weights])[-1] == weights
    load_labeling(load_package(labeling_folder))


def test_labelling_by_form_is_read_where_the_package_has_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    heads = {"VERT": 24, "REGION": 3}
    network = VertebraClassifier(DenseNet((1, 1), growth=4, first=4, bottleneck=4), heads, True)
    write_labeling_package(
        tmp_path,
        network,
        config=config(modeltype="classifier"),
        heads=heads,
        final_size=(16, 16, 8),
        data_name="phantoms",
        score=0.5,
    )
    assert load_labeling(load_package(tmp_path)).form is None
    form = FormNet(5, heads, 3, width=8).eval()
    torch.save({"state_dict": form.state_dict()}, tmp_path / FORM_FILE)
    read = load_labeling(load_package(tmp_path)).form
    assert read is not None
    rng = np.random.default_rng(0)
    forms = rng.normal(size=(3, 5))
    looks = rng.random((3, PLANES, DEPTH, HEIGHT), np.float32)
    found = read.predict(forms, looks)
    given = (torch.from_numpy(x).float()[None] for x in (forms, looks))
    with torch.inference_mode():
        expected = form(*given)["VERT"][0].softmax(-1)
    np.testing.assert_allclose(found["VERT"], expected.numpy(), atol=1e-6)
    assert found["REGION"].shape == (3, 3)
    torch.save({"state_dict": {"other": torch.zeros(1)}}, tmp_path / FORM_FILE)
    with pytest.raises(ModelError, match=FORM_FILE):
        load_labeling(load_package(tmp_path))
