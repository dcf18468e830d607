"""The documentation site, without building it: its pages are listed, and made from the code."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.models.registry import registry
from spineps_nipype.sc_epi import upstream as sc_epi
from spineps_nipype.spine_segmentation import upstream as spine_segmentation
from spineps_nipype.spineps import upstream as spineps
from spineps_nipype.totalspineseg import upstream as totalspineseg
from spineps_nipype.workflows.cli import build_parser

DOCS = Path(__file__).resolve().parents[1] / "docs"
GENERATED = {
    "usage",
    "interfaces",
    "switches",
    "registry",
    "messages",
    "model_card",
    "scout_card",
}
GENERATED |= {"contributing"}


@pytest.fixture(scope="module")
def pages() -> Iterator[Any]:
    path = DOCS / "_ext" / "generated_pages.py"
    sys.path.insert(0, str(path.parent))  # as docs/conf.py does
    spec = importlib.util.spec_from_file_location("generated_pages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(path.parent))


def listed() -> set[str]:
    lines = (DOCS / "index.md").read_text("utf-8").splitlines()
    return {line.strip().removeprefix("page:") for line in lines}


def test_every_page_is_in_the_table_of_contents() -> None:
    written = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert written <= listed()
    assert {f"_generated/{name}" for name in GENERATED} <= listed()


def test_the_page_of_the_flags_has_every_flag(pages: Any) -> None:
    text = "\n".join(pages._usage())
    for action in build_parser()._actions:
        for flag in action.option_strings:
            assert f"`{flag}`" in text
    assert "spineps-wf-models fetch" in text
    assert not re.search(r"%[(\w]", text)


def test_the_page_of_the_faults_has_every_switch_with_its_words(pages: Any) -> None:
    text = "\n".join(pages._switches())
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    tables = (spineps, totalspineseg, sc_epi, spine_segmentation)
    assert len(rows) == sum(len(fields(module.Upstream)) for module in tables)
    assert all(len(words) > 20 and versions.startswith("`") for _, words, versions in rows)
    seed_only = next(row for row in rows if row[0] == "| `metal_unpainted`")
    assert seed_only[2] == "`seed` |"


def test_the_pages_of_models_and_messages(pages: Any) -> None:
    text = "\n".join(pages._registry())
    assert all(f"`{id_}`" in text for id_ in registry())
    assert "nvidia-smi" in "\n".join(pages._messages())


def test_all_messages_of_the_code_are_there(pages: Any) -> None:
    """From texts, variables, constants and parameters; with the way out."""
    code, rows = "", set()
    for line in "\n".join(pages._messages()).splitlines():
        code = line.removeprefix("## ") if line.startswith("## ") else code
        rows.add((code, line))
    for wanted in (
        ("SHAPE", "The image is 4-D with … volumes.", "--average-4d"),
        ("COMPATIBILITY", "The scan does not fit the … model …: ….", "model"),
        ("EMPTY", "No structure of the spine is left after cleaning.", "Check that the scan"),
        ("UNKNOWN", "The job … of the node … reached its time limit.", "--time=2:00:00"),
        ("UNKNOWN", "The archive is damaged: ….", "Download it again from the release page."),
    ):
        assert any(c == wanted[0] and wanted[1] in r and wanted[2] in r for c, r in rows), wanted
    raised = {
        word
        for path in (DOCS.parent / "spineps_nipype").rglob("*.py")
        for word in re.findall(r"raise (\w+Error)\($", path.read_text("utf-8"), re.MULTILINE)
    }
    kinds = {message.kind for message in pages.messages()}
    assert raised & set(pages.KINDS) <= kinds


def test_messages_that_are_explained_are_those_of_the_code(pages: Any) -> None:
    """In the words of the code; an ellipsis stands for what is only known when it happens."""
    said = "\n".join(pages._messages())
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    text = page.partition("| message | way out |")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    explained = [word for row in rows for word in re.findall("`([^`]+)`", row.split(" | ")[0])]
    assert len(explained) > 20
    for words in explained:
        if words.startswith("not BIDS"):  # a warning on the terminal
            continue
        pattern = ".*".join(
            re.escape(part.replace("--participant-label", "")) for part in words.split("…")
        )
        assert re.search(pattern, said), words


def test_links_between_pages_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([\w/.-]+\.(?:md|png))\)", page.read_text("utf-8")):
            generated = target.removeprefix("_generated/").removesuffix(".md")
            there = (page.parent / target).is_file() or generated in GENERATED | {"changelog"}
            assert there, f"{page.name}: {target}"
