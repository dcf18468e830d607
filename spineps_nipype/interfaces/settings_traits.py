"""Traits from the settings dataclasses, so that an option is written down once."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any, TypeVar

from nipype.interfaces.base import BaseInterfaceInputSpec, isdefined, traits

from ..settings import choices
from ..spineps.settings import PipelineSettings

Group = TypeVar("Group")

_PLAIN = {bool: traits.Bool, int: traits.Int, float: traits.Float, str: traits.Str}


class CheckedText(traits.BaseStr):
    """A text that a check of its option accepts."""

    def __init__(self, default: str, *, check: Callable[[str], Any], **metadata: Any) -> None:
        self._check = check
        super().__init__(default, **metadata)

    def validate(self, owner: Any, name: str, value: Any) -> str:
        """The text.

        Raises
        ------
        TraitError
            If it is none, or the check refuses it, with its words.
        """
        text: str = super().validate(owner, name, value)
        try:
            self._check(text)
        except ValueError as fault:
            raise traits.TraitError(f"{name}: {fault}") from fault
        return text


def settings_spec(*groups: type) -> type[BaseInterfaceInputSpec]:
    """Input specification with one trait for each option of the settings groups.

    An option whose default is None becomes a trait without a default: left undefined, it means
    what the help text of the option says.

    Parameters
    ----------
    *groups
        Settings dataclasses; an option that two of them share appears once.
    """
    namespace: dict[str, Any] = {}
    for group in groups:
        hints = typing.get_type_hints(group)
        for option in fields(group):
            namespace[option.name] = _trait(option, hints[option.name])
    return type("_SettingsSpec", (BaseInterfaceInputSpec,), namespace)


def option_trait(group: type, name: str) -> Any:
    """Trait of one option of a settings group."""
    option = next(f for f in fields(group) if f.name == name)
    return _trait(option, typing.get_type_hints(group)[name])


def read_settings(inputs: Any, group: type[Group]) -> Group:
    """Settings group as the inputs of an interface state it; undefined means the default."""
    stated = {
        o.name: getattr(inputs, o.name)
        for o in fields(group)  # type: ignore[arg-type]
        if isdefined(getattr(inputs, o.name))
    }
    return group(**stated)


def write_settings(inputs: Any, *groups: Any) -> None:
    """Set the traits of an interface from settings groups; None stays undefined."""
    for group in groups:
        for option in fields(group):
            value = getattr(group, option.name)
            if value is not None:
                setattr(inputs, option.name, value)


def numerics_trait() -> Any:
    """Trait that chooses between our numerics and those of SPINEPS."""
    return option_trait(PipelineSettings, "numerics")


def _enum(words: tuple[str, ...], default: Any, **metadata: Any) -> Any:
    """Trait of a choice; Traits wants the default first."""
    others = [word for word in words if word != default]
    return traits.Enum(default, *others, usedefault=True, **metadata)


def _trait(option: Field[Any], annotation: Any) -> Any:
    unit = option.metadata["unit"]
    metadata: dict[str, Any] = {"desc": option.metadata["help"] + (f" [{unit}]" if unit else "")}
    if option.metadata["speed_only"]:
        metadata["nohash"] = True
    words = choices(annotation)
    if words:
        return _enum(words, option.default, **metadata)
    kind = _PLAIN[_without_none(annotation)]
    check, default = option.metadata["check"], option.default
    if check is not None and isinstance(default, str):
        return CheckedText(default, check=check, usedefault=True, **metadata)
    if option.default is None:
        return kind(**metadata)
    return kind(option.default, usedefault=True, **metadata)


def _without_none(annotation: Any) -> type:
    """The type that an option has when it is stated."""
    kind: type = annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kind = next(a for a in typing.get_args(annotation) if a is not type(None))
    return kind
