"""Model packages of EPISeg: a result folder of nnU-Net, and the outputs that it defines.

Source: Spinal Cord Toolbox 7.0, inference with nnU-Net models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..core.safe_names import safe_name
from ..errors import ModelError
from ..models.install import install_archive, source_of
from ..models.package import ModelPackage
from ..models.package_files import read_package_json
from ..models.places import epi_folder
from ..models.registry import registry
from ..models.result_folders import EPI_ID
from ..models.systems import SC_EPI
from .recipe import result_name

CORD_SUFFIX: Final = "_seg"
ROOTLETS_SUFFIX: Final = "_rootlets"


@dataclass(frozen=True)
class EpiOutput:
    """An output file made from the result of the network.

    Parameters
    ----------
    suffix
        Text that is added to the name of the image.
    labels
        Labels of the network that belong to it; None for the whole label map.
    """

    suffix: str
    labels: tuple[int, ...] | None


@dataclass(frozen=True)
class EpiPackage:
    """A model package with the outputs that its `dataset.json` defines."""

    package: ModelPackage
    outputs: tuple[EpiOutput, ...]

    @property
    def orientation(self) -> tuple[str, str, str]:
        """Orientation that the network expects, in axis codes of nibabel."""
        return self.package.config.orientation


def epi_package(package: ModelPackage) -> EpiPackage:
    """The package with what its `dataset.json` says about outputs.

    Raises
    ------
    ModelError
        If the file is missing or damaged, or names no label.
    """
    return EpiPackage(package, outputs_of(read_package_json(package.folder / "dataset.json")))


def install_model(url: str | None = None, folder: Path | None = None) -> EpiPackage:
    """Install the model from an archive; an older one is replaced when all went well.

    Parameters
    ----------
    url
        Address of a zip or tar archive; that of the release unless given.
    folder
        Where to install it; see `places.epi_folder`.

    Raises
    ------
    ModelError
        If the archive cannot be fetched, is damaged, or holds no model.
    """
    address = url or registry()["episeg"].url
    source = {"model_name": EPI_ID, "model_urls": [address], "custom": url is not None}
    return epi_package(install_archive(address, folder or epi_folder(), SC_EPI, source=source))


def model_url(package: EpiPackage) -> str:
    """Address that a package was installed from, that of the release when it does not say."""
    urls = source_of(package.package).get("model_urls")
    return str(urls[0]) if isinstance(urls, list) and urls else registry()["episeg"].url


def with_mirroring(package: EpiPackage) -> EpiPackage:
    """The same package with mirroring at test time."""
    inner = package.package
    return replace(package, package=replace(inner, config=replace(inner.config, mirroring=True)))


def outputs_of(dataset: Mapping[str, Any]) -> tuple[EpiOutput, ...]:
    """Output files that the labels in `dataset.json` define.

    A single label ``sc`` becomes the file ``_seg``, levels ``lvl1`` and so on become one file
    ``_rootlets``, and every other label becomes a file of its own.
    """
    labels = {
        name: tuple(int(v) for v in value) if isinstance(value, Sequence) else (int(value),)
        for name, value in dataset.get("labels", {}).items()
        if name not in {"background", "ignore"}
    }
    if not labels:
        raise ModelError(
            "dataset.json names no label but the background.",
            remedy="Install the model again (spineps-sc-epi -install).",
        )
    if list(labels) == ["sc"]:
        return (EpiOutput(CORD_SUFFIX, labels["sc"]),)
    if all(name == f"lvl{i}" for i, name in enumerate(labels, start=1)):
        return (EpiOutput(ROOTLETS_SUFFIX, None),)
    outputs = tuple(EpiOutput(f"_{safe_name(n)}_seg", values) for n, values in labels.items())
    if len({result_name(output.suffix) for output in outputs}) < len(outputs):
        raise ModelError(
            "dataset.json names labels that give the same file name.",
            remedy="Rename the labels: letters, digits, and single words tell them apart.",
        )
    return outputs
