"""Shells of EPISeg: segmentation of the cord, and pictures for quality control."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Directory,
    File,
    OutputMultiObject,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
    traits,
)

from .. import __version__
from ..core.images import load_image, load_map, load_mask, save_nii
from ..models.systems import SC_EPI
from ..sc_epi.model import epi_package, with_mirroring
from ..sc_epi.naming import QcNames
from ..sc_epi.qc_mosaic import draw_or_say_entry
from ..sc_epi.qc_report import add_entry
from ..sc_epi.qc_views import view_of
from ..sc_epi.segment import segment_epi
from ..sc_epi.settings import CleanUpSettings, EpiSegSettings, QcSettings
from ..sc_epi.volumes import load_epi, save_series
from .networks import ModelInputSpec, required_package, torch_resources
from .node_files import node_file
from .settings_traits import option_trait, read_settings, settings_spec


class _EPISegInputSpec(ModelInputSpec, settings_spec(CleanUpSettings)):  # type: ignore[misc]
    in_file = File(exists=True, mandatory=True, desc="EPI image with one volume or several")
    on_4d = option_trait(EpiSegSettings, "on_4d")
    tta = option_trait(EpiSegSettings, "tta")
    numerics = option_trait(EpiSegSettings, "numerics")


class _EPISegOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="mask of the first class, or its probability")
    out_files = OutputMultiObject(File(exists=True), desc="one file for each class")
    suffixes = traits.List(traits.Str, desc="what the toolbox adds to the name of each file")
    reference = File(exists=True, desc="the 3-D image that the masks belong to")


class EPISeg(SimpleInterface):
    """Segment the spinal cord in EPI images and clean the mask up."""

    input_spec = _EPISegInputSpec
    output_spec = _EPISegOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from ..models.inference.semantic import load_semantic

        inputs = self.inputs
        settings = EpiSegSettings(
            clean_up=read_settings(inputs, CleanUpSettings),
            on_4d=inputs.on_4d,
            tta=inputs.tta,
            numerics=inputs.numerics,
        )
        volumes = load_epi(inputs.in_file, settings.on_4d, numerics=settings.numerics)
        package = epi_package(required_package(inputs, SC_EPI))
        if inputs.tta:
            package = with_mirroring(package)
        with torch_resources(inputs):
            network = load_semantic(package.package, device=inputs.device)
            found = [segment_epi(v, network, package.outputs, settings) for v in volumes]
        paths = []
        for output in package.outputs:
            path = node_file(runtime, f"epi{output.suffix}.nii.gz")
            paths.append(
                str(
                    save_series(
                        [masks[output.suffix] for masks in found], path, like=inputs.in_file
                    )
                )
            )
        reference = node_file(runtime, "reference.nii.gz")
        save_nii(volumes[0], reference, like=inputs.in_file)
        self._results.update(
            out_file=paths[0],
            out_files=paths,
            suffixes=[output.suffix for output in package.outputs],
            reference=str(reference),
        )
        return runtime


class _EPIReferenceInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="EPI image with one volume or several")
    on_4d = option_trait(EpiSegSettings, "on_4d")
    numerics = option_trait(EpiSegSettings, "numerics")


class _EPIReferenceOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the 3-D image that a mask belongs to")


class EPIReference(SimpleInterface):
    """The image that is segmented, or the first one: of a series its mean or first volume."""

    input_spec = _EPIReferenceInputSpec
    output_spec = _EPIReferenceOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        out_file = node_file(runtime, "reference.nii.gz")
        volumes = load_epi(inputs.in_file, inputs.on_4d, numerics=inputs.numerics)
        save_nii(volumes[0], out_file, like=inputs.in_file)
        self._results["out_file"] = str(out_file)
        return runtime


class _EPISegQCInputSpec(settings_spec(QcSettings)):  # type: ignore[misc]
    in_file = File(exists=True, mandatory=True, desc="3-D image")
    seg_file = File(
        exists=True,
        mandatory=True,
        desc="mask of the cord on the same grid, or its probability; of a series the first volume",
    )
    crop_file = File(exists=True, desc="mask around which the pictures are cut")
    numerics = option_trait(EpiSegSettings, "numerics")


class _EPISegQCOutputSpec(TraitedSpec):
    background = File(exists=True, desc="mosaic of the image")
    overlay = File(exists=True, desc="mosaic of the mask, transparent elsewhere")


class EPISegQC(SimpleInterface):
    """Draw slices of image and mask side by side."""

    input_spec = _EPISegQCInputSpec
    output_spec = _EPISegQCOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        settings = read_settings(inputs, QcSettings)
        view = partial(
            view_of,
            load_image(inputs.in_file),
            load_map(inputs.seg_file),
            settings.qc_plane,
            crop=load_mask(inputs.crop_file) if isdefined(inputs.crop_file) else None,
            resolution=settings.qc_resolution,
            numerics=inputs.numerics,
        )
        background, overlay = draw_or_say_entry(view, runtime.cwd, numerics=inputs.numerics)
        self._results.update(background=str(background), overlay=str(overlay))
        return runtime


class _EPISegReportInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="the image")
    background = File(exists=True, mandatory=True, desc="mosaic of the image")
    overlay = File(exists=True, mandatory=True, desc="mosaic of the mask")
    out_dir = Directory(mandatory=True, desc="folder of the report")
    dataset = Str("", usedefault=True, desc="data set on the page")
    subject = Str("", usedefault=True, desc="subject on the page")
    contrast = Str("", usedefault=True, desc="contrast on the page")
    plane = option_trait(QcSettings, "qc_plane")


class _EPISegReportOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="page of the report")


class EPISegReport(SimpleInterface):
    """Add the pictures of an image to a report; those of an earlier run are replaced."""

    input_spec = _EPISegReportInputSpec
    output_spec = _EPISegReportOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        page = add_entry(
            inputs.out_dir,
            inputs.background,
            inputs.overlay,
            names=QcNames(inputs.dataset, inputs.subject, inputs.contrast),
            input_file=Path(inputs.in_file).name,
            plane=inputs.plane,
            command="spineps-wf --pipeline sc-epi",
            version=__version__,
            when=datetime.now(UTC).astimezone(),
            replace=True,
        )
        self._results["out_file"] = str(page)
        return runtime
