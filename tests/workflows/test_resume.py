"""What a second run remembers, and failures outside the processes of nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

from spineps_nipype.results.recipe import SCAN, Phase, Recipe
from spineps_nipype.workflows.engine.plugins import EXECUTION, NodeEvent, make_plugin
from spineps_nipype.workflows.nodes import follow

PLUGINS = ("MultiProc", "Linear")


def step(name: str, action: str, number: int, in_file: str, folder: str) -> str:
    """Add two numbers, or end in one of several ways; runs in a process without this module."""
    import os
    import signal
    import time
    from pathlib import Path

    from spineps_nipype.errors import InputError

    with Path(folder, "diary.txt").open("a") as stream:
        stream.write(f"{name}\n")
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "fail":
        raise InputError("It is 2-D.", file="a.nii", remedy="Export it again.")
    if action == "spend":
        held = bytearray(200_000_000)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(0.05)
    out_file = Path.cwd() / "sum.txt"
    out_file.write_text(str(number + (int(Path(in_file).read_text()) if in_file else 0)))
    return str(out_file)


class Bench:
    """Runs workflows of two scans in one folder and keeps the events."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.diary = folder, folder / "diary.txt"
        self.events: list[NodeEvent] = []

    def workflow(self, **actions: str) -> pe.Workflow:
        """Scans a and b, each of two nodes; the first node of a scan does its action."""
        whole = pe.Workflow(name="whole", base_dir=str(self.folder / "work"))
        for scan in ("a", "b"):
            part = pe.Workflow(name=scan)
            first, second = (
                pe.Node(Function(function=step, output_names=["out_file"]), name=name, mem_gb=0.1)
                for name in ("first", "second")
            )
            for node, number in ((first, 1), (second, 10)):
                node.inputs.trait_set(
                    name=f"{scan}.{node.name}", action="add", number=number, in_file=""
                )
                node.inputs.folder = str(self.folder)  # not the diary: nipype hashes files
            first.inputs.action = actions.get(scan, "add")
            part.connect(first, "out_file", second, "in_file")
            whole.add_nodes([part])
        return whole

    def run(
        self,
        plugin: str,
        change: Callable[[pe.Workflow], None] | None = None,
        **actions: str,
    ) -> bool:
        """Run it; whether all went well."""
        self.events.clear()
        self.diary.write_text("")
        workflow = self.workflow(**actions)
        if change is not None:
            change(workflow)
        workflow.config["execution"] = {
            **EXECUTION,
            "poll_sleep_duration": "0.02",
            "crashdump_dir": str(self.folder / "crash"),
        }
        made = make_plugin(plugin, nprocs=2, memory_gb=2, observe=self.events.append)
        try:
            workflow.run(plugin=made)
        except RuntimeError:
            return False
        return True

    def kinds(self) -> dict[str, str]:
        """Last event of each node, by scan and node."""
        return {".".join(e.node.split(".")[1:]): e.kind for e in self.events}

    def ran(self) -> list[str]:
        """Nodes that computed."""
        return self.diary.read_text().split()

    def result(self, scan: str) -> str:
        """What the last node of a scan wrote."""
        return (self.folder / "work" / "whole" / scan / "second" / "sum.txt").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_second_run_computes_nothing(bench: Bench, plugin: str) -> None:
    assert bench.run(plugin)
    assert bench.run(plugin)
    assert bench.ran() == []
    assert set(bench.kinds().values()) == {"cached"}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_after_a_failure_only_the_rest_runs(bench: Bench, plugin: str) -> None:
    assert not bench.run(plugin, a="kill" if plugin == "MultiProc" else "fail")
    assert bench.run(plugin)
    assert bench.ran() == ["a.first", "a.second"]
    assert bench.kinds()["b.second"] == "cached"
    assert bench.result("a") == "11"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_missing_input_of_a_node_is_a_failure_not_a_hang(bench: Bench, plugin: str) -> None:
    """The node fails before its folder exists; plain MultiProc waits for ever."""
    gone = bench.folder / "gone.txt"
    gone.write_text("1")

    def change(workflow: pe.Workflow) -> None:
        workflow.get_node("a.first").inputs.in_file = str(gone)
        gone.unlink()

    assert not bench.run(plugin, change)
    assert bench.kinds()["a.first"] == "failed"
    assert bench.kinds()["b.second"] == "done"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_node_of_the_run_itself_may_fail(bench: Bench, plugin: str) -> None:
    def change(workflow: pe.Workflow) -> None:
        workflow.get_node("a.first").run_without_submitting = True

    assert not bench.run(plugin, change, a="fail")
    assert bench.kinds() == {"a.first": "failed", "b.first": "done", "b.second": "done"}


def test_peak_memory_is_that_of_the_node(bench: Bench) -> None:
    assert bench.run("MultiProc", a="spend")
    peaks = {e.node: e.peak_gb or 0 for e in bench.events if e.kind == "done"}
    assert peaks["whole.a.first"] > peaks["whole.b.first"] + 0.15


def _damage(path: Path) -> None:
    path.write_text("12")


def _lose_seal(path: Path) -> None:
    (path.parent / "_files.json").unlink()


def _damage_seal(path: Path) -> None:
    (path.parent / "_files.json").write_text("[" * 100_000)


def _damage_result(path: Path) -> None:
    (path.parent / "result_first.pklz").write_bytes(b"\x1f\x8b")


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("spoil", [_damage, _lose_seal, _damage_seal, _damage_result])
def test_a_changed_file_in_the_work_folder_is_not_believed(
    bench: Bench, plugin: str, spoil: Callable[[Path], None]
) -> None:
    assert bench.run(plugin)
    made = bench.folder / "work" / "whole" / "a" / "first" / "sum.txt"
    spoil(made)
    assert bench.run(plugin)
    assert bench.ran() == ["a.first"], "with the same file again, the second node is remembered"
    assert bench.result("a") == "11"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_what_another_version_made_is_not_believed(bench: Bench, plugin: str) -> None:
    """The inputs of a node do not tell by which algorithm it computes; its recipe does."""

    def by(number: int) -> Callable[[pe.Workflow], None]:
        recipe = Recipe("any", (Phase("sum", makes=("out",), reads=(SCAN,), algorithm=number),))
        return lambda workflow: follow(workflow.get_node("a"), recipe, ())

    assert bench.run(plugin, by(1))
    assert bench.run(plugin, by(1))
    assert not bench.ran()
    assert bench.run(plugin, by(2))
    assert bench.ran() == ["a.first", "a.second"]
    assert bench.kinds()["b.second"] == "cached"
