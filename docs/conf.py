"""Configuration of the documentation site: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from spineps_nipype import __version__

project = "spineps-nipype"
author = "the contributors of spineps-nipype"
release = version = __version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "workflow_graph",
    "generated_pages",
]
exclude_patterns = ["_build", "_ext", "_generated/parts"]
html_theme = "furo"
html_title = f"spineps-nipype {release}"
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Inputs", "params_style"), ("Outputs", "params_style")]
suppress_warnings = ["myst.xref_missing"]  # links of repository pages to files outside the site
