"""How an option is declared, and what all systems share.

An option is a field of a settings dataclass in the package of its system, declared once with
`option`: default, help text, unit and range. The trait of an interface, the flag of the command
line, the key of a configuration file, the entry of a sidecar and the row of the documentation
follow from it. Settings are plain, frozen and hashable, so they can be compared with what a
sidecar recorded. They may hold groups: fields that are settings dataclasses themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar, get_args, get_type_hints

Engine = Literal["auto", "torch", "openvino"]
Precision = Literal["float32", "bfloat16", "auto"]
Group = TypeVar("Group")


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    key: str = "",
    metavar: str = "",
    separator: str = "",
    least: float | None = None,
    most: float | None = None,
    check: Callable[[Any], Any] | None = None,
    flag: bool = True,
    speed_only: bool = False,
) -> Any:
    """Declare one option.

    Parameters
    ----------
    default, help, unit
        What it is unless given, what it does, and what it is counted in.
    key
        Replaces the name of the field on the command line and in configuration files, where
        another system has one of the same name.
    metavar
        What the help of the command line calls its value.
    separator
        What stands between the words of a text that is a list of words; users give them one by
        one.
    least, most
        Range of a number; the command line refuses others.
    check
        Raises `ValueError` for a value that cannot be used, with the reason.
    flag
        Whether users can set it; False for what a caller in Python decides.
    speed_only
        It changes how fast a result is made, not which: a stored result stays valid.
    """
    told = {
        "help": help,
        "unit": unit,
        "key": key,
        "metavar": metavar,
        "separator": separator,
        "least": least,
        "most": most,
        "check": check,
        "flag": flag,
        "speed_only": speed_only,
    }
    return field(default=default, metadata=told)


class Option(NamedTuple):
    """An option of a settings dataclass: its field, and its type."""

    field: Field[Any]
    kind: Any


def key_of(option: Field[Any]) -> str:
    """Name of an option on the command line and in configuration files."""
    return option.metadata.get("key") or option.name


def options_of(settings: type) -> dict[str, Option]:
    """Options of a settings dataclass and of its groups, by key; those of several groups once."""
    found: dict[str, Option] = {}
    hints = get_type_hints(settings)
    for f in fields(settings):
        if is_dataclass(hints[f.name]):
            inner = options_of(hints[f.name])
        else:
            inner = {key_of(f): Option(f, hints[f.name])}
        found.update({key: o for key, o in inner.items() if key not in found})
    return found


def with_values(settings: Group, values: Mapping[str, Any]) -> Group:
    """The same settings with other values by key, in each group that has the key.

    Keys of other settings may be among them.
    """
    changes: dict[str, Any] = {}
    for f, value in _entries(settings):
        if is_dataclass(value):
            changes[f.name] = with_values(value, values)
        elif key_of(f) in values:
            changes[f.name] = values[key_of(f)]
    changed: Group = replace(settings, **changes)  # type: ignore[type-var]
    return changed


def flat_values(settings: object) -> dict[str, Any]:
    """Values of all options by key, those of groups included."""
    found: dict[str, Any] = {}
    for f, value in _entries(settings):
        found.update(flat_values(value) if is_dataclass(value) else {key_of(f): value})
    return found


def deciding_values(settings: object) -> dict[str, Any]:
    """What decides about results, by name and group, as a sidecar records it."""
    found: dict[str, Any] = {}
    for f, value in _entries(settings):
        if is_dataclass(value):
            found[f.name] = deciding_values(value)
        elif not f.metadata.get("speed_only"):
            found[f.name] = value
    return found


def _entries(settings: Any) -> list[tuple[Field[Any], Any]]:
    """Fields of a dataclass with their values."""
    return [(f, getattr(settings, f.name)) for f in fields(settings)]


class Settings:
    """Base of the settings of a system, which are read and changed by the keys of options."""

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Default settings with other values by key.

        Raises
        ------
        TypeError
            If there is no option with such a key.
        """
        unknown = sorted(set(values) - set(options_of(cls)))
        if unknown:
            raise TypeError(f"unknown settings: {', '.join(unknown)}")
        return with_values(cls(), values)

    def flat(self) -> dict[str, Any]:
        """Values of all options by key."""
        return flat_values(self)


@dataclass(frozen=True)
class EngineSettings:
    """How networks are computed."""

    engine: Engine = option(
        "auto", "openvino where it is installed and networks run on the processor, else torch"
    )
    precision: Precision = option(
        "float32", "bfloat16 is faster and changes a few voxels; auto: where the device has it"
    )


AUTO_ENGINE: Final = EngineSettings()


def choices(annotation: Any) -> tuple[str, ...]:
    """Allowed words of a `Literal` annotation, empty for any other."""
    args = get_args(annotation)
    return args if args and all(isinstance(a, str) for a in args) else ()
