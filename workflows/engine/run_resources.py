"""What a run uses of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..options.run_options import AUTO, MachineRequest
from .available_resources import (
    MAX_THREADS,
    available_cpus,
    available_memory_gb,
    choose_device,
    threads_per_node,
)
from .plugin_choice import PluginChoice

CLUSTER_THREADS: Final = 4
"""Threads of a network in a job of its own."""
CLUSTER_MEMORY_GB: Final = 1000.0
"""Memory above which a scan is not even tried on a cluster, which knows its own limits [GB]."""


@dataclass(frozen=True)
class Machine:
    """Device, processors and memory of a run.

    Parameters
    ----------
    device
        Where networks run.
    nprocs
        Processors that all nodes together may use.
    threads
        Threads of a node with a network.
    memory_gb
        Memory that all nodes together may fill [GB].
    gpus
        Networks on the GPU at the same time.
    """

    device: str
    nprocs: int
    threads: int
    memory_gb: float
    gpus: int


def choose_machine(asked: MachineRequest, plugin: PluginChoice, scans: int) -> Machine:
    """What the command line says, else the plugin file, else what the machine gives.

    Raises
    ------
    ResourceError
        If a device is asked for that is not there.
    """
    if plugin.on_cluster:
        return _cluster(asked, plugin)
    device = choose_device(asked.device)
    nprocs = asked.nprocs or int(plugin.args.get("n_procs") or available_cpus())
    memory_gb = asked.mem_gb or float(plugin.args.get("memory_gb") or available_memory_gb())
    gpus = asked.gpu_procs or int(plugin.args.get("n_gpu_procs") or 1)
    if asked.low_mem:  # nodes run one by one, each with all processors
        threads = asked.omp_nthreads or min(nprocs, MAX_THREADS)
        return Machine(device, 1, threads, memory_gb, int(device != "cpu"))
    threads = asked.omp_nthreads or threads_per_node(nprocs, scans)
    return Machine(device, nprocs, threads, memory_gb, gpus if device != "cpu" else 0)


def _cluster(asked: MachineRequest, plugin: PluginChoice) -> Machine:
    """What each job may use; the computer that submits jobs says nothing about those they run on.

    A GPU is used where options for jobs on a GPU are given, or a device is asked for.
    """
    device = asked.device
    if device == AUTO:
        device = "cuda" if plugin.args.get("gpu_sbatch_args") else "cpu"
    return Machine(
        device,
        nprocs=available_cpus(),
        threads=asked.omp_nthreads or CLUSTER_THREADS,
        memory_gb=asked.mem_gb or CLUSTER_MEMORY_GB,
        gpus=0,
    )
