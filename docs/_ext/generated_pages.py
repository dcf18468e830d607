"""Pages made from the code: flags, interfaces, faults of the originals, models, messages."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from messages import KINDS, UNSEEN, messages

from spineps_nipype import interfaces
from spineps_nipype.core.switches import CORRECTED
from spineps_nipype.models.registry import registry
from spineps_nipype.workflows.engine import failures
from spineps_nipype.workflows.options.other_words import ANSWERS, SYNONYMS

REPOSITORY = Path(__file__).resolve().parents[2]
COMMANDS = ("cli", "commands.demo", "commands.models", "commands.sc_epi", "commands.convert")
"""Modules of the commands; each has a function `build_parser`."""
CODES: Final = {
    "COMPATIBILITY": "The image does not fit the model: modality, plane, or what it is for.",
    "SHAPE": "The image, or another file that was given, cannot be used as it is.",
    "EMPTY": "A phase found nothing where something must be.",
    "UNKNOWN": "Models, resources, folders, and whatever else goes wrong.",
}
"""Codes of failed scans in `scans.tsv`; the others are OK and ALL_DONE."""
SYSTEMS: Final = {
    "spineps": "SPINEPS",
    "totalspineseg": "TotalSpineSeg",
    "sc_epi": "EPISeg (Spinal Cord Toolbox)",
    "spine_segmentation": "spine-segmentation",
}
"""Packages of the systems, and what they are called."""


def setup(app: Any) -> dict[str, bool]:
    """Write the pages before the site is built."""
    app.connect("builder-inited", _write)
    app.connect("source-read", _leave_out_absent_pages)
    return {"parallel_read_safe": True}


def _write(app: Any) -> None:
    folder = Path(app.srcdir) / "_generated"
    folder.mkdir(exist_ok=True)
    models = REPOSITORY / "spineps_nipype" / "data" / "models"
    pages = {
        "usage": "\n".join(_usage()),
        "interfaces": "\n".join(_interfaces()),
        "switches": "\n".join(_switches()),
        "registry": "\n".join(_registry()),
        "messages": "\n".join(_messages()),
        "model_card": (models / "compact" / "MODEL_CARD.md").read_text("utf-8"),
        "scout_card": (models / "compact-scout" / "MODEL_CARD.md").read_text("utf-8"),
        "contributing": (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8"),
        "changelog": (REPOSITORY / "CHANGELOG.md").read_text("utf-8"),
    }
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _leave_out_absent_pages(app: Any, name: str, source: list[str]) -> None:
    """Drop pages from the table of contents that this checkout has not."""
    if name != "index":
        return
    lines = []
    for line in source[0].splitlines():
        page = line.strip()
        if page.startswith("page:"):
            page = page.removeprefix("page:")
            if (Path(app.srcdir) / f"{page}.md").is_file():
                lines.append(page)
        else:
            lines.append(line)
    source[0] = "\n".join(lines) + "\n"


def _usage() -> Iterator[str]:
    yield "# Commands and flags\n"
    yield "This page is made from the parsers of the commands.\n"
    for name in COMMANDS:
        module = importlib.import_module(f"spineps_nipype.workflows.{name}")
        yield from _parser(module.build_parser(), level=2)
    yield "## Words of other programs\n"
    yield "`spineps-wf` takes these for its own, and says so:\n"
    yield "| word | of | is read as |\n|---|---|---|"
    for word, synonym in SYNONYMS.items():
        yield f"| `{word}` | {synonym.source} | `{' '.join(synonym.ours)}` |"
    yield "\nThese mean nothing here; it answers:\n"
    yield "| word | answer |\n|---|---|"
    yield from (f"| `{word}` | {_cell(answer)} |" for word, answer in ANSWERS.items())
    yield ""


def _parser(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    yield f"{'#' * level} {parser.prog}\n"
    yield f"{parser.description or ''}\n"
    yield f"```text\n{parser.format_usage().strip()}\n```\n"
    subparsers = []
    for group in parser._action_groups:
        rows = []
        for action in group._group_actions:
            if isinstance(action, argparse._SubParsersAction):
                subparsers += list(action.choices.values())
            elif action.help != argparse.SUPPRESS:
                rows.append(_row(parser, action))
        if rows:
            yield f"{'#' * (level + 1)} {parser.prog}: {group.title}\n"
            yield "| flag | meaning |\n|---|---|"
            yield from rows
            yield ""
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```\n"
    for sub in subparsers:
        yield from _parser(sub, level + 1)


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    words = formatter._expand_help(action) if action.help else ""
    value = "" if action.nargs == 0 else str(action.metavar or "")
    if action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{action.dest}`"
    shown = f"{flags} `{value}`" if value and action.option_strings else flags
    return f"| {_cell(shown)} | {_cell(words)} |"


def _interfaces() -> Iterator[str]:
    yield "# Interfaces\n"
    yield "Every phase is a Nipype interface; this page is made from their traits.\n"
    for name in interfaces.__all__:
        face = getattr(interfaces, name)
        yield f"## {name}\n\n{inspect.cleandoc(face.__doc__ or '')}\n"
        for title, spec in (("input", face.input_spec), ("output", face.output_spec)):
            yield f"| {title} | default | meaning |\n|---|---|---|"
            made = spec()
            for trait_name, trait in sorted(made.traits(transient=None).items()):
                if trait_name in ("trait_added", "trait_modified"):
                    continue
                default = "required" if trait.mandatory else ""
                if trait.usedefault:
                    default = f"`{getattr(made, trait_name)}`"
                yield f"| `{trait_name}` | {_cell(default)} | {_cell(trait.desc or '')} |"
            yield ""


def _switches() -> Iterator[str]:
    yield "# What the originals do otherwise\n"
    yield "Faults of the original programs are corrected here. Each is a named switch in the "
    yield "table of its system, `spineps_nipype/<system>/upstream.py`, from which this page is "
    yield "made. The default numerics, `corrected`, have none of them; `corrected,NAME,NAME` has "
    yield "those that it names, so that a rule of ours that harms a scan can be left out alone.\n"
    for package, title in SYSTEMS.items():
        module = importlib.import_module(f"spineps_nipype.{package}.upstream")
        kinds = [kind for kind in module.KNOWN if kind != CORRECTED]
        on = {kind: module.upstream(kind) for kind in kinds}
        yield f"## {title}\n"
        yield "| switch | what the original does | numerics |\n|---|---|---|"
        for name, text in _attribute_docstrings(module.Upstream).items():
            versions = ", ".join(f"`{kind}`" for kind in kinds if getattr(on[kind], name))
            yield f"| `{name}` | {_cell(text)} | {versions} |"
        yield ""


def _attribute_docstrings(table: type) -> dict[str, str]:
    """Fields of a class with the strings below them."""
    (body,) = ast.parse(inspect.cleandoc(inspect.getsource(table))).body
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: ast.literal_eval(words.value)
        for field, words in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(words, ast.Expr)
    }


def _registry() -> Iterator[str]:
    yield "# Released packages\n"
    yield "| package | system | about | licence | citation |\n|---|---|---|---|---|"
    for release in registry().values():
        cells = (release.family, release.about, release.licence, release.citation)
        yield f"| [`{release.id}`]({release.url}) | " + " | ".join(map(_cell, cells)) + " |"


def _messages() -> Iterator[str]:
    yield "# All messages\n"
    yield "This page is made from the code. An ellipsis stands for what is only known when it "
    yield "happens: a file, a number, an option.\n"
    by_code: dict[str, dict[tuple[str, str], None]] = {}
    for message in messages():
        if message.what.strip(f" {UNSEEN}.:"):
            code = KINDS[message.kind].code.name
            by_code.setdefault(code, {})[message.what, message.remedy] = None
    for code, words in CODES.items():
        yield f"## {code}\n\n{words}\n"
        yield "| message | way out |\n|---|---|"
        for what, remedy in sorted(by_code[code]):
            yield f"| {_cell(what)} | {_cell(remedy)} |"
        yield ""
    yield "## Failures of the system\n"
    yield "Memory, disk, permissions, the GPU; their code is UNKNOWN.\n"
    yield "| what the program or the system said | what the run says |\n|---|---|"
    for pattern, words in failures.KNOWN:
        said = pattern.pattern.replace("|", " or ")
        yield f"| `{said}` | {_cell(words.replace('{what}', UNSEEN))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
