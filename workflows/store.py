"""Results of a system beside SPINEPS: described, and stored as soon as they are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nipype.pipeline import engine as pe

from spineps_nipype.interfaces import PrepareDerivatives, SaveDerivatives
from spineps_nipype.interfaces.derivatives import has_sidecar
from spineps_nipype.results.plan import sidecar_of

from .spineps import NODE_CONFIG

Source = tuple[pe.Node, str] | str
"""Output of a node, or a file that is there already."""


@dataclass(frozen=True)
class Description:
    """What sidecars say.

    Parameters
    ----------
    record
        How the results are made: settings and models.
    metadata
        Further entries.
    """

    record: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


def add_store(
    workflow: pe.Workflow,
    results: Mapping[str, Source],
    paths: Mapping[str, Path],
    *,
    scan: Source,
    description: Description,
    name: str,
) -> pe.Node:
    """Store results, each with a sidecar if its kind has one.

    Parameters
    ----------
    results
        Where each result comes from.
    paths
        Where it goes.
    scan
        The scan that they are made from.
    description
        Content of the sidecars.
    name
        Ends the names of the nodes.

    Returns
    -------
    pipeline.Node
        The node that stores; its output is ``out_files``.
    """
    prepare = _node(
        PrepareDerivatives(
            products=list(results),
            sources=["scan"],
            record=dict(description.record),
            metadata=dict(description.metadata),
        ),
        f"prepare_{name}",
    )
    targets: list[str] = []
    for result in results:
        targets.append(str(paths[result]))
        if has_sidecar(paths[result]):
            targets.append(str(sidecar_of(paths[result])))
    save = _node(SaveDerivatives(out_paths=targets), f"save_{name}")
    for target, source in {**results, "source_scan": scan}.items():
        connect(workflow, source, prepare, target)
    workflow.connect(prepare, "out_files", save, "in_files")
    return save


def connect(workflow: pe.Workflow, source: Source, node: pe.Node, target: str) -> None:
    """Feed an input from a node, or with a file."""
    if isinstance(source, str):
        setattr(node.inputs, target, source)
    else:
        workflow.connect(*source, node, target)


def _node(interface: Any, name: str) -> pe.Node:
    node = pe.Node(interface, name=name, run_without_submitting=True, mem_gb=0.1)
    node.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
    return node
