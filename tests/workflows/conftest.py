"""A scan, tiny model packages, and one finished run of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spineps_nipype import interfaces
from spineps_nipype.results.plan import ScanPlan
from spineps_nipype.results.scan_output import ScanOutput
from spineps_nipype.spineps.descriptions import CONFIDENCES, ENTRIES
from spineps_nipype.spineps.recipe import asked_for, provenance, result_files, stored_results
from spineps_nipype.spineps.settings import OverrideSettings, PipelineSettings
from spineps_nipype.workflows.spineps import init_spineps_wf
from spineps_nipype.workflows.store import init_scan_wf

from ..tiny_packages import write_packages, write_scan
from .scan_files import output_paths
from .scan_files import plan as plan_scan

# N4 takes longer than everything else on an image of this size.
SETTINGS = PipelineSettings.from_flat({"proc_sem_n4_bias_correction": False})
# What a reader corrects is no part of an ordinary run, nor what runs on request.
ON_REQUEST = ("Markups", "Surfaces")
NOT_USUAL = ("CorrectedMask", "FixNames", "SessionNames", *ON_REQUEST)
COMPUTE = [n for n in interfaces.spineps.__all__ if n not in NOT_USUAL]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Tiny packages of all three kinds."""
    return write_packages(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coded image that the tiny packages segment exactly."""
    return write_scan(tmp_path_factory.mktemp("bids") / "sub-x_T2w.nii.gz")


class Run:
    """Runs one scan into an output folder and notes what was computed."""

    def __init__(self, scan: Path, models: dict[str, object], folder: Path) -> None:
        self.scan, self.models = scan, models
        self.out, self.work = folder / "out", folder / "work"
        self.paths = output_paths(self.out)
        self.computed: list[str] = []

    def plan(
        self,
        settings: PipelineSettings = SETTINGS,
        override: OverrideSettings | None = None,
        **options: object,
    ) -> ScanPlan:
        return plan_scan(
            self.scan,
            self.paths,
            settings=settings,
            models=self.models,
            override=override,
            **options,
        )

    def __call__(
        self, settings: PipelineSettings = SETTINGS, plugin: str = "Linear", **override: bool
    ) -> list[str]:
        """Run what the plan says; the interfaces that computed something, in their order."""
        self.computed.clear()
        chosen = OverrideSettings(**override)
        plan = self.plan(settings, chosen)
        if not plan.all_done:
            without = frozenset() if self.models["labeling"] else {"labels_table"}
            output = ScanOutput(
                provenance(settings, self.models),
                result_files(self.paths, self.scan),
                kept=stored_results(settings.save) - without,
                asked=asked_for(settings.save),
                entries=ENTRIES,
                confidences=CONFIDENCES,
            )
            compute = init_spineps_wf(
                semantic_model=self.models["semantic"],
                instance_model=self.models["instance"],
                labeling_model=self.models["labeling"],
                settings=settings,
                override=chosen,
                stored=plan.stored,
            )
            workflow = init_scan_wf(compute=compute, plan=plan, output=output)
            workflow.base_dir = str(self.work)
            workflow.config["execution"] = {
                "crashdump_dir": str(self.work),
                "poll_sleep_duration": 0.05,
            }
            workflow.run(plugin=plugin, plugin_args={"n_procs": 2, "raise_insufficient": False})
        return list(self.computed)

    def files(self) -> dict[str, bytes]:
        """Bytes of every file in the output folder by its relative name."""
        return {
            p.relative_to(self.out).as_posix(): p.read_bytes()
            for p in sorted(self.out.rglob("*"))
            if p.is_file()
        }


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """Write the names of interfaces that compute into a list."""

    def start(names: list[str]) -> None:
        for name in (*COMPUTE, *ON_REQUEST):
            face = getattr(interfaces, name)
            original = face._run_interface

            def noted(self, runtime, name=name, original=original):  # type: ignore[no-untyped-def]
                names.append(name)
                return original(self, runtime)

            monkeypatch.setattr(face, "_run_interface", noted)

    return start


@pytest.fixture
def run(
    scan: Path, models: dict[str, object], tmp_path: Path, watch: Callable[[list[str]], None]
) -> Run:
    """A run into empty folders."""
    made = Run(scan, models, tmp_path)
    watch(made.computed)
    return made


@pytest.fixture(scope="session")
def finished(
    scan: Path, models: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A finished run; not to be changed."""
    made = Run(scan, models, tmp_path_factory.mktemp("finished"))
    made()
    return made


@pytest.fixture
def again(run: Run, finished: Run) -> Run:
    """A run into a copy of finished results, with an empty work folder."""
    shutil.copytree(finished.out, run.out)
    return run
