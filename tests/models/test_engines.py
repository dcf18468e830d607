"""Engines give the same results, say what is missing, and keep what they prepare."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from TPTBox import NII

from spineps_nipype.core.locks import LockBusyError
from spineps_nipype.errors import ResourceError
from spineps_nipype.models import engine_choice
from spineps_nipype.models.engine_choice import choose_engine, has_bfloat16
from spineps_nipype.models.inference import openvino_engine
from spineps_nipype.models.inference.engines import TorchEngine, make_engine
from spineps_nipype.models.loading import load_instance, load_labeling, load_semantic
from spineps_nipype.models.package import load_package
from spineps_nipype.settings import EngineSettings

TORCH = EngineSettings("torch", "float32")
OPENVINO = EngineSettings("openvino", "float32")
needs_openvino = pytest.mark.skipif(
    not engine_choice.has_openvino(), reason="OpenVINO is not installed (extra openvino)"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own."""
    monkeypatch.setenv(openvino_engine.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


def image() -> NII:
    array = np.random.default_rng(0).normal(100, 20, (20, 24, 9)).astype(np.float32)
    return NII(nib.Nifti1Image(array, np.diag([2.0, 2.0, 4.0, 1.0])), False)


@needs_openvino
@pytest.mark.parametrize("tta", [False, True])
def test_semantic_of_two_folds(semantic_folder: Path, tta: bool) -> None:
    package = load_package(semantic_folder)
    plain, other = (
        load_semantic(package, engine=e).predict(image(), tta=tta, probabilities=True)
        for e in (TORCH, OPENVINO)
    )
    np.testing.assert_allclose(other.probabilities, plain.probabilities, atol=1e-4)
    assert (other.labels.get_array() != plain.labels.get_array()).mean() < 1e-3


@needs_openvino
def test_instance(instance_folder: Path) -> None:
    package = load_package(instance_folder)
    rng = np.random.default_rng(0)
    cuts = [rng.integers(0, 10, (16, 24, 8)) for _ in range(3)]
    plain, other = (load_instance(package, engine=e).predict(cuts) for e in (TORCH, OPENVINO))
    assert np.mean(np.stack(plain) != np.stack(other)) < 1e-3
    assert np.stack(plain).any()


@needs_openvino
def test_labelling(labeling_folder: Path) -> None:
    package = load_package(labeling_folder)
    patches = np.random.default_rng(0).normal(size=(3, 24, 24, 16)).astype(np.float32)
    plain, other = (load_labeling(package, engine=e).predict(patches) for e in (TORCH, OPENVINO))
    assert plain.keys() == other.keys()
    for head, value in plain.items():
        np.testing.assert_allclose(other[head], value, atol=1e-5)


@needs_openvino
def test_same_result_twice(semantic_folder: Path) -> None:
    """The second network comes from the disk."""
    package = load_package(semantic_folder)
    one, two = (
        load_semantic(package, engine=OPENVINO).predict(image(), probabilities=True)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.probabilities, two.probabilities)


@needs_openvino
def test_translated_networks_are_kept_by_digest(
    labeling_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = load_package(labeling_folder)
    load_labeling(package, engine=OPENVINO)
    kept = sorted(p for p in cache.iterdir() if p.suffix != ".lock")
    assert [p.suffix for p in kept] == [".bin", ".xml"]
    assert all(p.name.startswith(package.digest[:32] + "_labeling_") for p in kept)
    calls: list[object] = []
    translate = openvino_engine.translate
    monkeypatch.setattr(
        openvino_engine, "translate", lambda *a: (calls.append(a), translate(*a))[1]
    )
    load_labeling(package, engine=OPENVINO)
    assert not calls
    kept[1].write_text("<net")
    load_labeling(package, engine=OPENVINO)
    assert len(calls) == 1
    load_labeling(package, engine=OPENVINO)
    assert len(calls) == 1


@needs_openvino
def test_cache_that_cannot_be_written(
    labeling_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(openvino_engine.CACHE_VARIABLE, str(tmp_path / "file"))
    network = load_labeling(load_package(labeling_folder), engine=OPENVINO)
    assert network.predict(np.zeros((1, 24, 24, 16), np.float32))["VERT"].shape == (1, 24)


@needs_openvino
def test_translation_reports_to_nobody(
    labeling_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter of OpenVINO sends its use over the network; it must not be called."""
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("network access")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("openvino_telemetry.Telemetry.send_event", refuse)
    load_labeling(load_package(labeling_folder), engine=OPENVINO)


def test_missing_extra_names_the_command(
    labeling_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(engine_choice, "find_spec", lambda _name: None)
    with pytest.raises(ResourceError, match=r'pip install "spineps-nipype\[openvino\]"'):
        load_labeling(load_package(labeling_folder), engine=OPENVINO)
    assert choose_engine(EngineSettings("auto", "float32")) == TORCH
    monkeypatch.setattr(engine_choice, "find_spec", lambda name: name)
    with pytest.raises(ResourceError, match=r'pip install "spineps-nipype\[openvino\]"'):
        load_labeling(load_package(labeling_folder), engine=OPENVINO)


def test_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_choice, "find_spec", lambda name: name)
    monkeypatch.setattr(engine_choice, "has_bfloat16", lambda device: device == "cpu")
    assert choose_engine(EngineSettings(), "cpu") == OPENVINO
    assert choose_engine(EngineSettings(), "cuda") == TORCH
    auto = EngineSettings("torch", "auto")
    assert choose_engine(auto, "cpu").precision == "bfloat16"
    assert choose_engine(auto, "mps").precision == "float32"
    with pytest.raises(ResourceError, match="--device cpu"):
        choose_engine(OPENVINO, "cuda:1")
    with pytest.raises(ResourceError, match="--precision float32"):
        choose_engine(EngineSettings("torch", "bfloat16"), "mps")


@pytest.mark.parametrize(
    ("text", "able"),
    [
        ("processor : 0\nflags\t\t: fpu sse avx512_bf16 avx2\n", True),
        ("processor : 0\nflags\t\t: fpu sse avx2 avx512f\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", True),
    ],
)
def test_bfloat16_of_processors(tmp_path: Path, text: str, able: bool) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(text)
    assert has_bfloat16("cpu", info) is able
    assert has_bfloat16("cpu", tmp_path / "none") is False


def test_bfloat16_is_near_and_not_the_same() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv3d(1, 8, 3), torch.nn.GroupNorm(2, 8)).eval()
    x = torch.randn(1, 1, 8, 8, 8)
    with torch.inference_mode():
        plain = network(x)
        exact = TorchEngine("float32", "cpu").prepare(network, "", ())(x)
        rough = TorchEngine("bfloat16", "cpu").prepare(network, "", ())(x)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(exact, plain, atol=1e-4, rtol=0)
    assert 1e-5 < (rough - plain).abs().max() < 0.2


def test_without_a_wish_torch_computes() -> None:
    assert isinstance(make_engine(None, "cpu", ""), TorchEngine)


@needs_openvino
def test_a_cache_that_another_process_holds(
    labeling_folder: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The network is translated without it after a while, and no process waits for ever."""

    def busy(*_: object, **__: object) -> None:
        raise LockBusyError("Another process uses the folder.")

    monkeypatch.setattr(openvino_engine, "held", busy)
    load_labeling(load_package(labeling_folder), engine=OPENVINO)
    assert "is not kept: Another process uses the folder." in caplog.text
    assert not list(cache.glob("*.xml"))
