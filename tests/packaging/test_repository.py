"""Files for people and machines around the code: hosted CI, forms for issues, hooks, versions."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"^\s*(?:- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def load(name: str) -> Any:
    """A script of this folder as a module; they run before anything is installed."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_hosted_ci_may_little_and_runs_what_everybody_runs(workflow: Path) -> None:
    text = workflow.read_text("utf-8")
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert "secrets" not in text
    uses = [line for line in text.splitlines() if "uses:" in line]
    assert uses
    assert all(PINNED.match(line) for line in uses), "an action is not pinned by its digest"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for run in (step["run"] for step in steps(workflow) if "run" in step):
        program, *words = run.split()
        assert program == "make"
        for target in (word for word in words if "=" not in word):
            assert re.search(rf"^{target}:", makefile, re.M), target
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_pythons_of_the_matrix_are_allowed() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    least = project["requires-python"].removeprefix(">=")
    assert jobs["test"]["strategy"]["matrix"]["python"][0] == least
    assert jobs["lowest"]["steps"][1]["with"]["python-version"] == least


def test_the_form_for_faults_asks_for_the_records_of_the_run() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/fault.yml").read_text("utf-8"))
    asked = {part["id"]: part for part in form["body"] if "id" in part}
    assert asked["logs"]["attributes"]["label"] == "logs/RUN"
    assert asked["logs"]["validations"]["required"]
    assert asked["version"]["validations"]["required"]


def test_hooks_call_what_is_installed() -> None:
    """They are local, so that no other versions are fetched from anywhere."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    dev = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]["dev"]
    for hook in repository["hooks"]:
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/")
        name = Path(program).name
        assert name == "python" or any(line.startswith(f"{name}>=") for line in dev)


def test_every_toml_yaml_and_json_file_can_be_read(tmp_path: Path) -> None:
    check = load("data_files")
    kinds = set(check.READERS)
    places = ("*", ".github/**/*", "spineps_nipype/data/**/*", "tests/golden_outputs/tables/*")
    paths = [p for place in places for p in ROOT.glob(place) if p.suffix in kinds]
    assert len(paths) > 20
    assert not list(check.faults(paths))
    for name, text in (("a.toml", "a = "), ("a.yml", "a: [1"), ("a.json", "{")):
        (tmp_path / name).write_text(text)
    assert len(list(check.faults(sorted(tmp_path.iterdir())))) == 3


def test_versions_for_the_jobs() -> None:
    constraints = load("versions").constraints
    assert "torch==2.13.0" in list(constraints("tested"))
    lowest = list(constraints("lowest"))
    assert {"numpy==2.0.*", "connected-components-3d==3.23.*", "nibabel==5.2.*"} <= set(lowest)
    assert "dynamic-network-architectures==0.3.1" in lowest
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert len(lowest) == len(project["dependencies"])  # every one has a lowest version
    assert not list(constraints("newest"))
    with pytest.raises(SystemExit, match="'old' is none of"):
        list(constraints("old"))
