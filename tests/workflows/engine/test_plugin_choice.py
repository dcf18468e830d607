"""Plugins of nipype that a file names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spineps_nipype.errors import InputError, ResourceError
from spineps_nipype.workflows.engine.node_events import NodeEvent
from spineps_nipype.workflows.engine.plugin_choice import (
    PluginChoice,
    choose_plugin,
    make_foreign_plugin,
    read_plugin_file,
)
from spineps_nipype.workflows.engine.run_resources import choose_machine
from spineps_nipype.workflows.options.run_options import MachineRequest, Scheduling

# isort: split
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

ON_CPU = MachineRequest(device="cpu")


def test_a_file_of_nipype(tmp_path: Path) -> None:
    file = tmp_path / "plugin.yml"
    file.write_text(
        "plugin: LegacyMultiProcPlugin\nplugin_args:\n  n_procs: 3\n  mp_context: spawn\n"
    )
    choice = read_plugin_file(file)
    assert choice == PluginChoice("MultiProc", {"n_procs": 3, "mp_context": "spawn"})
    assert choice.other_args == {"mp_context": "spawn"}


@pytest.mark.parametrize("text", ["{", "[]", "plugin: 3", "plugin: Nobody", "plugin_args: {}", ""])
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plugin.yml"
    file.write_text(text)
    with pytest.raises(InputError, match="--nipype-plugin-file") as fault:
        read_plugin_file(file)
    assert str(file) in str(fault.value)


def test_the_command_line_goes_before_the_file() -> None:
    choice = PluginChoice("MultiProc", {"n_procs": 3, "memory_gb": 5, "n_gpu_procs": 2})
    machine = choose_machine(ON_CPU, choice, scans=1)
    assert (machine.nprocs, machine.memory_gb, machine.gpus) == (3, 5.0, 0)
    asked = MachineRequest(device="cpu", nprocs=6, mem_gb=7.0)
    machine = choose_machine(asked, choice, scans=2)
    assert (machine.nprocs, machine.memory_gb, machine.threads) == (6, 7.0, 3)


def test_low_memory_is_one_node_at_a_time() -> None:
    asked = MachineRequest(device="cpu", nprocs=6, low_mem=True)
    machine = choose_machine(asked, PluginChoice("MultiProc"), scans=9)
    assert (machine.nprocs, machine.threads) == (1, 6)


def double(a: int) -> int:
    if a < 0:
        raise ValueError("less than nothing")
    return 2 * a


@pytest.mark.parametrize(("value", "kinds"), [(1, ["start", "done"]), (-1, ["start", "failed"])])
def test_a_plugin_of_nipype_is_watched(tmp_path: Path, value: int, kinds: list[str]) -> None:
    events: list[NodeEvent] = []
    node = pe.Node(Function(function=double, output_names=["out"]), name="double")
    node.inputs.a = value
    workflow = pe.Workflow("run", base_dir=str(tmp_path))
    workflow.add_nodes([node])
    workflow.config["execution"] = {"crashdump_dir": str(tmp_path), "crashfile_format": "txt"}
    choice = PluginChoice("MultiProc", {"n_procs": 1})
    plugin = make_foreign_plugin(choice, events.append)
    if value < 0:
        with pytest.raises(RuntimeError):
            workflow.run(plugin=plugin)
    else:
        workflow.run(plugin=plugin)
    assert [e.kind for e in events if e.kind != "start"] == kinds[1:]


def test_options_for_jobs_come_from_the_command_line_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "plugin.yml"
    file.write_text(
        "plugin: SLURMGraph\n"
        "plugin_args:\n  sbatch_args: -p slow\n  gpu_sbatch_args: -p gpu\n  poll: 30\n"
    )
    asked = Scheduling(nipype_plugin_file=file, sbatch_args="-p quick")
    assert choose_plugin(asked) == PluginChoice(
        "SLURMGraph", {"sbatch_args": "-p quick", "gpu_sbatch_args": "-p gpu", "poll": 30}
    )


def test_options_for_jobs_need_a_plugin_with_jobs() -> None:
    with pytest.raises(ResourceError, match="--gpu-sbatch-args is for jobs of SLURM"):
        choose_plugin(Scheduling(gpu_sbatch_args="-p gpu"))


@pytest.mark.parametrize(
    ("options", "args", "device"),
    [
        ({}, {}, "cpu"),
        ({}, {"gpu_sbatch_args": "-p gpu"}, "cuda"),
        ({"device": "cpu"}, {"gpu_sbatch_args": "-p gpu"}, "cpu"),
        ({"device": "cuda"}, {}, "cuda"),  # there is none where jobs are submitted
    ],
)
def test_the_submitting_computer_says_nothing_about_those_of_the_jobs(
    options: dict[str, str], args: dict[str, str], device: str
) -> None:
    asked = MachineRequest(**options)
    machine = choose_machine(asked, PluginChoice("SLURM", args), scans=10_000)
    assert machine.device == device
    assert machine.threads > 1
    assert choose_machine(replace(asked, omp_nthreads=7), PluginChoice("SLURM"), 1).threads == 7
