"""Reference runs that tests of parity start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.against_spineps.cases import Case


@pytest.fixture
def case(request: pytest.FixtureRequest, shared_dir: Path) -> Case:
    """Dumps of the reference run that the parameter names."""
    found = Case(request.param, shared_dir / "parity")
    if not (found.folder / "stages.json").is_file():
        pytest.skip("the stage dumps of the reference are absent")
    return found
