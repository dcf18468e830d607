"""Comparison of the systems that ran on one scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype.interfaces import Consensus

from .spineps import NODE_CONFIG
from .store import Description, Source, add_store

INPUTS: Final = (
    "spineps_vert",
    "spineps_spine",
    "totalspineseg",
    "totalspineseg_step1",
    "spine_segmentation",
)
RESULTS: Final = ("structures", "names", "summary")
MEMORY_GB: Final = 2.0


def init_consensus_wf(
    *,
    files: Mapping[str, Path] | None = None,
    in_file: str | Path | None = None,
    paths: Mapping[str, Path] | None = None,
    description: Description | None = None,
    mem_gb: float = MEMORY_GB,
    name: str = "consensus_wf",
) -> pe.Workflow:
    """Compare results of two or more systems on a scan in canonical names.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from spineps_nipype.workflows.consensus import init_consensus_wf
            wf = init_consensus_wf()

    Parameters
    ----------
    files
        Results by input, if they are known already.
    in_file
        The scan that they are made from; needed to store the comparison.
    paths
        Where the tables are stored; without them nothing is stored.
    description
        Content of the record in ``summary``.
    mem_gb
        Memory of the comparison.
    name
        Name of the workflow.

    Inputs
    ------
    spineps_vert, spineps_spine, totalspineseg, totalspineseg_step1, spine_segmentation
        Label maps; two systems at least.

    Outputs
    -------
    structures, names, summary
        Tables of overlap and of names, and the line for the checks.
    """
    workflow = pe.Workflow(name=name)
    inputnode = pe.Node(IdentityInterface(fields=["scan", *INPUTS]), name="inputnode")
    outputnode = pe.Node(IdentityInterface(fields=list(RESULTS)), name="outputnode")
    compare = pe.Node(Consensus(), name="compare", mem_gb=mem_gb)
    compare.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
    workflow.add_nodes([inputnode])
    if in_file is not None:
        inputnode.inputs.scan = str(in_file)
    for field in INPUTS if files is None else files:
        workflow.connect(inputnode, field, compare, field)
    for field, path in (files or {}).items():
        setattr(inputnode.inputs, field, str(path))
    for result in RESULTS:
        workflow.connect(compare, result, outputnode, result)
    if paths is not None:
        results: dict[str, Source] = {result: (compare, result) for result in RESULTS}
        add_store(
            workflow,
            results,
            paths,
            scan=(inputnode, "scan"),
            description=description or Description(),
            name="tables",
        )
    return workflow
