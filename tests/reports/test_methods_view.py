from __future__ import annotations

from spineps_nipype.reports.boilerplate import Methods, methods_text, system_text
from spineps_nipype.reports.methods_view import Piece, methods_views
from spineps_nipype.spineps.settings import PipelineSettings


def text_of(parts: list[Piece]) -> str:
    return "".join(piece.text for piece in parts)


def test_our_own_text_leaves_no_markdown() -> None:
    """Every citation of the text has its number, and every reference its DOI."""
    markdown = methods_text(
        Methods({"semantic": ["compact_x"]}, PipelineSettings(), {"T2w": 2}, {"nipype": "1"})
    )
    (view,) = methods_views(markdown)
    shown = "\n".join(map(text_of, [*view.paragraphs, *view.notes]))
    for mark in ("@", "*", "#"):
        assert mark not in shown
    cited = [p for paragraph in view.paragraphs for p in paragraph if p.kind == "cite"]
    keys = [key for key, _ in view.references]
    assert {p.target for p in cited} == set(keys)
    assert all(keys[int(p.text) - 1] == p.target for p in cited)
    assert all(any(p.kind == "doi" for p in parts) for _, parts in view.references)
    assert view.notes[0][0].kind == "em"


def test_several_texts() -> None:
    texts = [system_text(name, "1", 1, {}, "Someone 2020") for name in ("first", "second")]
    first, second = methods_views("\n\n".join(texts))
    assert "with first" in text_of(first.paragraphs[0])
    assert "with second" in text_of(second.paragraphs[0])
    assert [key for key, _ in first.references] == [""]


def test_what_is_no_citation_stays_as_it_is() -> None:
    (view,) = methods_views("A [@nobody] <b> 2 * 3 * x, doi: none")
    assert view.paragraphs == [[Piece("text", "A [@nobody] <b> 2 * 3 * x, doi: none")]]
    assert methods_views("") == []
