"""Both plugins on a SLURM cluster of two nodes: everything that may befall a job."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from spineps_nipype.workflows.engine.plugins import EXECUTION, make_plugin
from spineps_nipype.workflows.engine.slurm import options
from spineps_nipype.workflows.engine.slurm.plugins import RobustSLURMGraphPlugin

# isort: split
from nipype.interfaces.utility import Function, IdentityInterface
from nipype.pipeline import engine as pe

from ..workflows.engine.test_plugins import add, fail, node, scan
from .slurm_cluster import SlurmCluster
from .slurm_lab import (
    MEMORY_GB,
    cancel_myself,
    kill_myself,
    left_in_queue,
    outlast_my_time,
    output,
    run,
    take_memory,
    total,
    wait_here,
    where,
)
from .slurm_programs import SlurmPrograms

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PLUGINS = ("SLURM", "SLURMGraph")
BOTH = pytest.mark.parametrize("plugin", PLUGINS)


@BOTH
def test_iterables_map_and_join(tmp_path: Path, slurm: SlurmPrograms, plugin: str) -> None:
    """A folder with spaces, and nobody's LOGNAME; one squeue a poll."""
    source = pe.Node(IdentityInterface(["subject"]), name="source")
    source.iterables = [("subject", [1, 2])]
    add_node = node(add, "add", b=10)
    add_node.plugin_args = {"sbatch_args": "--nice=1"}  # without a blank before it
    each = pe.MapNode(
        Function(function=add, output_names=["out"]), name="each", iterfield=["b"], mem_gb=0.1
    )
    each.inputs.b = [1, 2]
    join = pe.JoinNode(
        Function(function=total, output_names=["out"]),
        name="join",
        joinsource="source",
        joinfield="lists",
        mem_gb=0.1,
    )
    workflow = pe.Workflow(name="lab")
    workflow.connect(
        [
            (source, add_node, [("subject", "a")]),
            (add_node, each, [("out", "a")]),
            (each, join, [("out", "lists")]),
        ]
    )
    start = time.monotonic()
    result = run(tmp_path, workflow, plugin=plugin)
    assert result.error is None
    assert output(tmp_path, "lab.join") == 12 + 13 + 13 + 14  # it is there when run() is done
    jobs = len(slurm.calls("sbatch"))
    assert jobs == 2 + 2 * 3 + 1
    # One look at the beginning; then no more than one each 0.2 s, whatever is in the queue.
    assert len(slurm.calls("squeue")) <= 1 + (time.monotonic() - start) / 0.2
    assert left_in_queue() == []
    again = run(tmp_path, workflow, plugin=plugin)
    assert again.error is None
    assert len(slurm.calls("sbatch")) == jobs  # what is remembered is not submitted
    place = tmp_path / "a work folder" / "top" / "lab"
    (add_place,) = place.glob("*_subject_1/add")
    shutil.rmtree(add_place)
    assert run(tmp_path, workflow, plugin=plugin).error is None
    assert list(slurm.jobs(since=jobs)) == ["lab.add.a0"]  # what is gone, and nothing else


@BOTH
def test_gpu_memory_and_threads_reach_the_jobs(
    tmp_path: Path, slurm: SlurmPrograms, plugin: str
) -> None:
    """Two nodes with a GPU each: two jobs with a GPU run on different nodes."""
    scans = []
    for turn, gpu in enumerate((True, True, False)):
        one = node(where, "here", use_gpu=gpu, turn=turn)
        one.n_procs, one._mem_gb = 2, 0.5
        scans.append(pe.Workflow(name=f"s{turn}"))
        scans[-1].add_nodes([one])
    result = run(tmp_path, *scans, plugin=plugin)
    assert result.error is None
    first, second, third = (output(tmp_path, f"s{turn}.here") for turn in range(3))
    assert {first[0], second[0]} == {"n1", "n2"}
    assert first[1] == second[1] == "0"
    assert third[1] == "none"
    assert first[2:] == third[2:] == ["2", "477"]
    gres = {name: "--gres=gpu:1" in words for name, words in slurm.jobs().items()}
    assert gres == {"s0.here": True, "s1.here": True, "s2.here": False}


@BOTH
def test_jobs_that_die_are_failed_nodes(tmp_path: Path, slurm: SlurmPrograms, plugin: str) -> None:
    """Killed, cancelled, over memory or time, and failed by itself; the others go on."""
    hungry = scan("hungry", take_memory)
    result = run(
        tmp_path,
        scan("killed", kill_myself, add),
        scan("cancelled", cancel_myself, add),
        hungry,
        scan("late", outlast_my_time, add),
        scan("failed", fail, add),
        scan("well", add, add),
        plugin=plugin,
    )
    assert isinstance(result.error, RuntimeError)
    failed = {e.node.split(".")[1]: e for e in result.events if e.kind == "failed"}
    assert set(failed) == {"killed", "cancelled", "hungry", "late", "failed"}
    assert "ended as FAILED without a result" in failed["killed"].text
    assert "was cancelled. Run the same command again" in failed["cancelled"].text
    assert "It is not an image. [scan.nii]" in failed["failed"].text
    assert "memory (--mem=287M) did not suffice" in failed["hungry"].text
    assert "reached its time limit. Give jobs more time" in failed["late"].text
    assert "DUE TO TIME LIMIT" in failed["late"].text  # what SLURM itself wrote
    assert all(Path(event.crash_file).exists() for event in failed.values())
    assert {"well.first", "well.node0", "well.node1"} <= set(result.kinds("done"))
    assert not {"killed.node1", "cancelled.node1"} & set(result.kinds("start"))
    assert left_in_queue() == []
    corrected = run(tmp_path, scan("killed", add, add), scan("cancelled", add, add), plugin=plugin)
    assert corrected.error is None
    assert set(corrected.kinds("cached")) == {"killed.first", "cancelled.first"}


@BOTH
def test_a_job_that_dies_at_once_has_no_result(
    tmp_path: Path, slurm: SlurmPrograms, plugin: str
) -> None:
    """Nipype would hand back the result of the run before."""

    def one(number: int) -> pe.Workflow:
        workflow = scan("a", add)
        workflow.get_node("first").inputs.a = number
        return workflow

    assert run(tmp_path, one(1), plugin=plugin).error is None
    result = run(
        tmp_path, one(7), plugin=plugin, template="#!/bin/bash\necho my last words; exit 1"
    )
    assert result.kinds("failed") == ["a.first"]
    assert result.kinds("done") == []
    assert "my last words" in result.failure().text
    assert run(tmp_path, one(7), plugin=plugin).error is None
    assert output(tmp_path, "a.node0") == 7


@BOTH
@pytest.mark.parametrize("asked", ["--partition=nosuch", "--mem=9000G"])
def test_refused_jobs_are_failed_nodes(
    tmp_path: Path, slurm: SlurmPrograms, plugin: str, asked: str
) -> None:
    result = run(tmp_path, scan("a", add), plugin=plugin, sbatch_args=asked)
    assert result.kinds("failed") == ["a.first"]
    assert "SLURM refuses the job of the node top.a.first: sbatch: error:" in result.failure().text
    assert result.error is not None


@BOTH
def test_commands_that_fail_for_a_while(tmp_path: Path, slurm: SlurmPrograms, plugin: str) -> None:
    slurm.fail("sbatch", "sbatch: error: Batch job submission failed: Socket timed out")
    result = run(tmp_path, scan("a"), plugin=plugin)
    assert result.error is None
    assert slurm.failed("sbatch") == 1
    assert len(slurm.calls("sbatch")) == 2
    late = scan("b", wait_here)
    late.get_node("node0").inputs.seconds = 2
    thread = threading.Timer(
        1.0, slurm.fail, ("squeue", "slurm_load_jobs error: Socket timed out", 3)
    )
    thread.start()
    result = run(tmp_path, late, plugin=plugin)
    thread.join()
    assert slurm.failed("squeue") == 3
    assert result.error is None
    assert result.kinds("done") == ["b.first", "b.node0"]


def test_the_graph_without_any_options(
    tmp_path: Path, slurm: SlurmPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "POLL", 0.2)
    workflow = scan("a", add)
    workflow.base_dir = str(tmp_path / "a work folder")
    for name in workflow.list_node_names():
        workflow.get_node(name)._mem_gb = MEMORY_GB
    workflow.run(plugin=RobustSLURMGraphPlugin())
    assert len(slurm.calls("sbatch")) == 2
    assert (tmp_path / "a work folder" / "a" / "node0" / "result_node0.pklz").is_file()


def test_a_controller_that_is_away(
    tmp_path: Path, slurm: SlurmPrograms, slurm_cluster: SlurmCluster
) -> None:
    """It goes while a job runs, and is back when the job is done."""
    workflow = scan("a", wait_here, add)
    workflow.get_node("node0").inputs.seconds = 5
    events: list[str] = []

    def away() -> None:
        end = time.monotonic() + 60
        while not any("node0" in name for name in slurm.jobs()) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1.5)
        slurm_cluster.stop_controller()
        events.append("away")
        time.sleep(6)
        slurm_cluster.start_controller()
        events.append("back")

    thread = threading.Thread(target=away)
    thread.start()
    try:
        result = run(tmp_path, workflow, grace=10)
    finally:
        thread.join()
    assert events == ["away", "back"]
    assert result.error is None
    assert result.kinds("done") == ["a.first", "a.node0", "a.node1"]


def test_jobs_of_a_killed_run_are_ended_by_the_next(tmp_path: Path, slurm: SlurmPrograms) -> None:
    place = tmp_path / "a work folder" / "top" / "slurm_jobs" / "old"
    place.mkdir(parents=True)
    (place / "job.sh").write_text("#!/bin/bash\nsleep 60\n")
    subprocess.run(
        ["sbatch", "--mem=50M", "--output=/dev/null", f"--chdir={place}", str(place / "job.sh")],
        check=True,
        capture_output=True,
    )
    assert len(left_in_queue(1)) == 1
    assert run(tmp_path, scan("a")).error is None
    assert left_in_queue() == []


def test_an_interrupted_run_leaves_no_jobs(tmp_path: Path, slurm: SlurmPrograms) -> None:
    endless = scan("a", wait_here, add)
    endless.get_node("node0").inputs.seconds = 60

    top = pe.Workflow(name="top", base_dir=str(tmp_path / "work"))
    top.add_nodes([endless])
    top.config["execution"] = EXECUTION

    def stop() -> None:
        if any("node0" in name for name in slurm.jobs()):
            raise KeyboardInterrupt

    runner = make_plugin("SLURMGraph", nprocs=1, memory_gb=1, tick=stop, plugin_args={"poll": 0.2})
    with pytest.raises(KeyboardInterrupt):
        top.run(plugin=runner)
    assert left_in_queue() == []
