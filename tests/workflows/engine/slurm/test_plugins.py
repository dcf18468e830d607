"""Both plugins on a cluster in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.errors import ResourceError
from spineps_nipype.workflows.engine.plugins import EXECUTION, make_plugin
from spineps_nipype.workflows.engine.slurm import plugins

# isort: split
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

from ..test_plugins import Result, add, fail, node, read, scan, watched, write
from .cluster import Cluster, refused

PLUGINS = ("SLURM", "SLURMGraph")
Run = Callable[..., Result]


@pytest.fixture(params=PLUGINS)
def run(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.setattr(plugins, "check_programs", lambda: None)
    name = request.param

    def execute(*scans: pe.Workflow, plugin: str = name, **plugin_args: Any) -> Result:
        top = pe.Workflow(name="top", base_dir=str(tmp_path / "work"))
        top.add_nodes(list(scans))
        top.config["execution"] = {
            **EXECUTION,
            "crashdump_dir": str(tmp_path / "crash"),
            "job_finished_timeout": "0.2",
        }
        args = {"poll": 0.01, **plugin_args}
        return watched(top, plugin, nprocs=1, memory_gb=1, plugin_args=args)

    return execute


def test_all_is_well(run: Run, cluster: Cluster) -> None:
    result = run(scan("a", add), scan("b", add))
    assert result.error is None
    every = ["a.first", "a.node0", "b.first", "b.node0"]
    assert result.kinds("done") == result.kinds("queued") == result.kinds("start") == every
    assert all(event.job for event in result.events if event.kind == "start")
    again = run(scan("a", add), scan("b", add))
    assert again.kinds("cached") == every
    assert len(cluster.submitted) == 4


def test_the_graph_is_handed_over_at_once(run: Run, cluster: Cluster) -> None:
    run(scan("a", add, add), plugin="SLURMGraph")
    dependent = [word for words in cluster.submitted for word in words if "dependency" in word]
    assert dependent == ["--dependency=afterok:1", "--dependency=afterok:2"]
    assert all("--kill-on-invalid-dep=yes" in words for words in cluster.submitted[1:])


def test_only_what_computes_is_submitted(run: Run, cluster: Cluster, tmp_path: Path) -> None:
    doing = scan("a", write, read)
    doing.get_node("node1").run_without_submitting = True
    result = run(doing)
    assert result.error is None
    assert len(cluster.submitted) == 2
    assert result.kinds("done") == ["a.first", "a.node0", "a.node1"]


def test_what_comes_after_a_node_of_this_process_waits_for_it(run: Run, cluster: Cluster) -> None:
    doing = scan("a", add, add)
    doing.get_node("node0").run_without_submitting = True
    result = run(doing)
    assert result.error is None
    assert len(cluster.submitted) == 2
    assert not [word for words in cluster.submitted for word in words if "dependency" in word]


def test_a_failing_node_stops_only_what_depends_on_it(run: Run) -> None:
    result = run(scan("a", fail, add), scan("b", add, add))
    assert isinstance(result.error, RuntimeError)
    assert result.kinds("failed") == ["a.node0"]
    assert {"a.first", "b.first", "b.node0", "b.node1"} == set(result.kinds("done"))
    event = result.failure()
    assert "It is not an image. [scan.nii]" in event.text
    assert "It is not an image." in Path(event.crash_file).read_text()


def test_a_failing_node_of_this_process_is_reported(run: Run) -> None:
    doing = scan("a", fail)
    doing.get_node("node0").run_without_submitting = True
    result = run(doing)
    assert result.error is not None
    assert result.kinds("failed") == ["a.node0"]


@pytest.mark.parametrize("state", ["CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "FAILED"])
def test_a_job_that_dies_is_one_failed_node(run: Run, cluster: Cluster, state: str) -> None:
    cluster.ends = {"a.node1": state}
    result = run(scan("a", add, add, add), scan("b", add, add))
    assert result.kinds("failed") == ["a.node1"]
    assert {"b.node0", "b.node1"} <= set(result.kinds("done"))
    assert "a.node2" not in result.kinds("start")
    cluster.ends = {}
    later = run(scan("a", add, add, add), scan("b", add, add))
    assert later.error is None
    assert later.kinds("done") == ["a.node1", "a.node2"]


def test_a_job_that_dies_leaves_no_result_of_another_run(run: Run, cluster: Cluster) -> None:
    def chain(number: int) -> pe.Workflow:
        made = scan("a", add)
        made.get_node("first").inputs.a = number
        return made

    assert run(chain(1)).error is None
    cluster.ends = {"first": "FAILED"}
    result = run(chain(7))
    assert result.kinds("failed") == ["a.first"]
    assert result.kinds("done") == []
    cluster.ends = {}
    again = run(chain(7))
    assert again.error is None
    assert again.kinds("done") == ["a.first", "a.node0"]


def test_refused_jobs_are_failed_nodes(run: Run, cluster: Cluster) -> None:
    cluster.refusals = [refused("invalid partition")] * 100
    result = run(scan("a", add), scan("b", add))
    assert result.kinds("failed") == ["a.first", "b.first"]
    assert cluster.submitted == []


def test_items_of_a_map_are_jobs(run: Run, cluster: Cluster) -> None:
    each = pe.MapNode(
        Function(function=add, output_names=["out"]), name="each", iterfield=["b"], mem_gb=0.1
    )
    each.inputs.trait_set(a=1, b=[1, 2, 3])
    workflow = pe.Workflow(name="a")
    total = node(total_of, "total")
    workflow.connect(each, "out", total, "numbers")
    result = run(workflow)
    assert result.error is None
    assert len(cluster.submitted) == 5  # the items, what gathers them, and the sum
    assert "a.total" in result.kinds("done")


def total_of(numbers: list[int]) -> int:
    return sum(numbers)


def test_no_more_jobs_than_asked_for(run: Run, cluster: Cluster) -> None:
    cluster.ends = {"": "TIMEOUT"}
    result = run(*(scan(name) for name in "abcdef"), plugin="SLURM", max_jobs=2)
    assert len(result.kinds("failed")) == 6
    waiting = 0
    for event in result.events:
        waiting += {"queued": 1, "failed": -1}.get(event.kind, 0)
        assert waiting <= 2


def test_without_slurm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    top = pe.Workflow(name="top", base_dir=str(tmp_path))
    top.add_nodes([scan("a")])
    with pytest.raises(ResourceError, match="sbatch of SLURM is not on this computer"):
        top.run(plugin=make_plugin("SLURM", nprocs=1, memory_gb=1))
