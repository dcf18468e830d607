"""Any image through SPINEPS 2.1.3 itself and through this package, compared stage by stage.

    python benchmarks/parity.py --live IMAGE... --packages FOLDER [--write docs/parity.md]

SPINEPS runs in an environment of its own, which is made if it is absent. Both run as users run
them, with bias correction; every stage of ours starts from the previous stage of SPINEPS. The
last three stages compare whole runs, which start from the image alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from TPTBox import BIDS_FILE, NII

from benchmarks.against_spineps.cases import ORIGINAL, Case, Packages, Skipped
from benchmarks.against_spineps.stages import NETWORK_AGREEMENT, STAGES, Outcome, compare_labels
from benchmarks.original_spineps import dump_stages
from benchmarks.original_spineps.environment import reference_python
from benchmarks.original_spineps.seeded_labeling import write_seeded_labeling
from spineps_nipype.core.images import background_value, load_image
from spineps_nipype.dropin import get_actual_model, process_img_nii
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.package import ModelPackage, load_package

DUMP: Final = Path(dump_stages.__file__)
KINDS: Final = ("semantic", "instance", "labeling")
N4_LIMIT: Final = 2.0
"""Grey values, of 1500, by which the bias corrections of both programs may differ."""
ARGUMENTS: Final[Mapping[str, Any]] = {"ignore_compatibility_issues": True}
"""Samples have names that the compatibility check refuses."""


class LiveCase(Case):
    """One image, and the dumps of SPINEPS for it.

    Parameters
    ----------
    image
        The scan.
    folders
        Model package of each kind.
    home
        Folder of the dumps; a finished run in it is used again.
    """

    n4 = True
    preprocessing_limit = N4_LIMIT

    def __init__(self, image: Path, folders: Mapping[str, Path], home: Path) -> None:
        self.scan, self.folders = image, folders
        self.background = background_value(image)
        self.name = image.name.split("_")[0]
        self.packages = Packages(image.name, *KINDS)
        self.folder = home / self.name

    def run_reference(self, python: Path, threads: int) -> None:
        """Let SPINEPS segment the image, unless its dumps are there."""
        if (self.folder / "stages.json").is_file():
            return
        command = [str(python), str(DUMP), str(self.scan), str(self.folder)]
        for kind in KINDS:
            command += [f"--{kind}", str(self.folders[kind])]
        command += ["--threads", str(threads), "--arguments", json.dumps(self.arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "spineps.log").open("w") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, env=environment)

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Arguments that both programs get.

        The automatic crop of SPINEPS 2.1.3 fails on models with an interval of spacings.
        """
        config = self.package("semantic").config
        if config.spacing_min == config.spacing_max:
            return dict(ARGUMENTS)
        return {**ARGUMENTS, "auto_crop_to_spine": False}

    @cached_property
    def report(self) -> dict[str, Any]:
        """Error code, seconds and memory of SPINEPS."""
        content: dict[str, Any] = json.loads((self.folder / "stages.json").read_text())
        return content

    @cached_property
    def data(self) -> dict[str, Any]:
        """Lists and numbers of SPINEPS."""
        return _Reached(self.report["data"])

    @cached_property
    def image(self) -> NII:
        """Input image."""
        return load_image(self.scan, integer_voxels=True)

    def package(self, name: str | None) -> ModelPackage:
        """Package of a kind."""
        assert name is not None
        return load_package(self.folders[name])

    @property
    def class_labels(self) -> tuple[int, ...]:
        """SPINEPS label of every class of the semantic network."""
        labels = self.package("semantic").config.labels
        return tuple(labels.get(c, c) for c in range(max(labels) + 1))

    @cached_property
    def instance_config(self) -> ModelConfig:
        """Configuration of the instance package."""
        return self.package("instance").config

    def array(self, stage: str) -> np.ndarray:
        """Array of a dump.

        Raises
        ------
        Skipped
            If SPINEPS did not come as far.
        """
        if not self.has(stage):
            raise Skipped(f"SPINEPS ended before it with {self.report['errcode']}")
        return super().array(stage)

    def nii(self, stage: str, seg: bool = True) -> NII:
        """Dump with its grid."""
        self.array(stage)
        return super().nii(stage, seg)

    @cached_property
    def whole(self) -> tuple[str, NII | None, NII | None]:
        """Error code and masks of ours, from the image alone."""
        semantic, instance, labeling = (
            get_actual_model(self.folders[kind], use_cpu=True) for kind in KINDS
        )
        scan = BIDS_FILE(self.scan, self.scan.parent, verbose=False)
        found = process_img_nii(
            scan,
            semantic,
            instance,
            labeling,
            return_output_instead_of_save=True,
            numerics=ORIGINAL,
            **self.arguments,
        )
        if len(found) == 2:
            return found[1].name, None, None
        return found[3].name, found[0], found[1]


class _Reached(dict[str, Any]):
    """Entries of a run; whoever asks for one that SPINEPS did not reach is told so."""

    def __missing__(self, key: str) -> Any:
        raise Skipped("SPINEPS ended before it")


def outcome_code(case: Case) -> Outcome:
    """How the run ends."""
    assert isinstance(case, LiveCase)
    same = case.whole[0] == case.report["errcode"]
    return Outcome(int(not same), 1, same)


def whole_semantic(case: Case) -> Outcome:
    """Final semantic mask, from the image alone."""
    return _whole(case, 1, "31_seg_final")


def whole_vertebrae(case: Case) -> Outcome:
    """Final vertebra mask, from the image alone."""
    return _whole(case, 2, "31_vert_final")


def _whole(case: Case, place: int, stage: str) -> Outcome:
    assert isinstance(case, LiveCase)
    reference, mine = case.array(stage), case.whole[place]
    if not isinstance(mine, NII):
        return Outcome(reference.size, reference.size, False)
    return compare_labels(mine.get_array(), reference, NETWORK_AGREEMENT)


LIVE_STAGES: Final[Mapping[str, Callable[[Case], Outcome]]] = {
    **STAGES,
    "whole run: error code": outcome_code,
    "whole run: semantic": whole_semantic,
    "whole run: vertebrae": whole_vertebrae,
}


def live_cases(
    images: Sequence[Path], packages: Path, home: Path | None, threads: int
) -> list[LiveCase]:
    """Run SPINEPS on images.

    Parameters
    ----------
    images
        Scans.
    packages
        Folder with the packages ``semantic``, ``instance`` and ``labeling``. A seeded one stands
        in for the last if SPINEPS cannot build its network.
    home
        Where dumps are kept; a new temporary folder when None.
    threads
        Processor threads of SPINEPS.
    """
    home = home or Path(tempfile.mkdtemp(prefix="parity-live-"))
    folders = {kind: packages / kind for kind in KINDS}
    if not _spineps_builds(folders["labeling"]):
        folders["labeling"] = write_seeded_labeling(home / "labeling")
    python = reference_python()
    cases = [LiveCase(image.absolute(), folders, home) for image in images]
    for case in cases:
        print(f"SPINEPS: {case.name}", flush=True)
        case.run_reference(python, threads)
    return cases


def _spineps_builds(folder: Path) -> bool:
    """Whether a labelling package holds a network that SPINEPS can build."""
    from spineps_nipype.models.export import backbone_name
    from spineps_nipype.models.safe_load import load_checkpoint

    found = sorted(folder.glob("**/*val_f1=*valf1-weights.ckpt"))
    return bool(found) and backbone_name(load_checkpoint(found[-1])["state_dict"]) != "OTHER"
