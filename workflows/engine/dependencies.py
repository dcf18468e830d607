"""Which nodes of a graph wait for others, so that each node that ends costs the same.

Nipype keeps a sparse matrix of all pairs of nodes and sums all of it up whenever it looks for
nodes that are ready; with a thousand scans in a run that takes longer than the scans do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Dependencies:
    """What the plugins of nipype ask of their matrix ``depidx``, without the matrix.

    Parameters
    ----------
    graph
        Directed graph of the nodes.
    nodes
        Its nodes in the order of their job numbers.
    """

    def __init__(self, graph: Any, nodes: Sequence[Any]) -> None:
        number = {node: job for job, node in enumerate(nodes)}
        self._after = [[number[next_] for next_ in graph.successors(node)] for node in nodes]
        self._waits = np.array([graph.in_degree(node) for node in nodes], dtype=np.intp)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of nodes, twice, as of a matrix."""
        return len(self._after), len(self._after)

    def sum(self, axis: int) -> NDArray[np.intp]:
        """Number of nodes that each node still waits for, shape (1, n).

        Parameters
        ----------
        axis
            0, as of a matrix with a row for each node that is waited for.
        """
        assert axis == 0
        return self._waits[None, :]

    def getrowview(self, job: int) -> _Row:
        """The nodes that wait for a node."""
        return _Row(self, job)

    def release(self, job: int) -> None:
        """Let the nodes that wait for a node wait for it no longer."""
        for waiting in self._after[job]:
            self._waits[waiting] -= 1
        self._after[job] = []


class _Row:
    """Row of the matrix: it is only ever set to 0, where it is not 0."""

    def __init__(self, of: Dependencies, job: int) -> None:
        self._of, self._job = of, job

    def nonzero(self) -> int:
        """Key for the entries that are not 0."""
        return self._job

    def __setitem__(self, job: int, value: int) -> None:
        assert (job, value) == (self._job, 0)
        self._of.release(job)


class NothingToRemove:
    """In place of ``refidx``, with which nipype deletes folders of nodes where it is told to."""

    def __getitem__(self, place: Any) -> NothingToRemove:
        return self

    def __setitem__(self, place: Any, value: Any) -> None:
        pass

    def nonzero(self) -> tuple[list[int]]:
        """No entries."""
        return ([],)
