"""What a node costs beside its own work, under each plugin.

    python benchmarks/slurm_overhead.py [--wide 24] [--chain 8] [--poll 1]

Brings up the throw-away cluster of the tests (two nodes; needs slurm-wlm, munge and root), and
runs nodes that do nothing: many side by side, and some one after another. Prints a table with
the time that passes, the processor time of the run itself (with the commands of SLURM that it
calls), and that of a job, which is the start of Python and its imports.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from spineps_nipype.workflows.engine.plugins import EXECUTION, make_plugin
from tests.e2e.slurm_cluster import SlurmCluster, why_not

# isort: split
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe
from nipype.utils.filemanip import loadpkl

PLUGINS: Final = ("MultiProc", "SLURM", "SLURMGraph")


def nothing(before: float = 0, turn: int = 0) -> float:  # noqa: ARG001 - they make nodes differ
    """Processor time of this process so far [s]; the body of each node."""
    import time

    return time.process_time()


def graph(folder: Path, count: int, chain: bool) -> pe.Workflow:
    """Nodes that do nothing, side by side or one after another."""
    workflow = pe.Workflow(name="top", base_dir=str(folder))
    workflow.config["execution"] = {**EXECUTION, "crashdump_dir": str(folder)}
    nodes = []
    for turn in range(count):
        made = Function(function=nothing, output_names=["out"])
        nodes.append(pe.Node(made, name=f"n{turn}", mem_gb=0.3))
        nodes[-1].inputs.turn = turn
    workflow.add_nodes(nodes)
    for first, second in zip(nodes, nodes[1:] if chain else [], strict=False):
        workflow.connect(first, "out", second, "before")
    return workflow


def _processor_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(plugin: str, count: int, chain: bool, poll: float) -> tuple[float, float, float]:
    """Time that passes, processor time of the run, and of a job, for each node [s]."""
    with tempfile.TemporaryDirectory() as folder:
        workflow = graph(Path(folder), count, chain)
        args = {"poll": poll} if plugin.startswith("SLURM") else {}
        runner = make_plugin(plugin, nprocs=2, memory_gb=4, plugin_args=args)
        start, used = time.monotonic(), _processor_time()
        workflow.run(plugin=runner)
        passed, used = time.monotonic() - start, _processor_time() - used
        results = Path(folder).rglob("result_*.pklz")
        jobs = [loadpkl(path).outputs.out for path in results]
    assert len(jobs) == count, f"{len(jobs)} of {count} nodes have a result"
    return passed / count, used / count, statistics.median(jobs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wide", type=int, default=24, help="nodes side by side")
    parser.add_argument("--chain", type=int, default=8, help="nodes one after another")
    parser.add_argument("--poll", type=float, default=1.0, help="looks at the queue [s]")
    arguments = parser.parse_args()
    if reason := why_not():
        sys.exit(reason)
    logging.disable(logging.INFO)
    cluster = SlurmCluster()
    os.environ["SLURM_CONF"] = str(cluster.configuration)
    try:
        cluster.start()
        print("| plugin | nodes | time for each | processor, run | processor, job |")
        print("|---|---|---|---|---|")
        for plugin in PLUGINS:
            for count, chain in ((arguments.wide, False), (arguments.chain, True)):
                passed, run, job = measure(plugin, count, chain, arguments.poll)
                shape = f"{count} {'one after another' if chain else 'side by side'}"
                print(
                    f"| {plugin} | {shape} | {passed:.2f} s | {run * 1000:.0f} ms | {job:.2f} s |"
                )
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
