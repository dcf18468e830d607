"""Shells that bring images to the 1 mm grid and results back from it."""

from __future__ import annotations

from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ...core.images import load_image, load_map, load_mask, save_nii
from ...core.stored_space import read_space
from ...totalspineseg.native import to_grid
from ...totalspineseg.preparation import prepare_image
from ...totalspineseg.upstream import upstream
from ..node_files import node_file
from .common import numerics_trait


class _PrepareInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="the checked 3-D image")
    numerics = numerics_trait()


class _PrepareOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the image in canonical axes at 1 mm")


class TSSPrepare(SimpleInterface):
    """Bring an image to canonical axes and 1 mm."""

    input_spec = _PrepareInputSpec
    output_spec = _PrepareOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        numerics = self.inputs.numerics
        whole = upstream(numerics).integer_voxels
        image = load_image(self.inputs.in_file, integer_voxels=whole)
        out_file = node_file(runtime, "prepared.nii.gz")
        save_nii(prepare_image(image, numerics=numerics), out_file, like=self.inputs.in_file)
        self._results["out_file"] = str(out_file)
        return runtime


class _ToNativeInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="a result on any grid")
    reference = File(exists=True, mandatory=True, desc="image whose grid is wanted")
    mode = traits.Enum(
        "nearest",
        "smooth",
        "linear",
        "label",
        usedefault=True,
        desc="label maps (nearest, or smooth at borders), soft maps (linear), or single labelled "
        "voxels (label)",
    )


class _ToNativeOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the result on the grid of the image")


class TSSToNative(SimpleInterface):
    """Bring a result to the grid of the scan."""

    input_spec = _ToNativeInputSpec
    output_spec = _ToNativeOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        soft = inputs.mode == "linear"
        result = load_map(inputs.in_file) if soft else load_mask(inputs.in_file)
        grid = read_space(inputs.reference)
        out_file = node_file(runtime, "native.nii.gz")
        native = to_grid(result, grid.shape, grid.affine, inputs.mode)
        save_nii(native, out_file, like=inputs.reference)
        self._results["out_file"] = str(out_file)
        return runtime
