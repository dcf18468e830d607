"""Directive ``workflow``: runs Python code that builds ``wf``, and draws the graph of it.

The docstrings of builders use it. It needs neither Graphviz nor a network.
"""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar

import networkx as nx
from docutils import nodes
from docutils.parsers.rst import Directive, directives

from spineps_nipype.workflows.app.graph_picture import edges

CHARACTER, PAD, HEIGHT, ROW, GAP = 7.2, 16, 30, 62, 18
"""Width of a letter, room in a box, height of a box, distance of rows and of boxes [px]."""
STYLE = (
    ".graph text{font:12px ui-monospace,monospace;text-anchor:middle;dominant-baseline:middle;"
    "fill:#222}.graph rect{fill:#eef4fb;stroke:#4a7fb5}.graph .end{fill:#f4f4f4;stroke:#999}"
    ".graph path{fill:none;stroke:#888;stroke-width:1.2}"
)
"""For this picture alone: a style in a picture holds for the whole page, its icons too."""


class WorkflowGraph(Directive):
    """A drawn workflow."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "graph2use": directives.unchanged,
        "simple_form": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Build the workflow, and draw it."""
        space: dict[str, Any] = {}
        exec("\n".join(self.content), space)  # noqa: S102 - code of our own docstrings
        return [nodes.raw("", svg(space["wf"]), format="html")]


def svg(workflow: Any) -> str:
    """Picture of a workflow: nodes in the order in which they can run, from top to bottom."""
    prefix = f"{workflow.fullname}."
    graph = nx.DiGraph()
    for name in workflow.list_node_names():
        graph.add_node(name)
    for source, target in edges(workflow):
        graph.add_edge(source.removeprefix(prefix), target.removeprefix(prefix))
    rows = [list(row) for row in nx.topological_generations(graph)]
    place: dict[str, float] = {}
    for row in rows:  # near to what a node depends on
        row.sort(key=lambda n: sum(place[p] for p in graph.pred[n]) / max(len(graph.pred[n]), 1))
        place.update({name: (i + 0.5) / len(row) for i, name in enumerate(row)})
    widths = [sum(_width(n) + GAP for n in row) for row in rows]
    total = max(widths)
    boxes: dict[str, tuple[float, float]] = {}
    for level, (row, width) in enumerate(zip(rows, widths, strict=True)):
        x = (total - width) / 2
        for name in row:
            boxes[name] = (x + (_width(name) + GAP) / 2, ROW * level + HEIGHT / 2 + 4)
            x += _width(name) + GAP
    lines = [_arrow(boxes[a], boxes[b]) for a, b in graph.edges]
    lines += [_box(name, *boxes[name]) for name in boxes]
    height = ROW * (len(rows) - 1) + HEIGHT + 8
    total += _bow(height)
    return (
        '<div style="overflow-x:auto" tabindex="0">'
        f'<svg class="graph" role="img" aria-label="graph of {escape(workflow.name)}" '
        f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:.0f} {height:.0f}" '
        f'style="width:{total:.0f}px;max-width:none;background:#fff">'
        f"<style>{STYLE}</style>{''.join(lines)}</svg></div>"
    )


def _width(name: str) -> float:
    return CHARACTER * len(name) + PAD


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    y1, y2 = y1 + HEIGHT / 2, y2 - HEIGHT / 2
    middle = (y1 + y2) / 2
    if y2 - y1 > ROW:  # around the boxes in between
        side = max(x1, x2) + _bow(y2 - y1)
        bend = f"C{side:.1f} {y1:.1f} {side:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    else:
        bend = f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
    return f'<path d="M{x1:.1f} {y1:.1f}{bend}"/>'


def _bow(height: float) -> float:
    """How far an arrow over several rows swings to the side [px]."""
    return 40 + 0.25 * height


def _box(name: str, x: float, y: float) -> str:
    kind = ' class="end"' if name in ("inputnode", "outputnode") else ""
    width = _width(name)
    return (
        f'<rect{kind} x="{x - width / 2:.1f}" y="{y - HEIGHT / 2:.1f}" width="{width:.1f}" '
        f'height="{HEIGHT}" rx="6"/><text x="{x:.1f}" y="{y:.1f}">{escape(name)}</text>'
    )


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("workflow", WorkflowGraph)
    return {"parallel_read_safe": True}
