"""What the wheel and the source distribution hold, without building them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype import __version__

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LIST = """
import json, os, sys
from distutils.core import run_setup
dist = run_setup("setup.py", stop_after="init")
dist.parse_config_files()
build = dist.get_command_obj("build_py")
build.build_lib = ""
build.ensure_finalized()
wheel = [name.lstrip("/") for name in build.get_outputs(include_bytecode=0)]
info = dist.get_command_obj("egg_info")
info.egg_base = sys.argv[1]
info.ensure_finalized()
info.run()
print(json.dumps({"wheel": wheel, "sdist": info.filelist.files, "version": dist.get_version()}))
"""
"""Asks setuptools what it would put into both, and prints it as the last line."""


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("egg")
    command = [sys.executable, "-W", "default", "-c", "import setuptools\n" + LIST, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    listed = json.loads(done.stdout.splitlines()[-1])
    own = [name for name in listed["sdist"] if not Path(name).is_absolute()]
    return {**listed, "sdist": own, "said": done.stdout + done.stderr}


def modules() -> set[str]:
    """Modules of the package, by the names that they are installed under."""
    library = {p.relative_to(ROOT).as_posix() for p in (ROOT / "spineps_nipype").rglob("*.py")}
    flows = {p.relative_to(ROOT).as_posix() for p in (ROOT / "workflows").rglob("*.py")}
    return library | {f"spineps_nipype/{name}" for name in flows}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_files_that_are_no_modules_are_as_listed(distribution: Any, kind: str) -> None:
    """Whoever adds or drops a file says so in the list, `tests/packaging/KIND.txt`."""
    found = sorted(name for name in set(distribution[kind]) if not name.endswith(".py"))
    assert found == (HERE / f"{kind}.txt").read_text("utf-8").splitlines()


def test_every_module_is_installed(distribution: Any) -> None:
    assert {n for n in distribution["wheel"] if n.endswith(".py")} == modules()
    sources = {n for n in distribution["sdist"] if n.endswith(".py")} - {"setup.py"}
    assert {n if n[:4] == "spin" else f"spineps_nipype/{n}" for n in sources} == modules()


def test_setuptools_has_nothing_to_complain_about(distribution: Any) -> None:
    assert "Warning" not in distribution["said"]
    assert "no files found" not in distribution["said"]
    assert "would be ignored" not in distribution["said"]


def test_the_version_stands_in_one_place(distribution: Any) -> None:
    """In `spineps_nipype/__init__.py`; what repeats it for others is held to it."""
    assert distribution["version"] == __version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["dynamic"] == ["version"]
    said = {
        "Dockerfile": re.search(r"^ARG VERSION=(.+)$", text_of("Dockerfile"), re.M),
        "CITATION.cff": re.search(r"^version: (.+)$", text_of("CITATION.cff"), re.M),
    }
    assert {name: match and match[1] for name, match in said.items()} == dict.fromkeys(
        said, __version__
    )
    assert json.loads(text_of("codemeta.json"))["version"] == __version__


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_every_command_is_installed_and_can_be_called() -> None:
    scripts = tomllib.loads(text_of("pyproject.toml"))["project"]["scripts"]
    assert sorted(scripts) == [
        "spineps-sc-epi",
        "spineps-wf",
        "spineps-wf-convert",
        "spineps-wf-demo",
        "spineps-wf-models",
    ]
    for target in scripts.values():
        module, _, name = target.partition(":")
        assert name == "main"
        assert f"{module.replace('.', '/')}.py" in modules()
