"""Errors that the code raises on purpose, read from it: what they say, and the way out."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from spineps_nipype import errors

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = {"spineps_nipype": "spineps_nipype", "workflows": "spineps_nipype.workflows"}
KINDS: Final = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, errors.SpinepsError)
}
UNSEEN: Final = "…"
"""Stands for what is only known when it happens."""


@dataclass(frozen=True)
class Message:
    """What an error says.

    Parameters
    ----------
    kind
        Name of its class.
    what, remedy
        Its words; what is only known when it happens is an ellipsis.
    where
        Module and line.
    """

    kind: str
    what: str
    remedy: str
    where: str


def messages() -> Iterator[Message]:
    """All errors of the package, in the order of its files."""
    for folder, package in SOURCES.items():
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            parts = path.relative_to(REPOSITORY / folder).with_suffix("").parts
            yield from _of_module(path, ".".join([package, *parts]))


def _of_module(path: Path, name: str) -> Iterator[Message]:
    tree, constants = _tree(path), _constants(path)
    calls = [node for node in ast.walk(tree) if _kind(node) in KINDS]
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for call in calls:
        assert isinstance(call, ast.Call)
        around = [f for f in scopes if f.lineno <= call.lineno <= (f.end_lineno or 0)]
        names = {
            **(_handed(around[-1], tree) if around else {}),
            **(_assigned(around[-1], call.lineno) if around else {}),
        }
        stated = [word.value for word in call.keywords if word.arg == "remedy"]
        remedy = next(iter(stated or call.args[1:2]), None)
        for what in _texts(call.args[0] if call.args else None, names, constants):
            words = _texts(remedy, names, constants)
            yield Message(_kind(call), what, words[-1], f"{name}:{call.lineno}")


def _kind(node: ast.AST) -> str:
    """Class of the error that an expression makes, empty if it makes none."""
    if not isinstance(node, ast.Call):
        return ""
    called = getattr(node.func, "id", getattr(node.func, "attr", ""))
    return "ResourceError" if called == "failure" else str(called)


def _assigned(function: ast.FunctionDef, line: int) -> Mapping[str, list[ast.expr]]:
    """What the names of a function may stand for at a line."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and node.lineno <= line:
            for target in node.targets:
                if isinstance(target, ast.Name):
                    values.setdefault(target.id, []).append(node.value)
    return values


def _handed(function: ast.FunctionDef, tree: ast.Module) -> Mapping[str, list[ast.expr]]:
    """What the parameters of a function are in its own module."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == function.name:
            for parameter, value in zip(function.args.args, node.args, strict=False):
                values.setdefault(parameter.arg, []).append(value)
    return values


def _texts(
    node: ast.expr | None, names: Mapping[str, list[ast.expr]], constants: Mapping[str, str]
) -> list[str]:
    """Texts that an expression may give."""
    match node:
        case None:
            return [""]
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(_texts(part, names, constants)[-1] for part in parts)]
        case ast.FormattedValue(value=ast.Name() as name):
            texts = _texts(name, names, constants)
            return texts if len(texts) == 1 else [UNSEEN]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            after = _texts(right, names, constants)
            return [first + second for first in _texts(left, names, constants) for second in after]
        case ast.IfExp(body=body, orelse=orelse):
            return [*_texts(body, names, constants), *_texts(orelse, names, constants)]
        case ast.Name(id=word) if word in names:
            return [text for value in names[word] for text in _texts(value, {}, constants)]
        case ast.Name(id=word):
            return [constants.get(word, UNSEEN)]
    return [UNSEEN]


def _constants(path: Path) -> Mapping[str, str]:
    """Texts with a name in a module, those that it takes from other modules included."""
    texts = dict(_own_constants(path))
    for node in _tree(path).body:
        source = _source(path, node) if isinstance(node, ast.ImportFrom) else None
        if isinstance(node, ast.ImportFrom) and source is not None:
            there = _own_constants(source)
            texts |= {a.asname or a.name: there[a.name] for a in node.names if a.name in there}
    return texts


def _own_constants(path: Path) -> dict[str, str]:
    found = {}
    for node in _tree(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(targets[0], ast.Name) and isinstance(value, ast.Constant):
            found[targets[0].id] = str(value.value)
    return found


def _source(path: Path, node: ast.ImportFrom) -> Path | None:
    """File of a module of this package that another one imports from."""
    parts = (node.module or "").split(".")
    if node.level:
        place = path.parents[node.level - 1].joinpath(*parts)
    else:
        place = REPOSITORY.joinpath(*parts)
    file = place.with_suffix(".py")
    return file if file.is_file() else None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
