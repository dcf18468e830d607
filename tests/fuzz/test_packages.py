"""Fuzz tests of what comes with model packages: JSON, archives, names of building blocks."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.metrics.expected_dice import NUMBERS, expected_dice, read_dice_model
from spineps_nipype.models.archive import extract
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.finding import package_in
from spineps_nipype.models.folders import CACHE_VARIABLE, cache_folder
from spineps_nipype.models.inference.nnunet_plan import plan_of
from spineps_nipype.models.inference.openvino_engine import OpenVinoEngine
from spineps_nipype.models.install import import_files, source_of, verify
from spineps_nipype.models.networks.semantic_unet import build_semantic_unet
from spineps_nipype.models.onnx_network import OnnxNetwork
from spineps_nipype.models.package import load_package
from spineps_nipype.models.pins import PINS, RECORD, pinned
from spineps_nipype.models.plans import block_of
from spineps_nipype.models.registry import registry
from spineps_nipype.models.safe_load import load_checkpoint
from spineps_nipype.sc_epi.model import outputs_of
from spineps_nipype.workflows.engine.memory_estimates import check_tiles
from tests.models.conftest import ARCHITECTURE, config

from .harness import ODD_TEXT, Content, changed, fuzz, json_files, promised, read, spoiled

CONFIG = config()
DATASET = {
    "labels": {"background": 0, "sc": 1, "both": [1, 2]},
    "regions_class_order": [1, 2],
    "channel_names": {"0": "image"},
    "image_orientation": "RPI",
}
PLANS = {
    "configurations": {
        "3d_fullres": {
            "spacing": [4.0, 2.0, 1.0],
            "patch_size": [8, 16, 16],
            "normalization_schemes": ["CTNormalization"],
            "use_mask_for_norm": [False],
            "resampling_fn_data_kwargs": {"order": 3, "is_seg": False},
            "architecture": ARCHITECTURE,
        },
        "3d_lowres": {"inherits_from": "3d_fullres", "spacing": [8.0, 4.0, 2.0]},
    },
    "foreground_intensity_properties_per_channel": {
        "0": {"mean": 1.0, "std": 1.0, "percentile_00_5": 0.0, "percentile_99_5": 9.0}
    },
    "transpose_forward": [0, 1, 2],
    "transpose_backward": [0, 1, 2],
}


def test_the_documents_are_valid_before_they_are_changed() -> None:
    ModelConfig.from_dict(CONFIG)
    assert plan_of(PLANS, DATASET, "3d_lowres").patch == (8, 16, 16)


@fuzz
@given(json_files(CONFIG))
def test_inference_config(data: bytes) -> None:
    with promised() as root:
        path = root / "inference_config.json"
        path.write_bytes(data)
        made = read(lambda: ModelConfig.from_json(path))
        if made is not None:
            assert len(made.target_spacing((1.0, 1.0, 1.0))) == 3
            assert made.vertebra_cleaning_voxels((1.0, 1.0, 1.0)) > 0
            assert all("/" not in fold for fold in made.folds)


@fuzz
@given(json_files(CONFIG), json_files(PLANS), json_files(DATASET), st.integers(0, 2))
def test_package(config_: bytes, plans: bytes, dataset: bytes, odd: int) -> None:
    """One of the three files is odd."""
    with promised() as root:
        files = {"inference_config.json": CONFIG, "plans.json": PLANS, "dataset.json": DATASET}
        folder = root / "models" / "One"
        folder.mkdir(parents=True)
        for place, (name, content) in enumerate(files.items()):
            spoilt = (config_, plans, dataset)[place]
            written = spoilt if place == odd else json.dumps(content).encode()
            (folder / name).write_bytes(written)
        package = read(lambda: load_package(folder))
        if package is not None:
            read(lambda: check_tiles({"semantic": package}, 8.0))


@fuzz
@given(json_files(PLANS), json_files(DATASET), st.booleans())
@pytest.mark.parametrize("system", ["sc-epi", "vibeseg", "totalspineseg"])
def test_result_folder(system: Any, plans: bytes, dataset: bytes, odd_plans: bool) -> None:
    with promised() as root:
        home = root / "Dataset100_X" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
        (home / "fold_0").mkdir(parents=True)
        (home / "plans.json").write_bytes(plans if odd_plans else json.dumps(PLANS).encode())
        (home / "dataset.json").write_bytes(json.dumps(DATASET).encode() if odd_plans else dataset)
        found = read(lambda: package_in(root, system))
        if found is not None and system == "sc-epi":
            read(lambda: outputs_of(json.loads((home / "dataset.json").read_text())))


@fuzz
@given(changed(PLANS), changed(DATASET), st.booleans())
def test_network_of_plans(plans: Any, dataset: Any, odd_plans: bool) -> None:
    """What passes the checks can be built, without a surprise."""
    with promised() as root:
        folder = root / "One"
        folder.mkdir()
        (folder / "inference_config.json").write_text(json.dumps(CONFIG))
        used = (plans, DATASET) if odd_plans else (PLANS, dataset)
        for name, content in zip(("plans.json", "dataset.json"), used, strict=True):
            (folder / name).write_text(json.dumps(content))
        if read(lambda: load_package(folder)) is None:
            return
        for name in used[0]["configurations"]:
            plan = plan_of(used[0], used[1], name) if name.startswith("3d") else None
            if plan is not None:
                read(lambda p=plan: build_semantic_unet(p.configuration, 1, 3, "plans.json"))


@fuzz
@given(
    ODD_TEXT
    | st.sampled_from(["torch", "torch.nn", "os", "torch.nn.modules.conv", "builtins"]).flatmap(
        lambda home: st.sampled_from(["Conv3d", "warn", "system", "__class__", "eval"]).map(
            lambda name: f"{home}.{name}"
        )
    )
)
def test_names_of_building_blocks(name: str) -> None:
    with promised():
        try:
            module, attribute = block_of(name)
        except ValueError:
            return
        assert (module, attribute) == ("torch.nn.modules.conv", "Conv3d")


NAMES = st.sampled_from(
    ["a/inference_config.json", "b/x", "../x", "/tmp/x", "a", "a/", "a\\..\\..\\x", "é" * 200]
) | st.text(min_size=1, max_size=12)


TAR_KINDS = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, b"V", b"7")


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Archives of all formats with odd names, kinds and bytes."""
    members = draw(st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=4))
    stream = io.BytesIO()
    if draw(st.booleans()):
        packed = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
        with zipfile.ZipFile(stream, "w", packed) as content:
            for name, data in members:
                entry = zipfile.ZipInfo(name.replace("\x00", "0"))
                entry.external_attr = draw(st.sampled_from([0, 0o120777, 0o100644, 0o40755])) << 16
                content.writestr(entry, data)
    else:
        mode: Any = draw(st.sampled_from(["w", "w:gz", "w:bz2", "w:xz"]))
        with tarfile.open(fileobj=stream, mode=mode) as content:
            for name, data in members:
                info = tarfile.TarInfo(name.replace("\x00", "0"))
                info.type = draw(st.sampled_from(TAR_KINDS))
                info.linkname, info.size = "/etc/passwd", len(data)
                content.addfile(info, io.BytesIO(data))
    data = stream.getvalue()
    return draw(spoiled(data)) if draw(st.booleans()) else Content(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@fuzz
@given(archives() | st.binary(max_size=600))
def test_archives(data: bytes) -> None:
    with promised() as root:
        path = root / "archive"
        path.write_bytes(data)
        before = set(root.rglob("*"))
        read(lambda: extract(path, root / "in" / "out"))
        new = set(root.rglob("*")) - before - {root / "in"}
        assert all(root / "in" / "out" in (p, *p.parents) for p in new)
        assert not [p for p in new if p.is_symlink()]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@fuzz
@given(archives())
def test_installing(data: bytes) -> None:
    """Installed whole, or nothing is left but the lock."""
    with promised() as root:
        path, models = root / "archive.zip", root / "models"
        path.write_bytes(data)
        release = registry()["t2w"]
        if read(lambda: import_files(release, models, [path])) is None:
            assert {p.name for p in models.rglob("*") if p.is_file()} <= {"t2w.lock"}


@fuzz
@given(json_files({"v1/a.zip": "00"}), json_files({"files": {"x": "00"}}), json_files({"a": [1]}))
def test_records_of_installed_packages(pins: bytes, record: bytes, source: bytes) -> None:
    with promised() as root:
        folder = root / registry()["t2w"].folder
        folder.mkdir(parents=True)
        (root / PINS).write_bytes(pins)
        (folder / RECORD).write_bytes(record)
        (folder / "source.json").write_bytes(source)
        (folder / "inference_config.json").write_text(json.dumps(CONFIG))
        read(lambda: pinned(root, "https://x/v1/a.zip"))
        read(lambda: verify(registry()["t2w"], root))
        package = load_package(folder)
        assert isinstance(source_of(package), dict)


DICE = {
    "look": 0.8,
    "wrong": 0.75,
    "structures": {"disc": {"intercept": 1, "weights": {"inside": 1.0}, "spread": 0.5}},
}
DOUBTS = {"disc": dict.fromkeys(NUMBERS, 0.5)}


@fuzz
@given(json_files(DICE))
def test_table_of_the_expected_dice(data: bytes) -> None:
    with promised() as root:
        path = root / "expected_dice.json"
        path.write_bytes(data)
        model = read(lambda: read_dice_model(path))
        if model is not None:
            for one in read(lambda: expected_dice(DOUBTS, model)) or ():
                assert 0 <= one.low <= one.dice <= one.high <= 1


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    import torch

    path = tmp_path_factory.mktemp("weights") / "x.pth"
    torch.save({"network_weights": {"a": torch.zeros(3)}, "init_args": {"x": 1}}, path)
    return Path(path).read_bytes()


@fuzz
@given(st.data())
def test_weights(checkpoint: bytes, data: st.DataObject) -> None:
    with promised() as root:
        path = root / "checkpoint_final.pth"
        path.write_bytes(data.draw(spoiled(checkpoint)))
        assert isinstance(read(lambda: load_checkpoint(path)), dict | None)


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from tests.spine_segmentation.tiny_onnx import write_networks

    folder = write_networks(tmp_path_factory.mktemp("onnx") / "x")
    return min(folder.glob("*.onnx"), key=lambda path: path.stat().st_size).read_bytes()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@fuzz
@given(st.data())
def test_onnx_networks(onnx_file: bytes, data: st.DataObject) -> None:
    with promised() as root:
        path = root / "x.onnx"
        path.write_bytes(data.draw(spoiled(onnx_file)))
        network = read(lambda: OnnxNetwork(path, num_threads=1))
        if network is not None:
            read(lambda: network.predict(np.zeros((1, 3, 8, 8), np.float32)))


@pytest.fixture(scope="module")
def translated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a network that was translated."""
    import torch

    with pytest.MonkeyPatch.context() as patches:
        patches.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        OpenVinoEngine("float32", "0" * 64).prepare(torch.nn.ReLU(), "x", (1, 1, 4, 4, 4))
        kept = [path for path in cache_folder().iterdir() if path.suffix != ".lock"]
        return {path.name: path.read_bytes() for path in kept}


@fuzz
@given(st.sampled_from([".xml", ".bin"]), st.data())
def test_translated_networks(
    translated: dict[str, bytes], ending: str, data: st.DataObject
) -> None:
    """What was kept of an earlier run is used, or made again."""
    import torch

    with promised() as root, pytest.MonkeyPatch.context() as patches:
        patches.setenv(CACHE_VARIABLE, str(root))
        cache_folder().mkdir()
        for name, content in translated.items():
            odd = name.endswith(ending)
            (cache_folder() / name).write_bytes(data.draw(spoiled(content)) if odd else content)
        engine = OpenVinoEngine("float32", "0" * 64)
        assert read(lambda: engine.prepare(torch.nn.ReLU(), "x", (1, 1, 4, 4, 4))) is not None
