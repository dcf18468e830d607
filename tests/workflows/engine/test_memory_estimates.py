"""Memory estimates that the scheduler gets."""

from __future__ import annotations

from dataclasses import replace
from importlib.machinery import PathFinder
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.bids.header import read_header
from spineps_nipype.errors import ResourceError
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.spineps.settings import InstanceSettings, PipelineSettings
from spineps_nipype.workflows.engine import memory_estimates
from spineps_nipype.workflows.engine.memory_estimates import (
    BYTES_PER_VOXEL,
    check_tiles,
    node_memory,
    scan_memory,
    torch_gb,
)

from ...tiny_packages import CUTOUT

SETTINGS = PipelineSettings()


def test_every_node_has_an_estimate_for_its_scan(scan: Path, models: dict[str, object]) -> None:
    estimates = scan_memory(read_header(scan), models, SETTINGS)
    assert set(estimates) == set(BYTES_PER_VOXEL)
    assert all(0.5 < gb < 2 for gb in estimates.values())  # a tiny scan needs the programs only


@pytest.mark.parametrize(("library", "more"), [("libtorch_cpu.so", 0), ("libtorch_cuda.so", 0.45)])
def test_a_torch_that_is_built_for_gpus_needs_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, more: float
) -> None:
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    (tmp_path / "torch" / "__init__.py").touch()
    (tmp_path / "torch" / "lib" / library).touch()
    spec = PathFinder.find_spec("torch", [str(tmp_path)])
    monkeypatch.setattr(memory_estimates, "find_spec", lambda _name: spec)
    assert torch_gb.__wrapped__() == pytest.approx(0.9 + more)


def test_the_grid_of_the_model_decides_over_the_class_maps(
    tmp_path: Path, models: dict[str, object]
) -> None:
    path = tmp_path / "fine.nii"
    voxels = 200 * 300 * 100
    data = np.zeros((200, 300, 100), np.uint8)
    nib.save(nib.Nifti1Image(data, np.diag([0.5, 0.5, 1, 1])), path)
    model_voxels = voxels * 0.25 / 16  # 2 x 2 x 4 mm
    tile = 16 * 56 * 48 * 9 * 4
    expected = torch_gb() + (60 * voxels + 12 * 15 * model_voxels + tile) / 1e9
    assert scan_memory(read_header(path), models, SETTINGS)["semantic"] == pytest.approx(
        expected, abs=0.01
    )
    assert node_memory("semantic", voxels=10**8) > node_memory("semantic", voxels=10**7) + 1


def test_the_batch_decides_over_the_instance_network(
    scan: Path, models: dict[str, object]
) -> None:
    def estimate(batch: int) -> float:
        instance = InstanceSettings(proc_inst_batch_size=batch)
        return scan_memory(read_header(scan), models, replace(SETTINGS, instance=instance))[
            "instance"
        ]

    maps = np.prod(CUTOUT) * 16 * 9 * 4 / 1e9
    assert estimate(400) - estimate(200) == pytest.approx(200 * maps, abs=0.02)


def test_a_tile_that_no_memory_holds(models: dict[str, ModelPackage]) -> None:
    tile_gb = 16 * 56 * 48 * 9 * 4 / 1e9
    check_tiles({**models, "form": None}, tile_gb * 1.01)
    with pytest.raises(ResourceError, match=r"A tile of the network .* needs about 0\.0 GB"):
        check_tiles(models, tile_gb * 0.99)
    package = models["semantic"]
    cutting = replace(package, config=replace(package.config, shrink_tile=True))
    check_tiles({"semantic": cutting}, tile_gb * 0.99)
