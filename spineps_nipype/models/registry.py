"""The released packages of all systems, as a table. Nothing here touches the network."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SPINEPS = "SPINEPS"


@dataclass(frozen=True)
class Release:
    """A package that the authors of a system publish.

    Parameters
    ----------
    id
        Name that users give.
    family
        System that it is for.
    urls
        Where its files lie: one archive, or plain files.
    folder
        Folder below the models folder under which it is installed; of SPINEPS, its own name.
    holds
        End of the name of a file that every such package has.
    about
        What it is for.
    licence, citation
        Terms of use, and what to cite.
    hint
        How runs find it; ``{models}`` and ``{folder}`` stand for folders.
    """

    id: str
    family: str
    urls: tuple[str, ...]
    folder: str
    holds: str
    about: str
    licence: str
    citation: str
    hint: str

    @property
    def url(self) -> str:
        """Where its first file lies."""
        return self.urls[0]

    @property
    def archive(self) -> bool:
        """Whether its file is an archive to unpack."""
        return self.url.endswith(".zip")


@cache
def registry() -> dict[str, Release]:
    """Releases of all systems by id."""
    return {id_: release for id_, (release, _) in _table().items()}


@cache
def released() -> dict[str, Release]:
    """Releases of SPINEPS by id; aliases are entries of their own that name the same folder."""
    return {
        name: release
        for release, aliases in _table().values()
        if release.family == SPINEPS
        for name in (release.id, *aliases)
    }


def _table() -> dict[str, tuple[Release, tuple[str, ...]]]:
    text = (files("spineps_nipype") / "data" / "models" / "registry.toml").read_text("utf-8")
    out = {}
    for family, shared in tomllib.loads(text)["families"].items():
        for id_, entry in shared["packages"].items():
            release = Release(
                id=id_,
                family=family,
                urls=tuple(shared["base_url"] + name for name in entry["files"]),
                folder=entry["folder"],
                holds=shared["holds"],
                about=entry["about"],
                licence=entry.get("licence", shared["licence"]),
                citation=entry.get("citation", shared["citation"]),
                hint=shared["hint"],
            )
            out[id_] = release, tuple(entry.get("aliases", ()))
    return out
