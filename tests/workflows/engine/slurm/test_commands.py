"""How the programs of SLURM are called, and what is read from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spineps_nipype.errors import ResourceError
from spineps_nipype.workflows.engine.slurm import commands
from spineps_nipype.workflows.engine.slurm.commands import JobRefused, SlurmUnreachable

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Write a program that stands in for one of SLURM's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)

    return write


def test_a_job_is_submitted_from_its_folder(tmp_path: Path, program: Program) -> None:
    program("sbatch", f'printf "%s\\n" "$@" > {tmp_path}/words; echo "Welcome"; echo "42;main"')
    script = tmp_path / "a folder" / "job.sh"
    assert commands.submit(script, ["--mem=5M"]) == 42
    assert (tmp_path / "words").read_text().splitlines() == [
        "--parsable",
        "--mem=5M",
        f"--chdir={script.parent}",
        str(script),
    ]


@pytest.mark.parametrize(
    "message",
    [
        "Batch job submission failed: Socket timed out on send/recv operation",
        "Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Resource temporarily unavailable",
    ],
)
def test_slurm_out_of_reach(tmp_path: Path, program: Program, message: str) -> None:
    program("sbatch", f'echo "sbatch: error: {message}" >&2; exit 1')
    with pytest.raises(SlurmUnreachable, match=message.partition(" (")[0]):
        commands.submit(tmp_path / "job.sh", [])


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("invalid partition specified: nosuch", False),
        ("Requested time limit is invalid (missing or exceeds some limit)", False),
        ("Memory specification can not be satisfied", False),
        ("Job violates accounting/QOS policy (job submit limit, user's size)", True),
    ],
)
def test_a_refused_job(tmp_path: Path, program: Program, message: str, limit: bool) -> None:
    program("sbatch", f'echo "sbatch: error: {message}" >&2; exit 1')
    with pytest.raises(JobRefused) as caught:
        commands.submit(tmp_path / "job.sh", [])
    assert message in caught.value.message
    assert caught.value.limit is limit


def test_an_answer_without_a_number_is_no_submission(tmp_path: Path, program: Program) -> None:
    program("sbatch", "echo thank you")
    with pytest.raises(SlurmUnreachable, match="thank you"):
        commands.submit(tmp_path / "job.sh", [])


def test_a_command_that_hangs(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("squeue", "exec sleep 60")
    monkeypatch.setattr(commands, "TIME_LIMIT", 0.2)
    with pytest.raises(SlurmUnreachable, match="squeue did not end"):
        commands.jobs_below(tmp_path)


def test_only_jobs_of_the_folder_are_ours(tmp_path: Path, program: Program) -> None:
    mine, other = tmp_path / "a | b" / "x", tmp_path / "elsewhere" / "x"
    program("squeue", f"printf '7|RUNNING|{mine}\\n8|FAILED|{mine}\\n9|RUNNING|{other}\\n'")
    jobs = commands.jobs_below(tmp_path / "a | b")
    assert {number: job.state for number, job in jobs.items()} == {7: "RUNNING", 8: "FAILED"}


def test_squeue_that_fails(tmp_path: Path, program: Program) -> None:
    program("squeue", "echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1")
    with pytest.raises(SlurmUnreachable, match="Socket timed out"):
        commands.jobs_below(tmp_path)


def test_variables_of_another_job_do_not_reach_the_programs(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run itself may be a job, and users set what squeue shows them."""
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "100")
    monkeypatch.setenv("SQUEUE_PARTITION", "other")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    monkeypatch.setenv("SBATCH_ACCOUNT", "mine")
    monkeypatch.delenv("LOGNAME", raising=False)
    program("squeue", f"env > {tmp_path}/env")
    commands.jobs_below(tmp_path)
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert {"SLURM_CONF", "SBATCH_ACCOUNT"} <= names
    assert not {"SLURM_MEM_PER_NODE", "SQUEUE_PARTITION"} & names


def test_jobs_that_ended_are_no_fault_of_scancel(program: Program) -> None:
    program("scancel", "echo 'scancel: error: Invalid job id 5' >&2; exit 1")
    commands.cancel([5])
    program("scancel", "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(SlurmUnreachable):
        commands.cancel([5])


def test_absent_programs_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResourceError, match="sbatch") as caught:
        commands.check_programs()
    assert "MultiProc" in caught.value.remedy
