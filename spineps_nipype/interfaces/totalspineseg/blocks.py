"""Shells of the single rules, for workflows that combine them in their own way."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ...core.images import load_image, load_mask, save_nii
from ...totalspineseg.alternate import extract_alternate
from ...totalspineseg.canal import fill_canal
from ...totalspineseg.components import largest_component
from ...totalspineseg.crop import crop_to_seg
from ...totalspineseg.labeler import label_spine
from ...totalspineseg.labels import DISCS, LOCALIZER_DISCS
from ...totalspineseg.levels import extract_levels
from ...totalspineseg.mapping import map_labels
from ...totalspineseg.native import to_grid
from ...totalspineseg.profiles import PROFILES
from ...totalspineseg.settings import LabelerSettings, Labels, Pairs
from ...totalspineseg.soft import extract_soft
from ..spineps.common import node_file
from .common import numerics_trait, release_trait
from .grids import load_soft


class _SegInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="label map in canonical axes")


class _OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the result, on the grid of the label map")


class _Rule(SimpleInterface):
    """One rule: label map in, image out."""

    input_spec = _SegInputSpec
    output_spec = _OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        out_file = node_file(runtime, "result.nii.gz")
        save_nii(self._result(), out_file)
        self._results["out_file"] = str(out_file)
        return runtime

    def _result(self) -> Any:
        raise NotImplementedError


class _LargestInputSpec(_SegInputSpec):
    binarize = traits.Bool(True, usedefault=True, desc="one component of all labels together")
    dilation = traits.Int(5, usedefault=True, desc="parts grow this far before [voxels]")


class TSSLargestComponent(_Rule):
    """Keep the largest component of a label map."""

    input_spec = _LargestInputSpec

    def _result(self) -> Any:
        seg = load_mask(self.inputs.in_file)
        return seg.set_array(
            largest_component(
                seg.get_array(), binarize=self.inputs.binarize, dilation=self.inputs.dilation
            )
        )


def _labeler_spec() -> type[BaseInterfaceInputSpec]:
    """Input specification with one trait for each argument of the labeller."""
    hints = get_type_hints(LabelerSettings)
    namespace: dict[str, Any] = {}
    for option in fields(LabelerSettings):
        default: Any = option.default
        help_text = option.metadata["help"]
        if hints[option.name] == Labels:
            kind = traits.List(traits.Int, list(default), usedefault=True, desc=help_text)
        elif hints[option.name] == Pairs:
            pair = traits.Tuple(traits.Int, traits.Int)
            kind = traits.List(pair, list(default), usedefault=True, desc=help_text)
        else:
            kind = traits.Int(default, usedefault=True, desc=help_text)
        namespace[option.name] = kind
    return type("_LabelerSpec", (_SegInputSpec,), namespace)


class _LabelInputSpec(_labeler_spec()):  # type: ignore[misc]
    localizer = File(exists=True, desc="labelled result of another scan in the same space")
    release = release_trait()
    numerics = numerics_trait()


class TSSLabel(_Rule):
    """Number discs and vertebrae of raw classes."""

    input_spec = _LabelInputSpec

    def _result(self) -> Any:
        inputs = self.inputs
        stated: dict[str, Any] = {}
        for option in fields(LabelerSettings):
            value = getattr(inputs, option.name)
            stated[option.name] = tuple(value) if isinstance(value, list) else value
        settings = LabelerSettings(**stated)
        seg = load_mask(inputs.in_file)
        near = None
        if isdefined(inputs.localizer):
            near = to_grid(load_mask(inputs.localizer), seg.shape, seg.affine).get_array()
        return seg.set_array(
            label_spine(
                seg.get_array(),
                settings,
                localizer=near,
                profile=PROFILES[inputs.release],
                numerics=inputs.numerics,
            )
        )


class _FillInputSpec(_SegInputSpec):
    canal = traits.Int(2, usedefault=True, desc="label of the canal")
    cord = traits.Int(1, usedefault=True, desc="label of the cord")
    largest_canal = traits.Bool(True, usedefault=True, desc="delete stray canal")
    largest_cord = traits.Bool(True, usedefault=True, desc="stray cord becomes canal")
    numerics = numerics_trait()


class TSSFillCanal(_Rule):
    """Clean canal and cord and fill the gaps between them."""

    input_spec = _FillInputSpec

    def _result(self) -> Any:
        inputs = self.inputs
        seg = load_mask(inputs.in_file)
        return seg.set_array(
            fill_canal(
                seg.get_array(),
                canal=inputs.canal,
                cord=inputs.cord,
                largest_canal=inputs.largest_canal,
                largest_cord=inputs.largest_cord,
                numerics=inputs.numerics,
            )
        )


class _AlternateInputSpec(_SegInputSpec):
    labels = traits.List(
        traits.Int, list(LOCALIZER_DISCS), usedefault=True, desc="labels in their order"
    )
    prioritized = traits.List(
        traits.Int, usedefault=True, desc="the first of these that is present is marked"
    )


class TSSExtractAlternate(_Rule):
    """Mark every second label that is present."""

    input_spec = _AlternateInputSpec

    def _result(self) -> Any:
        seg = load_mask(self.inputs.in_file)
        return seg.set_array(
            extract_alternate(seg.get_array(), self.inputs.labels, self.inputs.prioritized)
        )


class _SoftInputSpec(_SegInputSpec):
    probability = File(exists=True, mandatory=True, desc="probability on the same grid")
    labels = traits.List(traits.Int, mandatory=True, desc="labels of the structure")
    dilation = traits.Int(1, usedefault=True, desc="the labels grow this far [voxels]")
    largest = traits.Bool(False, usedefault=True, desc="use the largest component only")


class TSSExtractSoft(_Rule):
    """Keep a probability where its label stands or is near."""

    input_spec = _SoftInputSpec

    def _result(self) -> Any:
        inputs = self.inputs
        soft = load_soft(inputs.probability)
        return soft.set_array(
            extract_soft(
                soft.get_array(),
                load_mask(inputs.in_file).get_array(),
                inputs.labels,
                dilation=inputs.dilation,
                largest=inputs.largest,
            )
        )


class _LevelsInputSpec(_SegInputSpec):
    canal_labels = traits.List(
        traits.Int, [1, 2], usedefault=True, desc="labels of canal and cord"
    )
    disc_labels = traits.List(
        traits.Int, list(DISCS), usedefault=True, desc="labels of discs from top to bottom"
    )
    c1_label = traits.Int(11, usedefault=True, desc="label of C1")
    c2_label = traits.Int(50, usedefault=True, desc="label of the structure that holds C2")
    release = release_trait()
    numerics = numerics_trait()


class TSSExtractLevels(_Rule):
    """Mark one voxel for each level."""

    input_spec = _LevelsInputSpec

    def _result(self) -> Any:
        inputs = self.inputs
        seg = load_mask(inputs.in_file)
        return seg.set_array(
            extract_levels(
                seg.get_array(),
                canal_labels=inputs.canal_labels,
                disc_labels=inputs.disc_labels,
                c1_label=inputs.c1_label,
                c2_label=inputs.c2_label,
                profile=PROFILES[inputs.release],
                numerics=inputs.numerics,
            )
        )


class _MapInputSpec(_SegInputSpec):
    mapping = traits.Dict(traits.Int, traits.Int, mandatory=True, desc="old label to new label")
    keep_unmapped = traits.Bool(False, usedefault=True, desc="keep labels that are not named")


class TSSMapLabels(_Rule):
    """Exchange labels."""

    input_spec = _MapInputSpec

    def _result(self) -> Any:
        seg = load_mask(self.inputs.in_file)
        keep = self.inputs.keep_unmapped
        return seg.set_array(map_labels(seg.get_array(), self.inputs.mapping, keep_unmapped=keep))


class _CropInputSpec(_SegInputSpec):
    image = File(exists=True, mandatory=True, desc="image on the grid of the label map")
    margin = traits.Int(10, usedefault=True, desc="margin around the labels [voxels]")


class TSSCropToSeg(_Rule):
    """Crop an image to the box of the labels."""

    input_spec = _CropInputSpec

    def _result(self) -> Any:
        seg = load_mask(self.inputs.in_file).get_array()
        return crop_to_seg(load_image(self.inputs.image), seg, margin=self.inputs.margin)
