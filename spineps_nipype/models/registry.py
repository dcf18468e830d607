"""The released SPINEPS packages, as a table. Nothing here touches the network."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Release:
    """A package that the SPINEPS authors publish.

    Parameters
    ----------
    id
        Name that users give.
    url
        Where the zip file lies.
    folder
        Folder name under which SPINEPS installs it.
    licence, citation
        Terms of use, and what to cite.
    """

    id: str
    url: str
    folder: str
    licence: str
    citation: str


@cache
def released() -> dict[str, Release]:
    """Releases by id; aliases are entries of their own that name the same folder."""
    text = (files("spineps_nipype") / "data" / "models" / "registry.toml").read_text("utf-8")
    table = tomllib.loads(text)
    out: dict[str, Release] = {}
    for id_, entry in table["packages"].items():
        release = Release(
            id=id_,
            url=table["base_url"] + entry["url"],
            folder=entry["folder"],
            licence=entry.get("licence", table["licence"]),
            citation=entry.get("citation", table["citation"]),
        )
        for name in (id_, *entry.get("aliases", [])):
            out[name] = release
    return out
