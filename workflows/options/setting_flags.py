"""A flag for every option of the pipeline; type, default, unit and help stand in the settings."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from spineps_nipype.settings import PipelineSettings, choices


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add one flag for every option of the pipeline, a group for each phase."""
    seen: set[str] = set()
    hints = get_type_hints(PipelineSettings)
    for part in fields(PipelineSettings):
        if part.name == "numerics":
            parser.add_argument(
                "--numerics",
                choices=choices(hints["numerics"]),
                default=part.default,
                help=str(part.metadata["help"]),
            )
            continue
        title = (hints[part.name].__doc__ or part.name).splitlines()[0].rstrip(".")
        group = parser.add_argument_group(title[:1].lower() + title[1:])
        types = get_type_hints(hints[part.name])
        for option in fields(hints[part.name]):
            if option.name not in seen:
                add_option(group, option, types[option.name])
            seen.add(option.name)


def add_option(group: Any, option: Field[Any], kind: Any) -> None:
    """Add the flag of one option."""
    flag = "--" + (option.metadata["flag"] or option.name).replace("_", "-")
    unit = option.metadata["unit"]
    text = option.metadata["help"].replace("%", "%%")
    plain = next((k for k in get_args(kind) if k is not NoneType), kind)
    optional = NoneType in get_args(kind)
    if plain is bool or kind is bool:
        default = "" if optional else f" (default: {'on' if option.default else 'off'})"
        group.add_argument(
            flag,
            dest=option.name,
            action=argparse.BooleanOptionalAction,
            default=option.default,
            help=text + default,
        )
        return
    words = choices(kind)
    default = "" if optional else f" (default: {option.default}{' ' + unit if unit else ''})"
    group.add_argument(
        flag,
        dest=option.name,
        type=str if words else plain,
        choices=words or None,
        default=option.default,
        metavar=None if words else (unit.upper().replace(" ", "_") or plain.__name__.upper()),
        help=text + default,
    )


def check_ranges(options: Iterable[Field[Any]], given: Mapping[str, Any]) -> None:
    """Refuse numbers outside the range of their option.

    Raises
    ------
    ValueError
        With the flag and its value.
    """
    for option in options:
        value = given.get(option.name)
        least, most = option.metadata["least"], option.metadata["most"]
        if value is None:
            continue
        if not (least is None or value >= least) or not (most is None or value <= most):
            flag = option.metadata["flag"] or option.name
            words = f"{least} or more" if most is None else f"from {least} to {most}"
            raise ValueError(f"argument --{flag.replace('_', '-')}: {value} is not {words}")


def pipeline_options() -> list[Field[Any]]:
    """Options of the pipeline, each once."""
    hints = get_type_hints(PipelineSettings)
    found = {
        option.name: option
        for part in fields(PipelineSettings)
        if part.name != "numerics"
        for option in fields(hints[part.name])
    }
    return list(found.values())
