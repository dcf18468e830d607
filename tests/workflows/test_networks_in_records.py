"""Every network that a node loads is in the records of what it makes, and in the node's hash.

Each system runs from the command line with tiny networks, while every file that torch,
onnxruntime or OpenVINO reads is noted beside the node that wants it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import onnxruntime
import pytest
import torch
from nipype.interfaces.base import SimpleInterface, isdefined

from spineps_nipype import interfaces
from spineps_nipype.core.files import file_digest
from spineps_nipype.models import openvino_onnx
from spineps_nipype.models.folders import MODELS_VARIABLE, embedded_system, scout_dir
from spineps_nipype.models.package_files import digest_folder
from spineps_nipype.spineps import helper_networks
from spineps_nipype.spineps.spine_crop import SPINE_LABELS
from spineps_nipype.workflows.cli import main

from ..sc_epi.tiny_epi import SUFFIX, write_archive
from ..spine_segmentation.tiny_onnx import write_networks
from ..tiny_packages import linear_architecture, write_packages, write_scan
from ..totalspineseg.block_spine import DISCS, raw_spine
from ..totalspineseg.tiny_weights import scan_of, write_release

AFFINE = np.array([[1, 0, 0, -10], [0, 1, 0, 20], [0, 0, 1, -300], [0, 0, 0, 1.0]])


@dataclass(frozen=True)
class Load:
    """A file that was read while an interface computed."""

    interface: SimpleInterface
    path: Path

    def digests(self) -> set[str]:
        """What the file may be called in a record: its own digest, or that of its package."""
        home = self.path.parents[:3]
        return {file_digest(self.path), *(digest_of(folder) for folder in home)}


@cache
def digest_of(folder: Path) -> str:
    return digest_folder(folder) if any(folder.glob("*.json")) else ""


@contextmanager
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Load]]:
    """Files of weights that are read meanwhile, with the interface that wants them."""
    found: list[Load] = []
    running: list[SimpleInterface] = []

    def note(path: Any) -> None:
        found.append(Load(running[-1], Path(path)))

    read, session = torch.load, onnxruntime.InferenceSession

    def torch_load(path: Any, *rest: Any, **options: Any) -> Any:
        note(path)
        return read(path, *rest, **options)

    def onnx_session(path: Any, *rest: Any, **options: Any) -> Any:
        note(path)
        return session(path, *rest, **options)

    read_slices = openvino_onnx._read

    def openvino_read(path: Path) -> Any:
        note(path)
        return read_slices(path)

    def watched(face: type[SimpleInterface]) -> Any:
        original = face._run_interface

        def run(self: SimpleInterface, runtime: Any) -> Any:
            running.append(self)
            try:
                return original(self, runtime)
            finally:
                running.pop()

        return run

    with monkeypatch.context() as patched:
        patched.setattr(torch, "load", torch_load)
        patched.setattr(onnxruntime, "InferenceSession", onnx_session)
        patched.setattr(openvino_onnx, "_read", openvino_read)
        for name in interfaces.__all__:
            face = getattr(interfaces, name)
            if "_run_interface" in vars(face):
                patched.setattr(face, "_run_interface", watched(face))
        yield found


def recorded(out: Path) -> dict[str, set[str]]:
    """Digests of the networks in the records, by phase."""
    found: dict[str, set[str]] = {}
    for path in out.rglob("*.json"):
        content = json.loads(path.read_text())
        header = content[0] if isinstance(content, list) and content else content
        record = header.get("Provenance") if isinstance(header, dict) else None
        if record:
            networks = {model["digest"] for model in record["Models"].values()}
            found.setdefault(record["Phase"], set()).update(networks)
    return found


def hashed(interface: SimpleInterface) -> set[str]:
    """Digests that the key of a node's cache depends on."""
    inputs = interface.inputs
    names = [name for name in inputs.copyable_trait_names() if not inputs.trait(name).nohash]
    values = [getattr(inputs, name) for name in names]
    given = [value for value in values if isinstance(value, str) and isdefined(value)]
    return {*given, *(file_digest(value) for value in given if Path(value).is_file())}


def unknown(noted: list[Load], records: dict[str, set[str]]) -> list[str]:
    """Files that no record names."""
    every = set().union(*records.values())
    return [load.path.name for load in noted if not load.digests() & every]


def unhashed(noted: list[Load]) -> list[str]:
    """Files that the cache of the node that loads them does not know of."""
    return [
        f"{type(load.interface).__name__}: {load.path.name}"
        for load in noted
        if not load.digests() & hashed(load.interface)
    ]


class Lab:
    """A dataset with scans for all systems, and tiny networks."""

    def __init__(self, root: Path) -> None:
        self.root, self.bids, self.out = root, root / "bids", root / "out"
        description = {"Name": "small scans", "BIDSVersion": "1.9.0"}
        write_scan(self.bids / "sub-a" / "anat" / "sub-a_T2w.nii.gz")
        (self.bids / "dataset_description.json").write_text(json.dumps(description))
        blocks = root / "blocks" / "sub-b" / "anat" / "sub-b_T2w.nii.gz"
        blocks.parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(scan_of(raw_spine(DISCS[-5:], (91, 100))), AFFINE), blocks)
        epi = root / "blocks" / "sub-b" / "func" / "sub-b_task-rest_bold.nii.gz"
        epi.parent.mkdir()
        volume = np.full((24, 24, 6), 20, np.float32)
        volume[10:14, 10:14] = 160
        nib.save(nib.Nifti1Image(volume, np.diag([1, 1, 5, 1.0])), epi)
        (root / "blocks" / "dataset_description.json").write_text(json.dumps(description))
        write_packages(root / "spineps")
        (root / "models").mkdir()
        write_release(root / "tss", "r20241115")
        write_archive(root / "epi")
        write_networks(root / "onnx")
        embedded = embedded_system("spine-segmentation")
        assert embedded is not None
        shutil.copy(embedded / "compact_form.onnx", root / "onnx")
        write_vibeseg(root / "vibeseg")

    def run(self, bids: Path, *more: str) -> int:
        shutil.rmtree(self.out, ignore_errors=True)
        return main(
            [
                *(str(bids), str(self.out), "participant", "-w", str(self.root / "work")),
                *("--plugin", "Linear", "--device", "cpu", "--mem-gb", "8", "--nprocs", "1"),
                *("--clean-workdir", *more),
            ]
        )

    def models(self) -> list[str]:
        return [
            word
            for kind in ("semantic", "instance", "labeling")
            for word in (f"--model-{kind}", f"{self.root}/spineps/tiny_{kind}")
        ]


def write_vibeseg(home: Path) -> None:
    """Weights for which whatever is bright is a vertebral body."""
    from spineps_nipype.models import export
    from spineps_nipype.models.networks.semantic_unet import build_semantic_unet

    body, classes = SPINE_LABELS[1], max(SPINE_LABELS) + 2
    architecture = linear_architecture()
    network = build_semantic_unet({"architecture": architecture}, 1, classes, "test")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.encoder.stages[0][0].convs[0].conv.weight[:] = 1
        network.decoder.stages[0].convs[0].conv.weight[0, 1] = 1
        network.decoder.seg_layers[-1].weight[body] = 1
    folder = home / "Dataset100_VIBESeg" / SUFFIX
    export.write_semantic_package(
        folder,
        [network],
        config={},
        architecture=architecture,
        patch_size=(16, 16, 16),
        spacing=(4.0, 4.0, 4.0),
        class_names=["background", *(f"class{i}" for i in range(1, classes))],
        normalization="NoNormalization",
        properties={"mean": 0.0, "std": 1.0, "percentile_00_5": -1e4, "percentile_99_5": 1e4},
        half=False,
    )
    (folder / "inference_config.json").unlink()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(autouse=True)
def installed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The places where networks are looked for that no option names."""
    monkeypatch.setenv(MODELS_VARIABLE, str(lab.root / "models"))
    monkeypatch.setenv("VIBESEG_WEIGHTS_PATH", str(lab.root / "vibeseg"))
    helper_networks.installed_vibeseg.cache_clear()


SYSTEMS = {
    "spineps": {"SpineCrop": 1, "SemanticSegmentation": 2, "InstanceSegmentation": 1},
    "totalspineseg": {"TSSNetwork1": 2, "TSSNetwork2": 2},
    "sc-epi": {"EPISeg": 1},
    "spine-segmentation": {"SpineSegmentation": 3},
}
"""Interfaces that load networks, and how many."""


def arguments(lab: Lab, system: str) -> tuple[Path, list[str]]:
    blocks = lab.root / "blocks"
    flags = {
        "spineps": [*lab.models(), "--no-proc-sem-n4-bias-correction", "--engine", "torch"],
        "totalspineseg": ["--tss-data", str(lab.root / "tss")],
        "sc-epi": ["--epi-model", str(lab.root / "epi")],
        "spine-segmentation": ["--slice-models", str(lab.root / "onnx"), "--no-resample"],
    }[system]
    if system == "spineps":
        return lab.bids, [*flags, "--auto-crop-to-spine", "yes"]
    return blocks, ["--pipeline", system, *flags]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_a_node_loads_is_in_its_records_and_in_its_hash(
    lab: Lab, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bids, flags = arguments(lab, system)
    with loads(monkeypatch) as noted:
        assert lab.run(bids, *flags) == 0
    by_interface: dict[str, set[Path]] = {}
    for load in noted:
        by_interface.setdefault(type(load.interface).__name__, set()).add(load.path)
    counted = {name: len(paths) for name, paths in by_interface.items()}
    assert SYSTEMS[system].items() <= counted.items()
    records = recorded(lab.out)
    assert unknown(noted, records) == []
    assert unhashed(noted) == []
    for phase in records:  # and it is the recipe that says so: nothing else is in there
        others = {digest: set(records) - {phase} for digest in records[phase]}
        assert all(digest != "none" for digest in others)


def test_the_raw_semantic_mask_depends_on_crop_and_scout(lab: Lab) -> None:
    bids, flags = arguments(lab, "spineps")
    assert lab.run(bids, *flags) == 0
    folders = (scout_dir(), lab.root / "vibeseg" / "Dataset100_VIBESeg" / SUFFIX)
    assert {digest_folder(folder) for folder in folders} < recorded(lab.out)["semantic"]
    # where all tiles are computed nothing searches for the spine
    assert lab.run(bids, *flags, "--tiles", "all") == 0
    assert digest_folder(folders[0]) not in recorded(lab.out)["semantic"]


@pytest.mark.parametrize(
    "all_of_it", [("--tiles", "all"), ("--totalspineseg-numerics", "corrected,tiles_everywhere")]
)
def test_raw_masks_of_totalspineseg_depend_on_the_scout(
    lab: Lab, all_of_it: tuple[str, ...]
) -> None:
    bids, flags = arguments(lab, "totalspineseg")
    scout = digest_folder(scout_dir())
    assert lab.run(bids, *flags) == 0
    records = recorded(lab.out)
    without = {name for name in records if scout not in records[name]}
    assert without == {"images"}
    assert lab.run(bids, *flags, *all_of_it) == 0
    assert not any(scout in digests for digests in recorded(lab.out).values())


@pytest.mark.parametrize("lost", ["form", "instance"])
def test_a_network_that_the_recipe_forgets_is_found(
    lab: Lab, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check itself can fail."""
    bids, flags = arguments(lab, "spine-segmentation")
    with loads(monkeypatch) as noted:
        assert lab.run(bids, *flags) == 0
    records = recorded(lab.out)
    file = {"form": "compact_form.onnx"}.get(lost, "2023-11-09_Seg25")
    (path,) = (p for p in (lab.root / "onnx").iterdir() if p.name.startswith(file))
    without = {phase: digests - {file_digest(path)} for phase, digests in records.items()}
    assert unknown(noted, without) == [path.name]
