"""Shells of the two networks."""

from __future__ import annotations

from typing import Any

from nipype.interfaces.base import File, SimpleInterface, TraitedSpec

from ...core.images import load_image, load_mask, save_nii
from ...models.systems import TOTALSPINESEG
from ...totalspineseg.inference import load_step, segment_step1, segment_step2
from ...totalspineseg.profiles import PROFILES
from ..spineps.common import ModelInputSpec, node_file, required_package, torch_resources
from .common import release_trait


class _Network1InputSpec(ModelInputSpec):
    in_file = File(exists=True, mandatory=True, desc="the prepared image")
    release = release_trait()


class _Network1OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="raw classes of step 1")
    canal = File(exists=True, desc="probability of the canal")
    cord = File(exists=True, desc="probability of the cord")


class TSSNetwork1(SimpleInterface):
    """Find cord, canal, discs, vertebrae and landmarks with the network of step 1."""

    input_spec = _Network1InputSpec
    output_spec = _Network1OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        image = load_image(inputs.in_file)
        with torch_resources(inputs):
            network = load_step(
                required_package(inputs, TOTALSPINESEG),
                profile=PROFILES[inputs.release],
                device=inputs.device,
            )
            raw = segment_step1(image, network)
        results = {
            "out_file": raw.labels,
            "canal": image.set_array(raw.canal),
            "cord": image.set_array(raw.cord),
        }
        for name, result in results.items():
            path = node_file(runtime, f"{name}.nii.gz")
            save_nii(result, path)
            self._results[name] = str(path)
        return runtime


class _Network2InputSpec(ModelInputSpec):
    in_file = File(exists=True, mandatory=True, desc="the prepared image around step 1")
    channel = File(exists=True, mandatory=True, desc="every second disc, on the same grid")
    release = release_trait()


class _Network2OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="raw classes of step 2")


class TSSNetwork2(SimpleInterface):
    """Tell odd and even vertebrae apart with the network of step 2."""

    input_spec = _Network2InputSpec
    output_spec = _Network2OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        with torch_resources(inputs):
            network = load_step(
                required_package(inputs, TOTALSPINESEG),
                profile=PROFILES[inputs.release],
                device=inputs.device,
            )
            image = load_image(inputs.in_file)
            labels = segment_step2(image, load_mask(inputs.channel), network)
        out_file = node_file(runtime, "raw.nii.gz")
        save_nii(labels, out_file)
        self._results["out_file"] = str(out_file)
        return runtime
