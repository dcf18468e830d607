"""The graph of a run as a file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import write_text

logger = logging.getLogger("spineps_nipype.run")

DRAWING_LIMIT: Final = 120.0
"""Longest time that Graphviz gets [s]."""


def write_graph(workflow: Any, folder: Path, name: str = "graph") -> Path:
    """Write the graph of a workflow as ``.dot``, and as ``.svg`` where Graphviz is installed.

    Parameters
    ----------
    workflow
        A Nipype workflow.
    folder, name
        Where the files go, and what they are called.

    Returns
    -------
    Path
        The picture, or the text where there is no picture.
    """
    import shutil
    import subprocess

    text, picture = folder / f"{name}.dot", folder / f"{name}.svg"
    # nipype itself calls Graphviz through a shell, and says nothing when it is absent.
    write_text(text, dot_text(workflow))
    program = shutil.which("dot")
    if program is None:
        logger.warning("Graphviz (dot) is not installed: the graph of the run is text, %s", text)
        return text
    try:
        done = subprocess.run(
            [program, "-Tsvg", str(text), "-o", str(picture)],
            capture_output=True,
            text=True,
            timeout=DRAWING_LIMIT,
        )
    except subprocess.TimeoutExpired:
        logger.warning("Graphviz took over %.0f s: the graph is text, %s", DRAWING_LIMIT, text)
        return text
    if done.returncode:
        logger.warning("Graphviz could not draw the graph of the run: %s", done.stderr.strip())
        return text
    return picture


def dot_text(workflow: Any) -> str:
    """Graph of a workflow in the language of Graphviz: a box for each sub-workflow."""
    lines = ["digraph run {", "rankdir=TB; node [shape=box, style=rounded, fontname=Helvetica];"]
    lines += _nodes(workflow, "")
    lines += [f'"{a}" -> "{b}";' for a, b in edges(workflow)]
    return "\n".join([*lines, "}"]) + "\n"


def edges(workflow: Any) -> list[tuple[str, str]]:
    """Full names of connected nodes, through the boundaries of sub-workflows."""
    from nipype.pipeline.engine import Workflow

    found: set[tuple[str, str]] = set()
    for source, target, data in workflow._graph.edges(data=True):
        for output, field in data["connect"]:
            output = output[0] if isinstance(output, tuple) else output
            start, end = str(source.fullname), str(target.fullname)
            if isinstance(source, Workflow):
                start += "." + output.rpartition(".")[0]
            if isinstance(target, Workflow):
                end += "." + field.rpartition(".")[0]
            found.add((start, end))
    for node in workflow._graph.nodes():
        if isinstance(node, Workflow):
            found.update(edges(node))
    return sorted(found)


def _nodes(workflow: Any, indent: str) -> list[str]:
    from nipype.pipeline.engine import Workflow

    lines: list[str] = []
    for node in sorted(workflow._graph.nodes(), key=lambda n: str(n.fullname)):
        if isinstance(node, Workflow):
            lines.append(f'{indent}subgraph "cluster_{node.fullname}" {{ label="{node.name}";')
            lines += _nodes(node, indent + " ")
            lines.append(f"{indent}}}")
        else:
            lines.append(f'{indent}"{node.fullname}" [label="{node.name}"];')
    return lines
