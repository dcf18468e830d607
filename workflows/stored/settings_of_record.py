"""Settings of SPINEPS as sidecars tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.spineps.upstream import upstream


def settings_of_record(recorded: Mapping[str, Any]) -> PipelineSettings:
    """Settings of a record; what it does not know, or what cannot be, is as usual."""
    default = PipelineSettings()
    known = default.flat()
    flat = {n: v for n, v in _flat(recorded).items() if n in known and _same_kind(v, known[n])}
    numerics = recorded.get("numerics", default.numerics)
    if not _known(numerics):
        numerics = default.numerics
    return replace(PipelineSettings.from_flat(flat), numerics=numerics)


def settings_fault(recorded: Mapping[str, Any]) -> str:
    """What cannot be in the settings of a record, in words; empty if all can."""
    known = PipelineSettings().flat()
    for name, value in _flat(recorded).items():
        if name in known and not _same_kind(value, known[name]):
            return f"the setting {name} cannot be {str(value)[:40]!r}"
    numerics = recorded.get("numerics")
    if numerics is not None and not _known(numerics):
        return f"the setting numerics cannot be {str(numerics)[:40]!r}"
    return ""


def _known(numerics: object) -> bool:
    """Whether there are such numerics."""
    try:
        upstream(str(numerics))
    except ValueError:
        return False
    return True


def _flat(recorded: Mapping[str, Any]) -> dict[str, Any]:
    groups = (value for value in recorded.values() if isinstance(value, dict))
    return {name: value for group in groups for name, value in group.items()}


def _same_kind(value: Any, default: Any) -> bool:
    """Whether a value from JSON may stand for an option, by the kind of its default."""
    if default is None or value is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, int | float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list)
    return isinstance(value, type(default))
