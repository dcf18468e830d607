"""Networks on disk: packages with `inference_config.json` in the SPINEPS layout, ONNX files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

from spineps_nipype.errors import ModelError

from .config import Kind, ModelConfig
from .package_files import digest_folder
from .plans import check_result_folder

CONFIG_NAME: Final = "inference_config.json"


class Package(Protocol):
    """What is known of every network that was found, whatever its system and format."""

    @property
    def id(self) -> str:
        """Name by which users and records know it."""

    @property
    def digest(self) -> str:
        """SHA-256 over everything in its files that decides about results."""

    @property
    def folder(self) -> Path:
        """Folder that holds its files."""


@dataclass(frozen=True)
class ModelPackage:
    """A package of the SPINEPS layout, or an nnU-Net result folder.

    Parameters
    ----------
    id
        Lower-cased folder name, as SPINEPS names local models.
    folder
        Folder that holds the weights.
    config
        Its `inference_config.json`, or what stands for it.
    digest
        SHA-256 over names and contents of its files, those of its weights included: what a cache
        may rely on.
    """

    id: str
    folder: Path
    config: ModelConfig
    digest: str

    @property
    def weights(self) -> Path:
        """Folder of plans and weights: its own, or the one beside it that it names."""
        named = self.config.weights_of
        return self.folder.with_name(named) if named else self.folder

    @property
    def kind(self) -> Kind:
        """Phase that the package serves."""
        return self.config.kind


@dataclass(frozen=True)
class OnnxPackage:
    """A network in one ONNX file.

    Parameters
    ----------
    id
        Name of the file without its extension.
    file
        The file.
    digest
        SHA-256 of its bytes.
    """

    id: str
    file: Path
    digest: str

    @property
    def folder(self) -> Path:
        """Folder that holds the file."""
        return self.file.parent


P = TypeVar("P", bound=Package)


def unchanged(package: P, digest: str) -> P:
    """The package, if its files are those whose digest was taken earlier.

    Raises
    ------
    ModelError
        If they are not.
    """
    if package.digest != digest:
        raise ModelError(
            "The model package has changed since this workflow was built.",
            file=package.folder,
            remedy="Build the workflow again, so that its results name the right model.",
        )
    return package


def package_id(config_file: Path) -> str:
    """Id of the package that a configuration file belongs to.

    Inside an nnU-Net result folder (`…nnUNetPlans…`) the name of its parent counts.
    """
    folder = config_file.parent
    if "nnUNetPlans" in folder.name:
        folder = folder.parent
    return folder.name.lower()


def load_package(folder: str | Path, *, id: str | None = None) -> ModelPackage:
    """Describe the package in a folder; weights are not loaded.

    Parameters
    ----------
    folder
        Folder with exactly one `*inference_config.json` in or below it. Weights are looked for
        in the folder of that file.
    id
        Name to give the package instead of the folder's.

    Raises
    ------
    ModelError
        If the folder does not exist, holds no or several configurations, or what they say
        cannot be.
    """
    folder = Path(folder).absolute()  # nodes run in other folders
    if folder.is_file() and folder.name.endswith(CONFIG_NAME):
        folder = folder.parent
    if not folder.is_dir():
        raise ModelError(
            "The model folder does not exist.",
            file=folder,
            remedy="Give the folder of a model package, or the id of an installed one.",
        )
    found = sorted(folder.glob(f"**/*{CONFIG_NAME}"))
    if not found:
        raise ModelError(
            "The model folder holds no inference_config.json.",
            file=folder,
            remedy="Give the folder that directly holds configuration and weights.",
        )
    if len(found) > 1:
        names = ", ".join(p.relative_to(folder).as_posix() for p in found)
        raise ModelError(
            f"The model folder holds several packages: {names}.",
            file=folder,
            remedy="Give the folder of one of them.",
        )
    home = found[0].parent
    config = ModelConfig.from_json(found[0])
    package = ModelPackage(id=id or package_id(found[0]), folder=home, config=config, digest="")
    if not package.weights.is_dir():
        raise ModelError(
            f"The weights of {config.weights_of!r} are not there.",
            file=package.weights,
            remedy="Install both packages into one folder.",
        )
    if config.modeltype == "nnunet":
        check_result_folder(package.weights)
    digest = digest_folder(home)
    if config.weights_of:
        both = digest + digest_folder(package.weights)
        digest = hashlib.sha256(both.encode()).hexdigest()
    return replace(package, digest=digest)
