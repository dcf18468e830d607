"""A flag for every option of a settings dataclass; what it says stands in its declaration.

The value of a flag, or of a key in a configuration file, becomes that of the option with `stated`,
and the other way round with `spelled`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, cast, get_args, get_origin, get_type_hints

from spineps_nipype.settings import Option, choices, key_of, options_of

from .value_types import Gather, Replaceable, blamed_on


def add_phases(parser: argparse.ArgumentParser, settings: type) -> None:
    """Add the options of settings whose groups are phases: a group of flags for each."""
    seen: set[str] = set()
    hints = get_type_hints(settings)
    for phase in fields(settings):
        kind = hints[phase.name]
        if not is_dataclass(kind):
            add_option(parser, Option(phase, kind))
            continue
        title = (kind.__doc__ or phase.name).splitlines()[0].rstrip(".")
        group = parser.add_argument_group(title[:1].lower() + title[1:])
        for key, option in options_of(cast("type", kind)).items():
            if key not in seen:
                add_option(group, option)
            seen.add(key)


def add_options(group: Any, settings: type) -> None:
    """Add the options of settings, and of their groups, to one group of flags."""
    for option in flagged(settings).values():
        add_option(group, option)


def flagged(settings: type) -> dict[str, Option]:
    """Options that users can set, by key."""
    found = options_of(settings)
    return {key: o for key, o in found.items() if o.field.metadata.get("flag", True)}


def flag_of(option: Option) -> str:
    """Flag of an option."""
    return "--" + key_of(option.field).replace("_", "-")


def add_option(group: Any, option: Option) -> None:
    """Add the flag of one option."""
    group.add_argument(flag_of(option), **argument_of(option))


def argument_of(option: Option) -> dict[str, Any]:
    """What ``add_argument`` has to know of an option, but for its flag."""
    declared, told = option.field, option.field.metadata
    kind = _without_none(option.kind)
    shared = {
        "dest": key_of(declared),
        "default": declared.default,
        "help": told["help"].replace("%", "%%") + _default_words(option),
    }
    name = told["metavar"] or told["unit"].upper().replace(" ", "_")
    if kind is bool:
        return {**shared, "action": argparse.BooleanOptionalAction}
    if choices(kind):
        return {**shared, "choices": choices(kind)}
    if _is_list(option):
        shared["default"] = Replaceable(spelled(option, declared.default))
        return {**shared, "action": Gather, "nargs": "+", "metavar": name or "TEXT"}
    return {**shared, "type": kind, "metavar": name or kind.__name__.upper()}


def _default_words(option: Option) -> str:
    """What the help says about the default; nothing where the help text itself says it."""
    default, unit = option.field.default, option.field.metadata["unit"]
    if isinstance(default, bool):
        return f" (default: {'on' if default else 'off'})"
    if default is None or default == "" or _is_list(option):
        return ""
    return f" (default: {default}{' ' + unit if unit else ''})"


def stated(option: Option, given: Any) -> Any:
    """Value of an option from that of its flag: words joined, lists fixed, paths absolute."""
    separator = option.field.metadata.get("separator")
    return separator.join(given) if separator else _fixed(given)


def _fixed(given: Any) -> Any:
    if isinstance(given, Path):
        return given.expanduser().absolute()
    if isinstance(given, list | tuple):
        return tuple(map(_fixed, given))
    return given


def spelled(option: Option, value: Any) -> Any:
    """Value of an option as a configuration file has it; `stated` reads it back."""
    separator = option.field.metadata.get("separator")
    if separator:
        return [word for part in value.split(separator) if (word := part.strip())]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return ["=".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in value]
    return value


def check_values(options: Mapping[str, Option], values: Mapping[str, Any]) -> None:
    """Refuse values outside the range of their option, or that its own check refuses.

    Raises
    ------
    ValueError
        With the flag and the value.
    """
    for key, option in options.items():
        value, told = values.get(key), option.field.metadata
        if value is None or not told:
            continue
        least, most = told["least"], told["most"]
        if not (least is None or value >= least) or not (most is None or value <= most):
            words = f"{least} or more" if most is None else f"from {least} to {most}"
            raise ValueError(f"argument {flag_of(option)}: {value} is not {words}")
        if told["check"] is not None:
            with blamed_on(flag_of(option)):
                told["check"](value)


def _is_list(option: Option) -> bool:
    return bool(option.field.metadata["separator"]) or get_origin(option.kind) is tuple


def _without_none(kind: Any) -> Any:
    """Type of the values of an option that may be left open."""
    if NoneType in get_args(kind):
        return next(k for k in get_args(kind) if k is not NoneType)
    return kind
