"""The Boutiques descriptor says what the parser says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spineps_nipype.workflows.cli import build_parser, main
from spineps_nipype.workflows.commands.boutiques import descriptor
from spineps_nipype.workflows.options.run_options import RunOptions

FILE = Path(__file__).resolve().parents[3] / "boutiques.json"
AGAIN = "python -m spineps_nipype.workflows.commands.boutiques > boutiques.json"


def test_the_file_is_up_to_date() -> None:
    assert json.loads(FILE.read_text()) == descriptor(), f"bring it up to date: {AGAIN}"


def test_every_option_is_there_once() -> None:
    inputs = descriptor()["inputs"]
    assert len({entry["id"] for entry in inputs}) == len(inputs)
    flags = [entry["command-line-flag"] for entry in inputs if "command-line-flag" in entry]
    known = {o for a in build_parser()._actions for o in a.option_strings if o[:2] == "--"}
    assert set(flags) <= known
    twins = {"--help", "--version"}
    for action in build_parser()._actions:
        if action.option_strings and not twins & set(action.option_strings):
            assert set(action.option_strings) & set(flags), action.option_strings


def test_types_and_choices() -> None:
    entries = {entry["id"]: entry for entry in descriptor()["inputs"]}
    assert entries["bids_dir"]["type"] == "File"
    assert entries["nprocs"] | {"description": ""} == {
        "id": "nprocs",
        "name": "nprocs",
        "value-key": "[NPROCS]",
        "description": "",
        "command-line-flag": "--nprocs",
        "optional": True,
        "type": "Number",
        "integer": True,
    }
    assert entries["plugin"]["value-choices"] == ["MultiProc", "Linear", "SLURM", "SLURMGraph"]
    assert entries["plugin"]["default-value"] == "MultiProc"
    assert entries["participant_label"]["list"] is True
    assert entries["tta"]["type"] == entries["no_tta"]["type"] == "Flag"


def test_it_is_a_descriptor() -> None:
    pytest.importorskip("boutiques", reason="the validator of Boutiques is not installed")
    code = "import sys; from boutiques.bosh import bosh; bosh(sys.argv[1:])"
    words = [sys.executable, "-c", code]
    done = subprocess.run([*words, "validate", str(FILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_invocation_of_it_is_understood(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command line that a platform makes from values is one that the parser takes."""
    values = {
        "bids_dir": str(tmp_path / "bids"),
        "output_dir": str(tmp_path / "out"),
        "analysis_level": "participant",
        "participant_label": "01 02",
        "mem": "8G",
        "plugin": "SLURM",
        "sbatch_args": "'--partition=a b'",
        "no_tta": "",
    }
    made = descriptor()
    line = made["command-line"]
    for entry in made["inputs"]:
        value = values.get(entry["id"])
        words = "" if value is None else f"{entry.get('command-line-flag', '')} {value}"
        line = line.replace(entry["value-key"], words, 1)
    assert "[" not in line
    taken: list[RunOptions] = []
    monkeypatch.setattr(
        "spineps_nipype.workflows.app.pipelines.run_pipelines", lambda o: taken.append(o) or 0
    )
    import shlex

    (tmp_path / "bids").mkdir()
    assert main(shlex.split(line)[1:]) == 0
    assert taken[0].selection.participant_label == ("01", "02")
    assert taken[0].machine.mem_gb == 8.0
    assert taken[0].scheduling.sbatch_args == "--partition=a b"
