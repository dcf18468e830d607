"""Where the weights of the two steps are found. Nothing is downloaded here.

Source: TotalSpineSeg 20251028, weight installation. A step is either an nnU-Net result folder of
a release, or a model package of our own with `inference_config.json`.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ..errors import ModelError
from ..models.config import ModelConfig
from ..models.lookup import embedded_system, models_dir
from ..models.package import CONFIG_NAME, ModelPackage, digest_folder, load_package
from .profiles import DATASETS, SEED, Profile

if TYPE_CHECKING:
    from ..models.inference.semantic import SemanticNetwork

Step = Literal[1, 2]
DATA_VARIABLE: Final = "TOTALSPINESEG_DATA"
"""Environment variable with the data folder, the same as in TotalSpineSeg."""
RESULTS: Final = Path("nnUNet", "results")
EXPORTS: Final = Path("nnUNet", "exports")
FOLD: Final = "0"
STEP_SIZE: Final = 0.5
SYSTEM: Final = "totalspineseg"
EMBEDDED: Final = ("compact_totalspineseg_step1", "compact_totalspineseg_step2")
"""Packages that come with this installation, if it has them."""


def data_dir(stated: str | Path | None = None) -> Path | None:
    """Data folder: the stated one, else that of the environment, else None.

    Raises
    ------
    ModelError
        If the folder does not exist.
    """
    named = stated or os.environ.get(DATA_VARIABLE)
    if not named:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise ModelError(
            "The TotalSpineSeg data folder does not exist.",
            file=folder,
            remedy=f"Create it, or correct --data-dir or {DATA_VARIABLE}.",
        )
    return folder


def find_weights(
    step: Step,
    *,
    profile: Profile = SEED,
    data: str | Path | None = None,
    models: Path | None = None,
) -> ModelPackage:
    """Weights of a step: those of the release in the data folder, else the embedded ones.

    Parameters
    ----------
    step
        1 or 2.
    profile
        Release that is wanted.
    data
        Data folder; see `data_dir`.
    models
        Models folder, which may hold a data folder; that of SPINEPS unless given.

    Raises
    ------
    ModelError
        If a data folder is named that lacks the weights, or there are none at all.
    """
    folder = data_dir(data)
    name = DATASETS[step - 1]
    if folder is not None:
        home = _installed(folder, profile)
        if home is not None:
            return load_weights(home / name, profile=profile)
        raise _missing(step, profile, folder / RESULTS)
    common = models_dir(models)
    home = None if common is None else _installed(common / SYSTEM, profile)
    if home is not None:
        return load_weights(home / name, profile=profile)
    compact = embedded_system(SYSTEM)
    home = None if compact is None else _installed(compact, profile)
    if home is not None:
        return replace(load_weights(home / name, profile=profile), id=EMBEDDED[step - 1])
    raise _missing(step, profile, None)


def _installed(folder: Path, profile: Profile) -> Path | None:
    """Folder with both data sets of a release, in or below a data folder."""
    results = folder / RESULTS
    for home in (results, results / profile.release, folder):
        if all((home / dataset).is_dir() for dataset in DATASETS):
            return home
    return None


def _missing(step: Step, profile: Profile, where: Path | None) -> ModelError:
    return ModelError(
        "Model weights are missing.",
        file=where,
        remedy=(
            f"Download {profile.url(step)}, put it into {EXPORTS} of the data folder and install "
            f"it, or unpack it into {RESULTS}; name the data folder with {DATA_VARIABLE}."
        ),
    )


def load_weights(folder: str | Path, *, profile: Profile = SEED) -> ModelPackage:
    """Describe the weights in a folder: a package of ours, or an nnU-Net result folder.

    Parameters
    ----------
    folder
        Folder of a package, of a data set, or of a trainer inside it.
    profile
        Release that the weights are of; says what the folder itself does not.

    Raises
    ------
    ModelError
        If there are no weights, or those of several trainers.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(
            "The folder of the weights does not exist.",
            file=folder,
            remedy="Give the folder of a data set, such as Dataset101_TotalSpineSeg_step1.",
        )
    if any(folder.glob(f"**/*{CONFIG_NAME}")):
        return load_package(folder)
    homes = sorted({path.parent for path in (folder, *folder.glob("**/")) if _is_fold(path)})
    if len(homes) != 1:
        found = ", ".join(home.name for home in homes) or "none"
        raise ModelError(
            f"The folder must hold the folds of exactly one trainer; found: {found}.",
            file=folder,
            remedy="Install the weights again, or give the folder of one trainer.",
        )
    home = homes[0]
    name = home.parent.name if "__" in home.name else home.name
    return ModelPackage(
        id=f"{name.lower()}_{profile.release}" if profile.release not in name else name.lower(),
        folder=home,
        config=release_config(name, mirroring=profile is SEED),
        digest=digest_folder(home),
    )


def _is_fold(path: Path) -> bool:
    return path.name.startswith("fold_") and path.is_dir()


def release_config(name: str, *, mirroring: bool = False) -> ModelConfig:
    """What an nnU-Net release of TotalSpineSeg does not say about itself.

    Canonical axes, 1 mm, one fold, raw classes as labels.
    """
    iso = (1.0, 1.0, 1.0)
    return ModelConfig(
        log_name=name,
        modality=("T1w", "T2w"),
        acquisition="iso",
        modeltype="nnunet",
        orientation=("R", "A", "S"),
        folds=(FOLD,),
        mirroring=mirroring,
        spacing_min=iso,
        spacing_max=iso,
        step_size=STEP_SIZE,
        labels={},
    )


def load_step(
    package: ModelPackage, *, profile: Profile = SEED, device: str = "cpu"
) -> SemanticNetwork:
    """Load the network of a step, from the checkpoint that the release prefers."""
    from ..models.inference.semantic import load_semantic

    return load_semantic(package, device=device, checkpoints=profile.checkpoints)


def install_exports(
    data: str | Path, *, profile: Profile = SEED, keep_archives: bool = True
) -> list[Path]:
    """Unpack the downloaded archives of a release that lie in the exports of a data folder.

    Parameters
    ----------
    data
        Data folder.
    profile
        Release.
    keep_archives
        Keep the archives after unpacking.

    Returns
    -------
    list
        Folders of the two data sets.

    Raises
    ------
    ModelError
        If an archive is missing, damaged, or would write outside its folder.
    """
    data = Path(data)
    home = data / RESULTS / profile.release
    out = []
    steps: tuple[Step, ...] = (1, 2)
    for step in steps:
        name = DATASETS[step - 1]
        target = home / name
        out.append(target)
        if target.is_dir():
            continue
        archive = data / EXPORTS / f"{name}_{profile.release}.zip"
        if not archive.is_file():
            raise _missing(step, profile, archive)
        _unpack(archive, home, name)
        if not keep_archives:
            archive.unlink()
    return out


def _unpack(archive: Path, home: Path, name: str) -> None:
    """Unpack beside the target and rename, so that half an archive never looks installed."""
    part = home / f".{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as content:
            strange = [n for n in content.namelist() if Path(n).parts[:1] != (name,)]
            strange += [n for n in content.namelist() if ".." in Path(n).parts]
            if strange:
                raise ModelError(
                    f"The archive holds {strange[0]!r}, which is not below {name}.",
                    file=archive,
                    remedy="Download it again from the release page.",
                )
            content.extractall(part)
    except zipfile.BadZipFile as err:
        raise ModelError(
            f"The archive is damaged: {err}.", file=archive, remedy="Download it again."
        ) from err
    (part / name).rename(home / name)
    shutil.rmtree(part, ignore_errors=True)
