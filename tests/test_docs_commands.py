"""Commands on the pages are understood by the programs that they call."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from spineps_nipype.workflows import cli
from spineps_nipype.workflows.commands import convert, demo, models, sc_epi
from spineps_nipype.workflows.options.other_words import understood

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PARSERS = {
    "spineps-wf": cli.build_parser(),
    "spineps-wf-demo": demo.build_parser(),
    "spineps-wf-convert": convert.build_parser(),
    "spineps-wf-models": models.build_parser(),
    "spineps-sc-epi": sc_epi.build_parser(),
}
FENCE = re.compile(r"^( *)```bash\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
GENERAL = re.compile(r"[\[\]…]")
"""Signs of a line that shows a form, not a command."""


def commands(text: str) -> Iterator[list[str]]:
    """Commands of ours in the blocks of a page, as words; lines that go on are joined."""
    for block in FENCE.finditer(text):
        for line in block[2].replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|;|\|", line.split(" #")[0]):
                words = shlex.split(part) if part.count('"') % 2 == 0 else part.split()
                if words and words[0] in PARSERS and not GENERAL.search(part):
                    yield words


CASES = [
    pytest.param(words, id=f"{page.stem}: {' '.join(words)[:60]}")
    for page in PAGES
    for words in commands(page.read_text("utf-8"))
]


@pytest.mark.parametrize("words", CASES)
def test_a_command_is_understood(words: list[str]) -> None:
    program, *arguments = words
    parser = PARSERS[program]
    if program == "spineps-wf":
        options = parser.parse_args(understood(parser, arguments))  # type: ignore[arg-type]
        assert cli.options_from(options).folders.bids_dir
    elif program == "spineps-wf-demo":
        parser.parse_known_args(arguments)
    else:
        assert isinstance(parser.parse_args(arguments), argparse.Namespace)


def test_commands_are_found() -> None:
    """Of every tutorial, over several lines, and not within words."""
    pages = {case.id.split(":")[0] for case in CASES}  # type: ignore[union-attr]
    assert {"start", "tutorial-study", "tutorial-correct", "tutorial-cluster"} <= pages
    text = "```bash\nspineps-wf /b /o participant \\\n    --nprocs 2  # two\n```\n"
    assert list(commands(text)) == [["spineps-wf", "/b", "/o", "participant", "--nprocs", "2"]]
    assert not list(commands("```bash\nmy-spineps-wf x\n```\nspineps-wf y\n"))
