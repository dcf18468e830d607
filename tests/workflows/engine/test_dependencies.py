"""What waits for what, beside the sparse matrix of nipype."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from nipype.pipeline.plugins.base import _graph_to_lil_matrix

from spineps_nipype.workflows.engine.dependencies import Dependencies


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_same_nodes_are_ready_as_by_the_matrix(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    graph = nx.DiGraph()
    nodes = [f"node{i}" for i in range(count)]
    graph.add_nodes_from(nodes)
    for later in range(count):
        graph.add_edges_from(
            (nodes[i], nodes[later]) for i in range(later) if random.random() < 0.4
        )
    ours, theirs = Dependencies(graph, nodes), _graph_to_lil_matrix(graph, nodelist=nodes)
    assert ours.shape == theirs.shape
    done = np.zeros(count, dtype=bool)
    while not done.all():
        # As the plugins of nipype ask.
        ready = np.nonzero(~done & (ours.sum(0) == 0))[1]
        expected = np.nonzero(~done & (theirs.sum(0) == 0))[1]
        np.testing.assert_array_equal(ready, expected)
        flat = np.flatnonzero(~done & (ours.sum(axis=0) == 0).__array__())
        np.testing.assert_array_equal(flat, expected)
        job = int(random.choice(ready))
        done[job] = True
        for matrix in (ours, theirs):  # twice, as when a node ends that ran in the run's process
            for _ in range(2):
                row = matrix.getrowview(job)
                row[row.nonzero()] = 0
