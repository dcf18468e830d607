"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # how long an example takes proves nothing
settings.load_profile("any machine")

# Tests run side by side: threads of several processes that wait for each other on the same
# processors made the training of a small network take seventeen minutes instead of half of one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of reference data beside the checkout; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("the reference data beside the checkout are absent")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def engine_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Networks that engines prepare are kept for this session only."""
    os.environ["SPINEPS_NIPYPE_CACHE"] = str(tmp_path_factory.mktemp("engine_cache"))
