"""Interfaces of the phases that prepare the image: conform, spine crop, pre-processing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
    traits,
)

from ...core.images import background_value, load_scan, save_nii
from ...models.loading import load_semantic
from ...spineps.helper_networks import installed_vibeseg
from ...spineps.preprocess import preprocess_input
from ...spineps.settings import CropSettings, PreprocessSettings
from ...spineps.spine_crop import crop_to_box, crop_to_spine, wants_crop
from ..networks import ModelInputSpec, checked_package, required_package, torch_resources
from ..node_files import node_file
from ..settings_traits import numerics_trait, read_settings, settings_spec
from .common import checked_image


class _ConformInputSpec(BaseInterfaceInputSpec):
    # Without exists=True, so that a missing scan is reported like any other unusable scan.
    in_file = File(mandatory=True, desc="the scan as stored in the dataset")
    average_4d = traits.Bool(
        False, usedefault=True, desc="average the volumes of a 4-D image instead of refusing it"
    )
    max_gib = traits.Float(desc="refuse images whose estimated memory exceeds this [GiB]")
    integer_voxels = traits.Bool(
        False,
        usedefault=True,
        desc="keep the stored integer type, which cuts fractions off, as the originals do",
    )


class _ConformOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the checked image: 3-D, finite, on its own grid")
    background = traits.Float(desc="value of empty space in this kind of image")


class Conform(SimpleInterface):
    """Check a scan and store it as a finite 3-D image in its own grid and orientation."""

    input_spec = _ConformInputSpec
    output_spec = _ConformOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        scan = Path(self.inputs.in_file)
        limit = self.inputs.max_gib if isdefined(self.inputs.max_gib) else None
        image = load_scan(
            scan,
            average_4d=self.inputs.average_4d,
            max_gib=limit,
            integer_voxels=self.inputs.integer_voxels,
        )
        out_file = node_file(runtime, "conformed.nii.gz")
        save_nii(image, out_file, like=scan, passing=True)
        self._results["out_file"] = str(out_file)
        self._results["background"] = float(background_value(scan))
        return runtime


class _SpineCropInputSpec(ModelInputSpec, settings_spec(CropSettings)):  # type: ignore[misc]
    in_file = File(exists=True, mandatory=True, desc="the checked image")
    vibeseg_digest = Str(desc="digest of VIBESeg (SHA-256), where it is installed")
    numerics = numerics_trait()


class _SpineCropOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the image, cropped if that was asked for")
    cropped = traits.Bool(desc="whether the image was cropped")


class SpineCrop(SimpleInterface):
    """Crop an image to a given box, and a large one with fine voxels to the spine (VIBESeg)."""

    input_spec = _SpineCropInputSpec
    output_spec = _SpineCropOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        settings = read_settings(self.inputs, CropSettings)
        config = required_package(self.inputs).config
        image = whole = checked_image(self.inputs)
        if settings.crop_box is not None:
            image = crop_to_box(image, settings.crop_box, self.inputs.numerics)
        if wants_crop(image, settings, config):
            package = checked_package(installed_vibeseg(), self.inputs.vibeseg_digest)
            with torch_resources(self.inputs):
                network = load_semantic(package, self.inputs.device)
                image = crop_to_spine(image, network=network)
        self._results["cropped"] = image is not whole
        self._results["out_file"] = self.inputs.in_file
        if image is not whole:
            out_file = node_file(runtime, "cropped.nii.gz")
            save_nii(image, out_file, like=self.inputs.in_file, passing=True)
            self._results["out_file"] = str(out_file)
        return runtime


class _PreprocessInputSpec(settings_spec(PreprocessSettings)):  # type: ignore[misc]
    in_file = File(exists=True, mandatory=True, desc="the checked image")
    is_ct = traits.Bool(
        False, usedefault=True, desc="the model is a CT model: intensities stay as they are"
    )
    background = traits.Float(0.0, usedefault=True, desc="value of the padding")
    numerics = numerics_trait()


class _PreprocessOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the padded image with even intensities")


class Preprocess(SimpleInterface):
    """Bring intensities to a common range, correct the bias field and pad the image."""

    input_spec = _PreprocessInputSpec
    output_spec = _PreprocessOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        image = preprocess_input(
            checked_image(self.inputs),
            read_settings(self.inputs, PreprocessSettings),
            is_ct=self.inputs.is_ct,
            background=self.inputs.background,
            numerics=self.inputs.numerics,
        )
        out_file = node_file(runtime, "preprocessed.nii.gz")
        save_nii(image, out_file, like=self.inputs.in_file, passing=True)
        self._results["out_file"] = str(out_file)
        return runtime
