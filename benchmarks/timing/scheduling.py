"""A run of scans whose nodes do nothing: what remains is the cost of the run itself.

python benchmarks/timing/scheduling.py FOLDER SCANS
"""

from __future__ import annotations

import io
import logging
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

from spineps_nipype.workflows.engine.plugins import EXECUTION, make_plugin
from spineps_nipype.workflows.engine.progress import Progress
from spineps_nipype.workflows.nodes import light_node

NODES: Final = 4
"""Nodes of a scan, one after another."""


def hand_on(value: int) -> int:
    """Do nothing."""
    return value


def run_nothing(folder: Path, scans: int) -> None:
    """Run so many scans whose nodes do nothing, in the process of the run.

    Raises
    ------
    RuntimeError
        If a scan did not finish.
    """
    shutil.rmtree(folder, ignore_errors=True)
    run = pe.Workflow(name="run", base_dir=str(folder))
    for number in range(scans):
        scan = pe.Workflow(name=f"scan{number:05d}")
        nodes = [
            light_node(
                Function(function=hand_on, input_names=["value"], output_names=["value"]),
                f"node{place}",
            )
            for place in range(NODES)
        ]
        nodes[0].inputs.value = number
        scan.add_nodes(nodes)
        for before, after in pairwise(nodes):
            scan.connect(before, "value", after, "value")
        run.add_nodes([scan])
    run.config["execution"] = {**EXECUTION, "crashdump_dir": str(folder)}
    names = [f"scan{number:05d}" for number in range(scans)]
    progress = Progress(
        {name: (name, [f"run.{name}.node{place}" for place in range(NODES)]) for name in names},
        folder.with_suffix(".jsonl"),
        stream=io.StringIO(),
    )
    # Processes of their own would need a server, whose imports are no cost of a scan.
    plugin = make_plugin(
        "MultiProc",
        nprocs=1,
        memory_gb=1,
        observe=progress,
        tick=progress.tick,
        plugin_args={"mp_context": "spawn"},
    )
    run.run(plugin=plugin)
    if progress.counts != (scans, 0, 0):
        raise RuntimeError(f"of {scans} scans {progress.counts} are done, running and failed")


if __name__ == "__main__":
    for name in ("nipype", "nipype.workflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    run_nothing(Path(sys.argv[1]), int(sys.argv[2]))
