"""Small workflows as jobs of a SLURM cluster, and what their nodes do there."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from spineps_nipype.workflows.engine.plugins import EXECUTION

# isort: split
from nipype.pipeline import engine as pe

from ..workflows.engine.test_plugins import Result, watched

MEMORY_GB = 0.3
"""For each job; the throw-away cluster counts shared memory of parent and child twice."""


def cancel_myself(a: int) -> int:
    import os
    import subprocess
    import time

    subprocess.run(["scancel", os.environ["SLURM_JOB_ID"]], check=True)
    time.sleep(60)
    return a


def kill_myself(a: int) -> int:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
    return a


def take_memory(a: int) -> int:
    import time

    block = bytearray(600 << 20)
    time.sleep(60)
    return a + len(block)


def outlast_my_time(a: int) -> int:
    """The controller ends a job at its limit, which is now."""
    import os
    import subprocess
    import time

    job = f"JobId={os.environ['SLURM_JOB_ID']}"
    subprocess.run(["scontrol", "update", job, "TimeLimit=0"], check=True)
    time.sleep(120)
    return a


def wait_here(a: int, seconds: float = 0) -> int:
    import time

    time.sleep(seconds)
    return a


def where(use_gpu: bool, turn: int = 0) -> list[str]:
    """Name of the node, its GPU, and what the job was given."""
    import os
    import socket
    import time

    time.sleep(1.5)  # so that the jobs meet
    given = ("CUDA_VISIBLE_DEVICES", "SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_NODE")
    return [socket.gethostname(), *(os.environ.get(name, "none") for name in given)]


def total(lists: list[list[int]]) -> int:
    return sum(sum(numbers) for numbers in lists)


def run(
    folder: Path, *scans: pe.Workflow, plugin: str = "SLURM", grace: float = 2, **args: Any
) -> Result:
    """Run scans one beside another in a work folder with spaces in its name."""
    top = pe.Workflow(name="top", base_dir=str(folder / "a work folder"))
    top.add_nodes(list(scans))
    for name in top.list_node_names():
        one = top.get_node(name)
        one._mem_gb = max(MEMORY_GB, one._mem_gb)
    top.config["execution"] = {
        **EXECUTION,
        "crashdump_dir": str(folder / "crash"),
        "job_finished_timeout": str(grace),
    }
    return watched(top, plugin, nprocs=1, memory_gb=1, plugin_args={"poll": 0.2, **args})


def output(folder: Path, name: str) -> Any:
    """What a node of the latest run has put out."""
    from nipype.utils.filemanip import loadpkl

    place = folder / "a work folder" / "top" / name.replace(".", "/")
    return loadpkl(place / f"result_{place.name}.pklz").outputs.out


def left_in_queue(wanted: int = 0) -> list[str]:
    """Jobs in the queue, after those that end have had time to leave it."""
    end = time.monotonic() + 30
    while True:
        done = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True)
        lines = done.stdout.splitlines()
        if len(lines) <= wanted or time.monotonic() > end:
            return lines
        time.sleep(0.2)
