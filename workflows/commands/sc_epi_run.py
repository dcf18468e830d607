"""What ``spineps-sc-epi`` does: one network for all images, a mask and a page for each."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from TPTBox import NII

from spineps_nipype import __version__
from spineps_nipype.bids.sidecars import INPUT_WARNINGS, package_versions
from spineps_nipype.core.files import file_digest
from spineps_nipype.core.images import load_map, load_mask, save_nii
from spineps_nipype.core.stored_space import read_space
from spineps_nipype.errors import SpinepsError
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.protocols import SemanticPrediction
from spineps_nipype.models.systems import SC_EPI
from spineps_nipype.results.recipe import SCAN
from spineps_nipype.results.record import NO_FILE, Provenance
from spineps_nipype.results.sidecar import JSON, Description, describe
from spineps_nipype.results.storing import store_results
from spineps_nipype.sc_epi.model import EpiPackage, epi_package, model_url, with_mirroring
from spineps_nipype.sc_epi.naming import output_paths, qc_names, stem_of
from spineps_nipype.sc_epi.qc_mosaic import draw_or_say_entry
from spineps_nipype.sc_epi.qc_report import add_entry
from spineps_nipype.sc_epi.qc_views import view_of
from spineps_nipype.sc_epi.recipe import recipe, recorded_settings, result_name
from spineps_nipype.sc_epi.segment import segment_epi
from spineps_nipype.sc_epi.settings import EpiSegSettings
from spineps_nipype.sc_epi.volumes import load_epi, save_series

from ..engine.available_resources import available_cpus, choose_device
from .output_names import check_outputs

logger = logging.getLogger("spineps_nipype.sc_epi")

CODE_URL: Final = "https://github.com/sct-pipeline/fmri-segmentation"
FAILED: Final = 1


def segment_images(arguments: argparse.Namespace, settings: EpiSegSettings, command: str) -> int:
    """Segment the images one after the other; one that fails does not stop the others.

    Parameters
    ----------
    arguments
        Parsed command line.
    settings
        What it says about masks and pictures.
    command
        The command with base names only, for side files and pages.

    Returns
    -------
    int
        0, or 1 if an image failed.
    """
    import torch

    package = epi_package(find_package(SC_EPI, "cord", arguments.model))
    if settings.tta:
        package = with_mirroring(package)
    targets = output_paths(
        arguments.images,
        [output.suffix for output in package.outputs],
        arguments.out,
        numerics=settings.numerics,
    )
    _check_names(arguments, targets)
    torch.set_num_threads(arguments.threads or available_cpus())
    from spineps_nipype.models.inference.semantic import load_semantic

    device = choose_device(arguments.device)
    network = load_semantic(package.package, device=device)
    description = _description(arguments, command, package, settings, device)
    failed = 0
    for image, paths in zip(arguments.images, targets, strict=True):
        temporary = Path(tempfile.mkdtemp(prefix="spineps_sc_epi_"))
        try:
            names = [result_name(output.suffix) for output in package.outputs]
            targets_of = dict(zip(names, paths, strict=True))
            made = _segment(image, targets_of, package, network, settings, temporary)
            _store(image, targets_of, made, description, temporary)
            if arguments.qc is not None:
                _add_page(arguments, image, paths[0], settings, command, temporary)
            _say_viewer(image, paths)
        except SpinepsError as fault:
            failed += 1
            where = "" if fault.file is not None else f"{image}: "
            print(f"{where}{fault}", file=sys.stderr)
        finally:
            if arguments.remove:
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                logger.info("temporary files: %s", temporary)
    if failed and len(arguments.images) > 1:
        print(f"{failed} of {len(arguments.images)} images failed.", file=sys.stderr)
    return FAILED if failed else 0


def _check_names(arguments: argparse.Namespace, targets: Sequence[Sequence[Path]]) -> None:
    """Refuse outputs that would replace an image, or another program's file.

    Raises
    ------
    OutputError
        If one would.
    """
    paths = [path for row in targets for path in row]
    side_files = [path.with_name(f"{stem_of(path)}{JSON}") for path in paths]
    outputs = {**dict.fromkeys(paths, "mask"), **dict.fromkeys(side_files, "side file")}
    crop = [arguments.qc_seg] if arguments.qc_seg else []
    beside = [image.with_name(f"{stem_of(image)}.json") for image in arguments.images]
    check_outputs(outputs, [*arguments.images, *beside, *crop])


class _Recorder:
    """Network that leaves what it says in a folder."""

    def __init__(self, network: Any, folder: Path) -> None:
        self.config = network.config
        self._network, self._folder, self._count = network, folder, 0

    def predict(self, image: Any, **options: Any) -> SemanticPrediction:
        found: SemanticPrediction = self._network.predict(image, **options)
        save_nii(image, self._folder / f"image_{self._count}.nii.gz")
        save_nii(found.labels, self._folder / f"raw_{self._count}.nii.gz")
        self._count += 1
        return found


def _segment(
    image: Path,
    targets: Mapping[str, Path],
    package: EpiPackage,
    network: Any,
    settings: EpiSegSettings,
    temporary: Path,
) -> dict[str, Path]:
    """Masks of an image by the name of the result, in a temporary folder."""
    logger.info("segmenting %s", image)
    volumes = load_epi(image, settings.on_4d, numerics=settings.numerics)
    recorder = _Recorder(network, temporary)
    found = [segment_epi(volume, recorder, package.outputs, settings) for volume in volumes]
    save_nii(volumes[0], temporary / "reference.nii.gz", like=image)
    made = {}
    for output in package.outputs:
        name = result_name(output.suffix)
        ending = ".nii.gz" if targets[name].name.endswith(".gz") else ".nii"
        masks = [volume[output.suffix] for volume in found]
        made[name] = save_series(masks, temporary / f"{name}{ending}", like=image)
    return made


def _description(
    arguments: argparse.Namespace,
    command: str,
    package: EpiPackage,
    settings: EpiSegSettings,
    device: str,
) -> Description:
    """What the side files say: entries of the toolbox, and the record of every system here."""
    entry = {
        "Name": f"spineps_nipype: {command}",
        "Version": __version__,
        "CodeURL": CODE_URL,
        "ModelURL": model_url(package),
        "ModelId": package.package.id,
        "ModelSha256": package.package.digest,
    }
    rows = recipe([output.suffix for output in package.outputs])
    crop = file_digest(arguments.qc_seg) if arguments.qc_seg else NO_FILE
    recorded = recorded_settings(settings, crop, arguments.qc is not None)
    return Description(
        Provenance(rows, recorded, {"cord": package.package}).record("cord"),
        {
            "GeneratedBy": [entry],
            "Versions": package_versions(),
            "Device": device,
            "Engine": "torch",
        },
    )


def _store(
    image: Path,
    targets: Mapping[str, Path],
    made: Mapping[str, Path],
    description: Description,
    temporary: Path,
) -> None:
    """Put each mask of an image with its side file into its place."""
    sources = {**description.metadata, "Sources": [image.name]}
    warnings = read_space(image).warnings
    if warnings:
        sources[INPUT_WARNINGS] = list(warnings)
    files = describe(
        made, replace(description, metadata=sources), inputs={SCAN: image}, folder=temporary
    )
    places = [
        place
        for path in targets.values()
        for place in (path, path.with_name(f"{stem_of(path)}{JSON}"))
    ]
    store_results(zip(files, places, strict=True))
    for path in targets.values():
        logger.info("written %s", path)


def _add_page(
    arguments: argparse.Namespace,
    image: Path,
    mask: Path,
    settings: EpiSegSettings,
    command: str,
    temporary: Path,
) -> None:
    crop: NII | None = load_mask(arguments.qc_seg) if arguments.qc_seg else None
    view = partial(
        view_of,
        load_map(temporary / "reference.nii.gz"),
        load_map(mask),
        settings.qc.qc_plane,
        crop=crop,
        resolution=settings.qc.qc_resolution,
        numerics=settings.numerics,
    )
    background, overlay = draw_or_say_entry(view, temporary, numerics=settings.numerics)
    page = add_entry(
        arguments.qc,
        background,
        overlay,
        names=qc_names(image, arguments.qc_dataset, arguments.qc_subject),
        input_file=image.name,
        plane=settings.qc.qc_plane,
        command=command,
        version=__version__,
        when=datetime.now(UTC).astimezone(),
    )
    logger.info("quality control: %s", page)


def _say_viewer(image: Path, paths: Sequence[Path]) -> None:
    masks = " ".join(f"{path} -cm red -a 70.0" for path in paths)
    logger.info("look at it: fsleyes %s -cm greyscale %s", image, masks)
