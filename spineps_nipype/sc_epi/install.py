"""Installation of the EPISeg model from an archive: fetched on request only.

Source: Spinal Cord Toolbox 7.0, installation of models.
"""

from __future__ import annotations

import json
import logging
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from ..errors import ModelError
from .lookup import install_folder
from .model import MODEL_KEY, TRAINER, URL, EpiPackage, load_epi_package

logger = logging.getLogger(__name__)

SOURCE: Final = "source.json"
RETRIES: Final = 3
BACK_OFF: Final = 0.5
"""Seconds before the second try; doubled before each further one."""
AGAIN: Final = frozenset({500, 503, 504})
"""Answers of a server after which another try is worth while."""
TIMEOUT: Final = 60.0
CHUNK: Final = 1 << 20
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
        archive = _fetch(address, part / _file_name(address))
        content = _stripped(_unpack(archive, part / "content", address))
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


def _file_name(address: str) -> str:
    return PurePosixPath(urlsplit(address).path).name or "archive.zip"


def _fetch(address: str, target: Path) -> Path:
    if urlsplit(address).scheme not in {"http", "https", "file"}:
        raise ModelError(
            f"{address} is no address of an archive.", remedy="Give an https:// address."
        )
    for attempt in range(RETRIES + 1):
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310
                _save(answer, target)
            return target
        except urllib.error.HTTPError as fault:
            last: Exception = fault
            if fault.code not in AGAIN:
                break
        except (urllib.error.URLError, OSError) as fault:
            last = fault
        if attempt < RETRIES and not address.startswith("file:"):
            time.sleep(BACK_OFF * 2**attempt)
    raise ModelError(
        f"The archive {address} cannot be fetched: {last}.",
        remedy="Check the network, or download it elsewhere and give -custom-url file:///….zip.",
    )


def _save(answer: Any, target: Path) -> None:
    logger.info("downloading %s", target.name)
    with target.open("wb") as stream:
        shutil.copyfileobj(answer, stream, CHUNK)


def _unpack(archive: Path, target: Path, address: str) -> Path:
    target.mkdir()
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                content.extractall(target)  # zipfile itself drops .. and roots  # noqa: S202
        else:
            with tarfile.open(archive) as content:
                content.extractall(target, filter="data")
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as fault:
        raise ModelError(
            f"The archive {address} cannot be unpacked: {fault}.", remedy="Fetch it again."
        ) from fault
    return target


def _stripped(folder: Path) -> Path:
    """The only folder inside, unless it is that of the trainer itself."""
    inside = [p for p in folder.iterdir() if p.name != IGNORED]
    alone = len(inside) == 1 and inside[0].is_dir() and TRAINER not in inside[0].name
    return inside[0] if alone else folder
