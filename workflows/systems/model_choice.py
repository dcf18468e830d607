"""Which model packages segment a scan."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.core.planes import image_plane
from spineps_nipype.errors import CompatibilityError, ModelError
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.folders import is_embedded
from spineps_nipype.models.matching import best_models
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.models.spineps_packages import list_packages
from spineps_nipype.models.systems import SPINEPS

from ..options.run_options import AUTO, NO_MODEL, ModelChoice

logger = logging.getLogger("spineps_nipype.models")

KINDS: Final = ("semantic", "instance", "labeling")


@dataclass(frozen=True)
class ChosenModels:
    """Packages for one scan by kind, and what a reader of its results has to know of them."""

    packages: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def semantic(self) -> ModelPackage:
        """The semantic package of SPINEPS."""
        package: ModelPackage = self.package("semantic")
        return package

    def package(self, kind: str) -> Any:
        """Package of a kind that cannot be left out.

        Raises
        ------
        ModelError
            If it is left out all the same.
        """
        package = self.packages.get(kind)
        if package is None:
            raise ModelError(f"A {kind} model is needed.", remedy="Name one, or install one.")
        return package


class ModelChooser:
    """Chooses the packages of each scan; the list of packages is read once.

    Parameters
    ----------
    asked
        Models that options name.
    ignore_compatibility
        Where no labelling model fits a scan, the nearest one names it all the same.

    Raises
    ------
    ModelError
        When it is made, if a model that is asked for by name is not there.
    """

    def __init__(self, asked: ModelChoice, *, ignore_compatibility: bool = False) -> None:
        self._ignore_compatibility = ignore_compatibility
        self._asked = {
            "semantic": asked.model_semantic,
            "instance": asked.model_instance,
            "labeling": asked.model_labeling,
        }
        self._folder = asked.models_dir
        self._named = {
            kind: _asked_for(kind, word, asked.models_dir)
            for kind, word in self._asked.items()
            if word not in (AUTO, NO_MODEL)
        }
        if NO_MODEL in (asked.model_semantic, asked.model_instance):
            raise ModelError(
                "Only the labelling model can be left out.",
                remedy="Give a semantic and an instance model, or leave the choice to the run.",
            )

    def choose(self, modality: str | None, header: ScanHeader) -> ChosenModels:
        """Packages for a scan.

        Parameters
        ----------
        modality
            Modality that the name of the scan says, None if it says none.
        header
            Its grid.

        Raises
        ------
        CompatibilityError
            If no semantic model fits the scan.
        ModelError
            If there is no instance model.
        """
        packages: dict[str, ModelPackage | None] = dict(self._named)
        notes: list[str] = []
        if "semantic" not in packages:
            packages["semantic"] = self._semantic(modality, header)
        is_ct = ChosenModels(packages).semantic.config.is_ct
        if "instance" not in packages:
            packages["instance"] = self._instance(is_ct)
        if self._asked["labeling"] == NO_MODEL:
            packages["labeling"] = None
        elif "labeling" not in packages:
            packages["labeling"], note = self._labeling(modality, header, is_ct=is_ct)
            notes.extend(note)
        embedded = [k for k in KINDS if (p := packages[k]) is not None and is_embedded(p)]
        if embedded:
            notes.append(
                f"Made with the embedded compact {_listed(embedded)} "
                f"model{'s' if len(embedded) > 1 else ''}, not with released SPINEPS weights."
            )
        if "semantic" in embedded and is_ct:
            notes.append("The compact network has learnt CT from synthetic scans alone.")
        return ChosenModels({kind: packages[kind] for kind in KINDS}, tuple(notes))

    def planes(self) -> set[str]:
        """Planes that the semantic models are for."""
        named = self._named.get("semantic")
        packages = [named] if named is not None else self._of_kind("semantic")
        return {package.config.acquisition for package in packages}

    @cached_property
    def _available(self) -> list[ModelPackage]:
        return list_packages(folder=self._folder)

    def _of_kind(self, kind: str) -> list[ModelPackage]:
        return [p for p in self._available if p.kind == kind]

    def _fitting(
        self, kind: str, modality: str | None, header: ScanHeader | None = None
    ) -> ModelPackage | None:
        """Best model for a scan, for any grid without a header; installed ones come first."""
        packages = self._of_kind(kind)
        if header is None:
            found = best_models(packages, modality=modality, plane=None)
        else:
            found = best_models(
                packages,
                modality=modality,
                plane=image_plane(header.zooms, header.axis_codes),
                spacing=header.zooms,
                axis_codes=header.axis_codes,
            )
        return min(found, key=is_embedded, default=None)

    def _labeling(
        self, modality: str | None, header: ScanHeader, *, is_ct: bool
    ) -> tuple[ModelPackage | None, list[str]]:
        """The model that names the vertebrae, and what a reader has to know of it."""
        fitting = self._fitting("labeling", modality, header)
        if fitting is not None:
            return fitting, []
        if self._ignore_compatibility:
            nearest = self._fitting("labeling", modality) or self._any("labeling", is_ct=is_ct)
            if nearest is not None:
                word = f"{nearest.id} names the vertebrae, though it is not made for such scans."
                return nearest, [word]
        return None, [
            "No labelling model fits this scan: vertebrae are counted from the top, "
            "their names are not known."
        ]

    def _any(self, kind: str, *, is_ct: bool) -> ModelPackage | None:
        """Some model, of the same physics if there is one; installed ones come first."""
        order = sorted(
            self._of_kind(kind), key=lambda p: (p.config.is_ct != is_ct, is_embedded(p))
        )
        return next(iter(order), None)

    def _semantic(self, modality: str | None, header: ScanHeader) -> ModelPackage:
        package = self._fitting("semantic", modality, header)
        if package is not None:
            return package
        plane = image_plane(header.zooms, header.axis_codes)
        known = [
            f"{p.id} ({'/'.join(p.config.modality)}, {p.config.acquisition})"
            for p in self._of_kind("semantic")
        ]
        if not known:
            # raises, and says how to install one
            return find_package(SPINEPS, "semantic", AUTO, models=self._folder)
        raise CompatibilityError(
            f"No semantic model is for {modality or 'such'} scans in plane {plane}.",
            remedy=f"Installed: {', '.join(known)}. Install one that fits, "
            "or name one and add --ignore-inference-compatibility.",
        )

    def _instance(self, is_ct: bool) -> ModelPackage:
        """Released CT packages have ``ct`` in their names; nothing else tells them apart."""
        found = [p for p in self._of_kind("instance") if ("ct" in p.id.split("_")) == is_ct]
        chosen = min(found or self._of_kind("instance"), key=is_embedded, default=None)
        return (
            chosen
            if chosen is not None
            else find_package(SPINEPS, "instance", AUTO, models=self._folder)
        )


def _asked_for(kind: str, asked: str, folder: Path | None) -> ModelPackage:
    """Package that an option names; what is wrong with it is told with the option."""
    try:
        return find_package(SPINEPS, kind, asked, models=folder)
    except ModelError as fault:
        what = f"--model-{kind} {asked}: {fault.what}"
        raise ModelError(what, file=fault.file, remedy=fault.remedy) from fault


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
