"""Plugins: failing, killed and vanished nodes on small graphs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.workflows.engine.plugins import EXECUTION, NodeEvent, make_plugin

# isort: split
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

PLUGINS = ("MultiProc", "Linear")


def add(a: int, b: int = 0, delay: float = 0) -> int:
    import time

    time.sleep(delay)
    return a + b


def fail(a: int) -> int:
    from spineps_nipype.errors import InputError

    raise InputError("It is not an image.", file="scan.nii", remedy="Export it again.")


def die(a: int, number: int = 9) -> int:
    import os

    os.kill(os.getpid(), number)
    return a


def leave(a: int) -> int:
    import os

    os._exit(7)


def write(a: int) -> str:
    from pathlib import Path

    path = Path.cwd() / "out.txt"
    path.write_text(str(a))
    return str(path)


def read(path: str) -> int:
    from pathlib import Path

    return int(Path(path).read_text())


def node(function: object, name: str, **inputs: object) -> pe.Node:
    made = pe.Node(Function(function=function, output_names=["out"]), name=name, mem_gb=0.1)
    made.inputs.trait_set(**inputs)
    return made


def scan(name: str, *functions: object, delay: float = 0) -> pe.Workflow:
    """Chain of nodes that hand a number on."""
    workflow = pe.Workflow(name=name)
    last = node(add, "first", a=1, delay=delay)
    workflow.add_nodes([last])
    for place, function in enumerate(functions):
        following = node(function, f"node{place}")
        workflow.connect(last, "out", following, "path" if function is read else "a")
        last = following
    return workflow


class Result:
    def __init__(self) -> None:
        self.events: list[NodeEvent] = []
        self.error: Exception | None = None

    def kinds(self, kind: str) -> list[str]:
        return sorted(e.node.partition(".")[2] for e in self.events if e.kind == kind)

    def failure(self) -> NodeEvent:
        (event,) = (e for e in self.events if e.kind == "failed")
        return event


def run(
    folder: Path, *scans: pe.Workflow, plugin: str = "MultiProc", nprocs: int = 2, **execution: str
) -> Result:
    top = pe.Workflow(name="top", base_dir=str(folder / "work"))
    top.add_nodes(list(scans))
    top.config["execution"] = {**EXECUTION, "crashdump_dir": str(folder / "crash"), **execution}
    return watched(top, plugin, nprocs=nprocs, memory_gb=4, worker_log=folder / "workers.log")


def watched(top: pe.Workflow, plugin: str, **options: Any) -> Result:
    """Run a workflow under a plugin: what happened, and what was raised."""
    result = Result()
    runner = make_plugin(plugin, observe=result.events.append, **options)
    try:
        top.run(plugin=runner)
    except Exception as error:
        result.error = error
    return result


@pytest.mark.parametrize("plugin", PLUGINS)
def test_all_is_well(tmp_path: Path, plugin: str) -> None:
    result = run(tmp_path, scan("a", add), scan("b", add), plugin=plugin)
    assert result.error is None
    assert result.kinds("done") == ["a.first", "a.node0", "b.first", "b.node0"]
    assert result.kinds("start") == result.kinds("done")
    assert all(0.01 < e.peak_gb < 20 for e in result.events if e.kind == "done")
    again = run(tmp_path, scan("a", add), scan("b", add), plugin=plugin)
    assert again.kinds("cached") == result.kinds("done")
    assert not again.kinds("done")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_failing_node_stops_only_what_depends_on_it(tmp_path: Path, plugin: str) -> None:
    result = run(tmp_path, scan("a", fail, add), scan("b", add, add), plugin=plugin)
    assert isinstance(result.error, RuntimeError)
    assert result.kinds("failed") == ["a.node0"]
    assert result.kinds("done") == ["a.first", "b.first", "b.node0", "b.node1"]
    event = result.failure()
    assert "spineps_nipype.errors.InputError: It is not an image. [scan.nii]" in event.text
    assert "It is not an image." in Path(event.crash_file).read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_node_is_one_failed_node(tmp_path: Path, number: int) -> None:
    """Nodes that run at the same time go on; nothing hangs."""
    doomed = scan("a", add, die, add)
    doomed.get_node("node1").inputs.number = int(number)
    start = time.monotonic()
    result = run(tmp_path, doomed, scan("b", add, add, delay=1.0), scan("c", add))
    assert time.monotonic() - start < 60
    assert result.kinds("failed") == ["a.node1"]
    assert {"b.node1", "c.node0"} <= set(result.kinds("done"))
    assert "a.node2" not in result.kinds("start")
    assert f"was killed ({number.name})" in result.failure().text
    # Without the fault the run goes on from what was finished.
    later = run(tmp_path, scan("a", add, add, add), scan("b", add, add, delay=1.0), scan("c", add))
    assert later.error is None
    assert later.kinds("done") == ["a.node1", "a.node2"]


def kill_server(a: int) -> int:
    """End the server that all processes of the run are forked from."""
    import os
    import time

    os.kill(os.getppid(), 9)
    time.sleep(30)
    return a


def test_a_run_outlives_the_server_of_its_processes(tmp_path: Path) -> None:
    """Nodes that ran on it fail; the others run on a new one, and nothing hangs."""
    result = run(tmp_path, scan("a", kill_server, add), scan("b", add, add), nprocs=1)
    assert result.kinds("failed") == ["a.node0"]
    assert "no result" in result.failure().text
    assert {"b.first", "b.node0", "b.node1"} <= set(result.kinds("done"))


def test_a_node_that_leaves_is_a_failed_node(tmp_path: Path) -> None:
    result = run(tmp_path, scan("a", leave), scan("b", add))
    assert "ended with status 7 and no result" in result.failure().text
    assert "b.node0" in result.kinds("done")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_vanished_result_is_made_again(tmp_path: Path, plugin: str) -> None:
    assert run(tmp_path, scan("a", write, read), plugin=plugin).error is None
    (tmp_path / "work" / "top" / "a" / "node0" / "out.txt").unlink()
    result = run(tmp_path, scan("a", write, read), plugin=plugin)
    assert result.error is None
    assert "a.node0" in result.kinds("done")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_crash_files_that_cannot_be_written_end_nothing(tmp_path: Path, plugin: str) -> None:
    (tmp_path / "crash").write_text("a file where the folder should be")
    result = run(tmp_path, scan("a", fail), scan("b", add), plugin=plugin)
    assert result.kinds("failed") == ["a.node0"]
    assert result.failure().crash_file == ""
    assert "b.node0" in result.kinds("done")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_stop_on_first_crash(tmp_path: Path, plugin: str) -> None:
    result = run(
        tmp_path,
        scan("a", fail),
        scan("b", add, add, add, delay=2.0),
        plugin=plugin,
        stop_on_first_crash="true",
    )
    assert result.error is not None
    assert result.kinds("failed") == ["a.node0"]
    assert "b.node2" not in result.kinds("done")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_scans_finish_one_by_one(tmp_path: Path, plugin: str) -> None:
    scans = [scan(name, add, add) for name in ("a", "b", "c")]
    result = run(tmp_path, *scans, plugin=plugin, nprocs=1)
    done = [e.node.split(".")[1] for e in result.events if e.kind == "done"]
    assert done == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


def test_a_node_larger_than_the_machine_runs_alone(tmp_path: Path) -> None:
    large = scan("a", add)
    large.get_node("node0")._mem_gb = 1000
    large.get_node("node0").n_procs = 64
    assert run(tmp_path, large).error is None


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nodes_end_with_a_killed_run(tmp_path: Path) -> None:
    """A killed run leaves no process behind that writes into the work folder."""
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from pathlib import Path\n"
        "from tests.workflows.engine.test_plugins import run, scan, add, node\n"
        "import nipype.pipeline.engine as pe\n"
        "def busy(a):\n"
        "    import os, time\n"
        "    from pathlib import Path\n"
        f"    Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "def main():\n"
        "    wf = pe.Workflow(name='a')\n"
        "    wf.add_nodes([node(busy, 'busy', a=1)])\n"
        f"    run(Path({str(tmp_path)!r}), wf)\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script)])
    pid_file = tmp_path / "pid"
    _wait_until(lambda: pid_file.exists() and pid_file.read_text(), 60)
    worker = int(pid_file.read_text())
    process.kill()
    process.wait()
    _wait_until(lambda: not _alive(worker), 10)


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _wait_until(condition: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_no_version_is_asked_for() -> None:
    assert os.environ["NIPYPE_NO_ET"] == "1"
