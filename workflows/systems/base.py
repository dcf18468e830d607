"""What a run has to know about a system: its scans, its workflow, its output folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from spineps_nipype.bids.query import Query, Scan
from spineps_nipype.core.session_names import Decision

from ..engine.run_resources import Machine
from .scan_jobs import PlannedScan, ScanJob


class System(Protocol):
    """A segmentation system as the participant level runs it."""

    name: ClassVar[str]
    """Word of ``--pipeline``."""
    writes_pages: ClassVar[bool]
    """Whether the subjects of a run get a page each."""

    @property
    def log_models_in(self) -> Path | None:
        """Folder that gets a file which names the models of each scan; None for none."""

    @property
    def names_sessions(self) -> bool:
        """Whether the scans of a session name their vertebrae together."""

    def renamed(self, job: ScanJob, decision: Decision) -> ScanJob:
        """A scan that is done, with what is left to do where its session names it otherwise."""

    def find(self) -> Query:
        """Scans of the dataset that are for this system.

        Raises
        ------
        SpinepsError
            If the dataset cannot be read, or there is no model at all.
        """

    def jobs(self, scans: Iterable[Scan], machine: Machine) -> list[PlannedScan]:
        """What each scan needs and what is left to do; nothing is changed.

        Raises
        ------
        SpinepsError
            If something is wrong that concerns all scans.
        """

    def describe(self) -> None:
        """Write the files at the root of the output folder."""

    def write_methods(self, folder: Path, scans: Sequence[PlannedScan]) -> Path:
        """Write the text for a methods section into a folder; returns it."""

    def workflow(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        """Workflow of one scan, named `job.name`; what it makes is stored by itself."""
