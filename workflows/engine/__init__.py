"""How graphs run: plugins, node processes, progress, memory and processors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plugins import make_plugin as make_plugin

__all__ = ["make_plugin"]


def __getattr__(name: str) -> Any:
    """`make_plugin`, without loading Nipype for those who only ask for the machine."""
    if name in __all__:
        from . import plugins

        return getattr(plugins, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
