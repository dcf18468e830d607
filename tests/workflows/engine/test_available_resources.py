from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.errors import ResourceError
from spineps_nipype.workflows.engine import available_resources
from spineps_nipype.workflows.engine.available_resources import (
    USABLE_SHARE,
    available_cpus,
    available_memory_gb,
    choose_device,
    free_gb,
    threads_per_node,
)


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Control groups of a machine with 16 processors, not yet limited."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "self").write_text("")
    return {"cgroup_root": tmp_path / "cgroup", "cgroup_of_process": tmp_path / "self"}


def put(groups: dict[str, Path], line: str, **files: str) -> None:
    groups["cgroup_of_process"].write_text(line + "\n")
    for name, text in files.items():
        path = groups["cgroup_root"] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def memory(groups: dict[str, Path], environment: dict[str, str] | None = None) -> float:
    return available_memory_gb(environment or {}, **groups, physical_gb=100) / USABLE_SHARE


def test_without_limits_the_machine_counts(groups: dict[str, Path]) -> None:
    assert available_cpus({}, **groups) == 16
    assert memory(groups) == pytest.approx(100)


def test_cgroup_v2(groups: dict[str, Path]) -> None:
    files = {"box/cpu.max": "250000 100000", "box/memory.max": "8000000000"}
    put(groups, "0::/box", **files)
    assert available_cpus({}, **groups) == 2
    assert memory(groups) == pytest.approx(8)


def test_cgroup_v2_limit_of_a_group_above(groups: dict[str, Path]) -> None:
    files = {"a/cpu.max": "400000 100000", "a/b/cpu.max": "max 100000", "a/memory.max": "max"}
    put(groups, "0::/a/b", **files)
    assert available_cpus({}, **groups) == 4
    assert memory(groups) == pytest.approx(100)


def test_cgroup_v1(groups: dict[str, Path]) -> None:
    files = {"cpu,cpuacct/box/cpu.cfs_quota_us": "300000"}
    files["cpu,cpuacct/box/cpu.cfs_period_us"] = "100000"
    put(groups, "4:cpu,cpuacct:/box", **files)
    assert available_cpus({}, **groups) == 3
    limit = {"memory/box/memory.limit_in_bytes": "4000000000"}
    put(groups, "5:memory:/box", **limit)
    assert memory(groups) == pytest.approx(4)


def test_cgroup_v1_without_limit(groups: dict[str, Path]) -> None:
    files = {"memory/memory.limit_in_bytes": str(2**63 - 4096), "cpu/cpu.cfs_quota_us": "-1"}
    put(groups, "5:memory:/\n4:cpu:/", **files)
    assert memory(groups) == pytest.approx(100)
    assert available_cpus({}, **groups) == 16


def test_less_than_one_processor_is_one(groups: dict[str, Path]) -> None:
    put(groups, "0::/", **{"cpu.max": "50000 100000"})
    assert available_cpus({}, **groups) == 1


def test_affinity(groups: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {1, 5, 7}, raising=False)
    assert available_cpus({}, **groups) == 3


def test_slurm(groups: dict[str, Path]) -> None:
    assert available_cpus({"SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "8"}, **groups) == 4
    assert available_cpus({"SLURM_CPUS_ON_NODE": "8"}, **groups) == 8
    assert memory(groups, {"SLURM_MEM_PER_NODE": "16384"}) == pytest.approx(17.18, abs=0.01)
    per_cpu = {"SLURM_MEM_PER_CPU": "2048", "SLURM_CPUS_PER_TASK": "4"}
    assert memory(groups, per_cpu) == pytest.approx(8.59, abs=0.01)
    # Zero means all the memory of the node.
    assert memory(groups, {"SLURM_MEM_PER_NODE": "0"}) == pytest.approx(100)


def test_threads_go_to_scans_first() -> None:
    assert threads_per_node(8, 1) == 8
    assert threads_per_node(8, 4) == 2
    assert threads_per_node(2, 100) == 1
    assert threads_per_node(64, 1) == 8


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_gb(tmp_path / "a" / "b") == pytest.approx(free_gb(tmp_path), rel=0.1)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available_resources, "cuda_devices", lambda: 0)
    assert choose_device("auto") == "cpu"
    assert choose_device("cpu") == "cpu"
    with pytest.raises(ResourceError, match="not there"):
        choose_device("cuda")
    monkeypatch.setattr(available_resources, "cuda_devices", lambda: 2)
    assert choose_device("auto") == "cuda"
    assert choose_device("cuda:1") == "cuda:1"
    with pytest.raises(ResourceError, match="sees 2"):
        choose_device("cuda:2")
