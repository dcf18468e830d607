"""Installation of the EPISeg model from an archive: fetched on request only.

Source: Spinal Cord Toolbox 7.0, installation of models.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ..errors import ModelError
from ..models.archive import extract_zip
from ..models.download import download
from .lookup import install_folder
from .model import MODEL_KEY, TRAINER, URL, EpiPackage, load_epi_package

SOURCE: Final = "source.json"
IGNORED: Final = "__MACOSX"


def install_model(url: str | None = None, folder: Path | None = None) -> EpiPackage:
    """Fetch an archive and install the model in it; an older one is replaced when all went well.

    Parameters
    ----------
    url
        Address of a zip or tar archive; that of the release unless given.
    folder
        Where to install it; see `install_folder`.

    Raises
    ------
    ModelError
        If the archive cannot be fetched, is damaged, or holds no model.
    """
    address = url or URL
    folder = folder or install_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        part = Path(temporary)
        content = _stripped(_unpack(_fetch(address, part), part / "content"))
        source = {"model_name": MODEL_KEY, "model_urls": [address], "custom": url is not None}
        (content / SOURCE).write_text(json.dumps(source, indent=4) + "\n", encoding="utf-8")
        load_epi_package(content)  # refuses what is no model before anything is replaced
        if folder.exists():
            folder.rename(part / "old")
        content.rename(folder)
    return load_epi_package(folder)


def model_url(package: EpiPackage) -> str:
    """Address that a package was installed from, that of the release when it does not say."""
    home = package.package.folder
    for place in (home, home.parent):
        try:
            source = json.loads((place / SOURCE).read_text(encoding="utf-8"))
            return str(source["model_urls"][0])
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            continue
    return URL


def _fetch(address: str, folder: Path) -> Path:
    """Archive in a folder: downloaded, or where it lies on this machine."""
    parts = urlsplit(address)
    if parts.scheme in {"http", "https"}:
        return download(address, folder)
    archive = Path(unquote(parts.path))
    if parts.scheme != "file":
        raise ModelError(
            f"{address} is no address of an archive.", remedy="Give one with https:// or file://."
        )
    if not archive.is_file():
        raise ModelError("The archive does not exist.", file=archive, remedy="Check the path.")
    return archive


def _unpack(archive: Path, target: Path) -> Path:
    target.mkdir()
    if zipfile.is_zipfile(archive):
        extract_zip(archive, target)
        return target
    try:
        with tarfile.open(archive) as content:
            content.extractall(target, filter="data")
    except (OSError, tarfile.TarError) as fault:
        raise ModelError(
            f"The archive cannot be unpacked: {fault}.", file=archive, remedy="Fetch it again."
        ) from fault
    return target


def _stripped(folder: Path) -> Path:
    """The only folder inside, unless it is that of the trainer itself."""
    inside = [p for p in folder.iterdir() if p.name != IGNORED]
    alone = len(inside) == 1 and inside[0].is_dir() and TRAINER not in inside[0].name
    return inside[0] if alone else folder
