"""A dataset of two coded scans, tiny models, and the command line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spineps_nipype.workflows.cli import build_parser, main, options_from
from spineps_nipype.workflows.options.run_options import RunOptions

from ..tiny_packages import write_packages, write_scan
from .slurm_cluster import SlurmCluster, why_not
from .slurm_programs import SlurmPrograms


@dataclass
class App:
    """The command line with one output and one work folder."""

    bids: Path
    out: Path
    work: Path
    models: Path | None
    text: str = field(default="", init=False)

    def arguments(self, *more: str) -> list[str]:
        """Arguments of a quick run with the tiny models, or with those that are found."""
        models = [
            word
            for kind in ("semantic", "instance", "labeling")
            for word in (f"--model-{kind}", f"{self.models}/tiny_{kind}")
            if self.models is not None
        ]
        return [
            *(str(self.bids), str(self.out), "participant", "-w", str(self.work)),
            *(*models, "--device", "cpu", "--nprocs", "2", "--mem-gb", "4"),
            *("--no-proc-sem-n4-bias-correction", *more),
        ]

    def options(self, *more: str) -> RunOptions:
        """The same as options of a run."""
        return options_from(build_parser().parse_args(self.arguments(*more)))

    def __call__(self, capsys: pytest.CaptureFixture[str], *more: str) -> int:
        """Run it; what was printed is kept."""
        capsys.readouterr()
        status = main(self.arguments(*more))
        self.text = capsys.readouterr().out
        return status

    @property
    def last_line(self) -> str:
        """Last line that was printed."""
        return self.text.strip().splitlines()[-1]

    def results(self) -> dict[str, bytes]:
        """Bytes of the results by relative name; logs, work and pages differ from run to run."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
            and path.relative_to(self.out).parts[0].startswith("sub-")
            and path.suffix != ".html"
            and path.parent.name != "figures"
        }

    def rows(self) -> dict[str, dict[str, str]]:
        """Rows of the table of the latest run, by scan."""
        tables = self.out.glob("logs/*/scans.tsv")
        latest = max(tables, key=lambda path: path.stat().st_mtime_ns)
        with latest.open(newline="") as stream:
            return {row["scan"]: row for row in csv.DictReader(stream, delimiter="\t")}


def only(results: dict[str, bytes], subject: str) -> dict[str, bytes]:
    """Results of one subject."""
    folder = subject.split("/")[0]
    return {name: data for name, data in results.items() if name.startswith(f"{folder}/")}


def write_dataset(root: Path) -> Path:
    """Two subjects with one scan each."""
    first = write_scan(root / "sub-a" / "anat" / "sub-a_acq-sag_T2w.nii.gz")
    second = root / "sub-b" / "ses-1" / "anat" / "sub-b_ses-1_T2w.nii.gz"
    second.parent.mkdir(parents=True)
    second.write_bytes(first.read_bytes())
    description = {"Name": "coded scans", "BIDSVersion": "1.9.0"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    return root


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the tiny packages."""
    folder = tmp_path_factory.mktemp("tiny")
    write_packages(folder)
    return folder


@pytest.fixture
def app(tmp_path: Path, tiny_models: Path) -> App:
    """A fresh dataset with empty folders."""
    return App(write_dataset(tmp_path / "bids"), tmp_path / "out", tmp_path / "work", tiny_models)


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> dict[str, bytes]:
    """Results of an undisturbed run, node after node in one process."""
    folder = tmp_path_factory.mktemp("golden")
    whole = App(write_dataset(folder / "bids"), folder / "out", folder / "work", tiny_models)
    assert main(whole.arguments("--plugin", "Linear")) == 0
    return whole.results()


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounts are not permitted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    _mount("-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk))
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def read_only(app: App, tmp_path: Path) -> Iterator[App]:
    """The dataset, mounted so that nobody can write into it."""
    place = tmp_path / "read_only"
    place.mkdir()
    _mount("--bind", str(app.bids), str(place))
    try:
        _mount("-o", "remount,ro,bind", str(place))
        yield App(place, app.out, app.work, app.models)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    """Two nodes of SLURM; skipped where it cannot run."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    cluster = SlurmCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def slurm(
    slurm_cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SlurmPrograms:
    """The cluster for one test, with commands that can be made to fail."""
    monkeypatch.setenv("SLURM_CONF", str(slurm_cluster.configuration))
    for name in ("LOGNAME", "USER"):
        monkeypatch.delenv(name, raising=False)
    programs = SlurmPrograms(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{programs.folder}{os.pathsep}{os.environ['PATH']}")
    return programs
