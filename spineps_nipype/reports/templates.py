"""Templates of the pages, and the folder with the files they need."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jinja2 import Template

HOME: Final = files("spineps_nipype") / "data" / "report"


def load_template(name: str) -> Template:
    """Load the template of a page; content is escaped, template tags leave no blank lines."""
    from jinja2 import Environment, FunctionLoader

    loader = FunctionLoader(lambda part: (HOME / part).read_text(encoding="utf-8"))
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(name)
