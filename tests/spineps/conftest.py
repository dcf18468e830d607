"""Reference runs that tests of parity start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.against_spineps.cases import Case
from tests.reference.store import StoredRun


@pytest.fixture
def case(request: pytest.FixtureRequest) -> StoredRun:
    """The reference run that the parameter names, as it is stored in this repository."""
    return StoredRun(request.param)


@pytest.fixture
def dumped_case(request: pytest.FixtureRequest, shared_dir: Path) -> Case:
    """The same with its images and with trained networks, which lie beside the checkout."""
    found = Case(request.param, shared_dir / "parity")
    if not (found.folder / "stages.json").is_file():
        pytest.skip("the stage dumps of the reference are absent")
    return found
