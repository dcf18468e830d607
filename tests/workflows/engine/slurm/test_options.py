"""What jobs ask for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spineps_nipype.errors import ResourceError
from spineps_nipype.workflows.engine.slurm.options import SlurmOptions, job_options


def node(gpu: bool = False, **plugin_args: Any) -> SimpleNamespace:
    return SimpleNamespace(
        n_procs=4, mem_gb=2.0, is_gpu_node=lambda: gpu, plugin_args=plugin_args or None
    )


def words(asked: Any = "", made: SimpleNamespace | None = None, **args: Any) -> list[str]:
    options = SlurmOptions.from_plugin_args({"sbatch_args": asked, **args})
    return job_options(made or node(), options)


def test_threads_and_memory_become_options() -> None:
    assert words() == ["--cpus-per-task=4", "--mem=1908M"]  # 2 GB are 1907.3 MiB


def test_a_gpu_node_asks_for_a_gpu() -> None:
    assert words(made=node(gpu=True))[-1] == "--gres=gpu:1"


def test_options_for_gpu_jobs_are_for_them_alone() -> None:
    gpu = {"gpu_sbatch_args": "-p gpu --gres=gpu:a100:1"}
    assert words("-p cpu", **gpu)[2:] == ["-p", "cpu"]
    asked = words("-p cpu", node(gpu=True), **gpu)
    assert asked[2:] == ["-p", "cpu", "-p", "gpu", "--gres=gpu:a100:1"]  # the last one counts


@pytest.mark.parametrize("asked", ["--gpus=1", "-G 1", "-G1", "--gpus-per-node a100:1"])
def test_another_way_to_ask_for_a_gpu_is_kept(asked: str) -> None:
    assert not [word for word in words(asked, node(gpu=True)) if "gres" in word]


@pytest.mark.parametrize("asked", ["--gres=scratch:100", "--gres scratch:100"])
def test_other_resources_stay_beside_the_gpu(asked: str) -> None:
    assert words(asked, node(gpu=True))[-1] == "--gres=scratch:100,gpu:1"


@pytest.mark.parametrize(
    ("asked", "absent"),
    [
        ("--mem=16G", "--mem=1908M"),
        ("--mem-per-cpu 4G", "--mem=1908M"),
        ("-c8", "--cpus-per-task=4"),
        ("--cpus-per-task 8", "--cpus-per-task=4"),
    ],
)
def test_what_the_user_asks_for_goes_first(asked: str, absent: str) -> None:
    found = words(asked)
    assert absent not in found
    assert found[-1] == asked.split()[-1]


def test_options_of_a_node_are_those_of_nipype() -> None:
    assert words("-p a", node(sbatch_args="--time=5"))[2:] == ["-p", "a", "--time=5"]
    alone = words("-p a", node(sbatch_args="--time=5", overwrite=True))
    assert alone == ["--cpus-per-task=4", "--mem=1908M", "--time=5"]


def test_values_with_spaces_and_lists() -> None:
    assert words("--comment='a b'")[-1] == "--comment=a b"
    assert words(["--comment=a b", "--nice"])[-2:] == ["--comment=a b", "--nice"]


@pytest.mark.parametrize("asked", ["--array=1-9", "-a 1", "--wait", "-D /tmp", "--wrap=ls"])
def test_options_that_would_lose_the_job_are_refused(asked: str) -> None:
    with pytest.raises(ResourceError, match=asked.split()[0].partition("=")[0]):
        words(asked)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"sbatch_args": "--comment='a"}, "sbatch_args"),
        ({"gpu_sbatch_args": 5}, "gpu_sbatch_args"),
        ({"poll": 0}, "poll"),
        ({"patience": "long"}, "patience"),
    ],
)
def test_wrong_entries_are_named(args: dict[str, Any], named: str) -> None:
    with pytest.raises(ResourceError, match=named):
        SlurmOptions.from_plugin_args(args)


def test_the_template_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "template.sh"
    file.write_text("#!/bin/sh\nmodule load cuda\n")
    assert SlurmOptions.from_plugin_args({"template": str(file)}).template == file.read_text()
    lines = SlurmOptions.from_plugin_args({"template": "module load cuda"}).template
    assert lines == "#!/bin/bash\nmodule load cuda"
