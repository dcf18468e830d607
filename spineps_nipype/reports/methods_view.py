"""A methods text, which is written in Markdown, as paragraphs and references for a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

TITLE: Final = re.compile(r"^# +.*$", re.MULTILINE)
HEADING: Final = "#"
ITEM: Final = "- "
OWN_KEY: Final = re.compile(r"^\[@([\w-]+)\] +")
PIECES: Final = re.compile(
    r"\[(?P<cite>@[\w-]+(?:; *@[\w-]+)*)\]|\*(?P<em>[^*\s](?:[^*\n]*[^*\s])?)\*"
    r"|doi:(?P<doi>10\.\d{4,9}/[\w.;()/:-]*\w)"
)


@dataclass(frozen=True)
class Piece:
    """A part of a paragraph: plain or emphasised text, a citation or a DOI.

    Parameters
    ----------
    text
        What is shown; of a citation the number of the reference.
    target
        Key of the reference, or the DOI; empty for text.
    """

    kind: Literal["text", "em", "cite", "doi"]
    text: str
    target: str = ""


Paragraph = Sequence[Piece]


@dataclass
class MethodsView:
    """A methods text: paragraphs, references in the order of their numbers, and what follows."""

    paragraphs: list[Paragraph] = field(default_factory=list)
    references: list[tuple[str, Paragraph]] = field(default_factory=list)
    """Key (empty for none) and text."""
    notes: list[Paragraph] = field(default_factory=list)


def methods_views(markdown: str) -> list[MethodsView]:
    """Read the Markdown of `methods_text` and `system_text`; one view for each title in it.

    Only what those texts use is understood: titles, headings, paragraphs, lists of references,
    emphasis, citations ``[@key]`` and ``doi:``. Everything else is text.
    """
    return [_view(part) for part in TITLE.split(markdown) if part.strip()]


def _view(markdown: str) -> MethodsView:
    blocks = [block.strip() for block in re.split(r"\n\s*\n", markdown) if block.strip()]
    items = [
        line[len(ITEM) :]
        for block in blocks
        if block.startswith(ITEM)
        for line in block.splitlines()
    ]
    keys = [match[1] if (match := OWN_KEY.match(item)) else "" for item in items]
    numbers = {key: str(number) for number, key in enumerate(keys, start=1) if key}
    view = MethodsView()
    for block in blocks:
        if block.startswith(ITEM):
            texts = (OWN_KEY.sub("", item) for item in items)
            view.references = [
                (key, list(_pieces(text, numbers))) for key, text in zip(keys, texts, strict=True)
            ]
        elif not block.startswith(HEADING):
            paragraph = list(_pieces(" ".join(block.split()), numbers))
            (view.notes if view.references else view.paragraphs).append(paragraph)
    return view


def _pieces(text: str, numbers: dict[str, str]) -> Iterator[Piece]:
    """Parts of a paragraph; a citation without a reference stays as it is written."""
    end = 0
    for match in PIECES.finditer(text):
        cited = [key.strip().lstrip("@") for key in (match["cite"] or "").split(";")]
        if match["cite"] and not all(key in numbers for key in cited):
            continue
        if match.start() > end:
            yield Piece("text", text[end : match.start()])
        end = match.end()
        if match["em"]:
            yield Piece("em", match["em"])
        elif match["doi"]:
            yield Piece("doi", match["doi"], match["doi"])
        else:
            yield from (Piece("cite", numbers[key], key) for key in cited)
    if end < len(text):
        yield Piece("text", text[end:])
