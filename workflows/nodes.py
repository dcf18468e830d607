"""How the graphs of all systems are put together: nodes, and results that nodes or files give."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype.results.plan import StoredResults
from spineps_nipype.results.recipe import Recipe

NODE_CONFIG: Final = {
    "execution": {
        # Without these two the cache believes time stamps, and forgets when a result is needed
        # in one more place.
        "hash_method": "content",
        "remove_unnecessary_outputs": "false",
    }
}
Source = tuple[pe.Node, str] | str
"""Output of a node, or a file that is there already."""


class Network(Protocol):
    """What a node has to know of a model package."""

    @property
    def folder(self) -> Path:
        """Where it lies."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides about its results."""


def node(interface: Any, name: str, *, mem_gb: float, **options: Any) -> pe.Node:
    """A node that tells inputs apart by content and keeps files that later nodes need."""
    made = pe.Node(interface, name=name, mem_gb=mem_gb, **options)
    made.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
    return made


def light_node(interface: Any, name: str) -> pe.Node:
    """A node that is not worth a process or a job of its own."""
    return node(interface, name, mem_gb=0.1, run_without_submitting=True)


def network_node(
    interface: Any,
    name: str,
    *,
    network: Network | None,
    device: str,
    threads: int,
    mem_gb: float,
) -> pe.Node:
    """A node that runs a network.

    Parameters
    ----------
    network
        Its package; None where the interface names its networks otherwise.
    device, threads
        Where it runs, and its processor threads.
    """
    on_gpu = device != "cpu"
    # MultiProc charges one GPU for each processor of a node that uses a GPU.
    made = node(interface, name, mem_gb=mem_gb, n_procs=1 if on_gpu else threads)
    made.inputs.trait_set(device=device, num_threads=threads, use_gpu=on_gpu)
    if network is not None:
        made.inputs.trait_set(model_dir=str(network.folder), model_digest=network.digest)
    return made


def search_with(made: pe.Node, scout: Network | None) -> None:
    """Give a node the package whose network finds the spine, if there is one."""
    if scout is not None:
        made.inputs.trait_set(scout_dir=str(scout.folder), scout_digest=scout.digest)


def connect(workflow: pe.Workflow, source: Source, target: pe.Node, field: str) -> None:
    """Feed an input from a node, or with a file."""
    if isinstance(source, str):
        setattr(target.inputs, field, source)
    else:
        workflow.connect(*source, target, field)


def follow(workflow: pe.Workflow, recipe: Recipe, overrides: Collection[str]) -> None:
    """Let a recipe say what the work folder may remember for the nodes of a whole graph.

    Results of other algorithms are forgotten; nodes of overridden phases run in any case.
    """
    algorithms = {phase.name: phase.algorithm for phase in recipe.phases}
    for name in workflow.list_node_names():
        workflow.get_node(name).algorithms = algorithms
    for phase in recipe.forced(overrides):
        for name in recipe[phase].nodes:
            forced = workflow.get_node(name)
            if forced is not None:
                forced.overwrite = True


class Graph:
    """A workflow from a scan to results; each result comes from a node or is a stored file.

    Parameters
    ----------
    name
        Name of the workflow.
    outputs
        Results that are its outputs.
    stored
        Results that are there already.
    inputs
        Its inputs.
    """

    def __init__(
        self,
        name: str,
        outputs: Sequence[str],
        stored: StoredResults | None = None,
        inputs: Sequence[str] = ("in_file",),
    ) -> None:
        self.workflow = pe.Workflow(name=name)
        self.stored = stored or StoredResults()
        self.outputs = frozenset(outputs)
        self.inputnode = pe.Node(IdentityInterface(fields=list(inputs)), name="inputnode")
        self.outputnode = pe.Node(IdentityInterface(fields=list(outputs)), name="outputnode")
        self.workflow.add_nodes([self.inputnode, self.outputnode])
        self.sources: dict[str, Source] = {n: str(p) for n, p in self.stored.files.items()}

    def add(self, made: pe.Node) -> pe.Node:
        """Add a node."""
        self.workflow.add_nodes([made])
        return made

    def feed(self, target: pe.Node, **fields: str) -> None:
        """Connect inputs of a node: field = name of a result."""
        for field, result in fields.items():
            connect(self.workflow, self.sources[result], target, field)

    def connect(self, source: pe.Node, output: str, target: pe.Node, field: str) -> None:
        """Connect two nodes."""
        self.workflow.connect(source, output, target, field)

    def gives(self, result: str, made: pe.Node, output: str) -> None:
        """State that an output of a node is a result."""
        self.sources[result] = (made, output)
        self.show(result)

    def show(self, result: str) -> None:
        """Make a result an output of the workflow, if it is one of them."""
        if result in self.outputs:
            connect(self.workflow, self.sources[result], self.outputnode, result)

    def take_stored(self, *results: str) -> bool:
        """Whether results are all stored; they are outputs of the workflow then."""
        if not self.stored.has(*results):
            return False
        for result in results:
            self.show(result)
        return True
