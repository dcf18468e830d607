from __future__ import annotations

import pytest

from spineps_nipype.workflows.engine.slurm import commands

from .cluster import Cluster


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster in memory instead of the commands of SLURM."""
    made = Cluster()
    for name in ("submit", "jobs_below", "cancel"):
        monkeypatch.setattr(commands, name, getattr(made, name))
    return made
