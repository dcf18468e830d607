"""Comparison of the systems that ran on one scan."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from nipype.pipeline import engine as pe

from spineps_nipype.interfaces import Consensus
from spineps_nipype.results.comparison_recipe import INPUTS, RECIPE

from .nodes import Graph, follow, node

MEMORY_GB: Final = 2.0


def init_consensus_wf(
    *,
    inputs: Collection[str] = INPUTS,
    overrides: Collection[str] = (),
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
    inputs
        Which of the inputs there are; all unless given.
    overrides
        Options of the recipe that make the comparison run even if the work folder holds it.
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
    graph = Graph(name, RECIPE.results, inputs=INPUTS)
    compare = graph.add(node(Consensus(), "compare", mem_gb=mem_gb))
    for field in INPUTS:
        if field in inputs:
            graph.connect(graph.inputnode, field, compare, field)
    for result in RECIPE.results:
        graph.gives(result, compare, result)
    follow(graph.workflow, RECIPE, overrides)
    return graph.workflow
