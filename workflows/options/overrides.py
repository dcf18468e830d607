"""Options that make stored results again: those that the recipes of the systems name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spineps_nipype.results.comparison_recipe import RECIPE as COMPARISON
from spineps_nipype.sc_epi import recipe as sc_epi
from spineps_nipype.spine_segmentation import recipe as spine_segmentation
from spineps_nipype.spineps import recipe as spineps
from spineps_nipype.totalspineseg import recipe as totalspineseg

SESSION_NAMES: Final = "override_session_names"
"""Option that gives stored scans the names that their session decides now."""


def override_flags() -> Iterator[tuple[str, str]]:
    """Name and help of each option, system by system."""
    for overrides in (
        spineps.RECIPE.overrides,
        totalspineseg.OVERRIDES,
        sc_epi.OVERRIDES,
        spine_segmentation.OVERRIDES,
        COMPARISON.overrides,
    ):
        yield from overrides.items()
    yield (
        SESSION_NAMES,
        "give stored scans the names that all scans of their session decide now; without it, "
        "scans of earlier runs keep theirs",
    )


def add_overrides(group: Any) -> None:
    """Add a flag for each."""
    for name, text in override_flags():
        group.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=text)
