"""Shells of the two networks."""

from __future__ import annotations

import logging
from typing import Any

from nipype.interfaces.base import (
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
)

from ...core.files import copy_whole, file_digest
from ...core.images import load_image, load_mask, save_nii
from ...core.volume import Volume
from ...models.spine_region import find_spine
from ...models.systems import TOTALSPINESEG
from ...settings import EngineSettings
from ...totalspineseg.inference import load_step, segment_step1, segment_step2
from ...totalspineseg.profiles import PROFILES
from ...totalspineseg.settings import RuleSettings
from ..networks import (
    ModelInputSpec,
    ScoutInputSpec,
    loaded_scout,
    required_package,
    torch_resources,
)
from ..node_files import node_file
from ..settings_traits import option_trait, read_settings, settings_spec
from .common import release_trait

logger = logging.getLogger(__name__)


class _Network1InputSpec(
    ModelInputSpec,
    ScoutInputSpec,
    settings_spec(EngineSettings),  # type: ignore[misc]
):
    in_file = File(exists=True, mandatory=True, desc="the prepared image")
    release = release_trait()
    soft_dilation = option_trait(RuleSettings, "soft_dilation")


class _Network1OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="raw classes of step 1")
    canal = File(exists=True, desc="probability of the canal, near canal and cord")
    cord = File(exists=True, desc="probability of the cord, near canal and cord")


class TSSNetwork1(SimpleInterface):
    """Find cord, canal, discs, vertebrae and landmarks with the network of step 1.

    Where a package is given whose network finds the spine, the rest is background.
    """

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
                engine=read_settings(inputs, EngineSettings),
            )
            raw = segment_step1(image, network, region=_region(image, inputs))
        raw = raw.near_canal(inputs.soft_dilation)
        results = {
            "out_file": raw.labels,
            "canal": image.set_array(raw.canal),
            "cord": image.set_array(raw.cord),
        }
        for name, result in results.items():
            path = node_file(runtime, f"{name}.nii.gz")
            save_nii(result, path, like=inputs.in_file)
            self._results[name] = str(path)
        return runtime


def _region(image: Volume, inputs: Any) -> Volume | None:
    """Where the spine is; None where nothing searches for it, or the search is not sure."""
    scout = loaded_scout(inputs)
    return None if scout is None else find_spine(image, scout)


class _Network2InputSpec(
    ModelInputSpec,
    ScoutInputSpec,
    settings_spec(EngineSettings),  # type: ignore[misc]
):
    in_file = File(exists=True, mandatory=True, desc="the prepared image")
    channel = File(exists=True, mandatory=True, desc="every second disc, around step 1")
    release = release_trait()
    kept_file = File(exists=True, nohash=True, desc="stored result of a known image and channel")
    kept_image = Str(nohash=True, desc="digest of the image that it was made from (SHA-256)")
    kept_channel = Str(nohash=True, desc="digest of the channel that it was made from (SHA-256)")


class _Network2OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="raw classes of step 2")


class TSSNetwork2(SimpleInterface):
    """Tell odd and even vertebrae apart with the network of step 2.

    A stored result stands for the network if it was made from the same image and channel: other
    numbers of the discs of step 1 change nothing for it. Where a package is given whose network
    finds the spine, the rest is background.
    """

    input_spec = _Network2InputSpec
    output_spec = _Network2OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        out_file = node_file(runtime, "raw.nii.gz")
        self._results["out_file"] = str(out_file)
        if (
            isdefined(inputs.kept_file)
            and file_digest(inputs.in_file) == inputs.kept_image
            and file_digest(inputs.channel) == inputs.kept_channel
        ):
            logger.info(
                "step 2: image and channel are those of %s, which is kept", inputs.kept_file
            )
            copy_whole(inputs.kept_file, out_file)
            return runtime
        channel = load_mask(inputs.channel)
        image = load_image(inputs.in_file)
        with torch_resources(inputs):
            network = load_step(
                required_package(inputs, TOTALSPINESEG),
                profile=PROFILES[inputs.release],
                device=inputs.device,
                engine=read_settings(inputs, EngineSettings),
            )
            raw = segment_step2(image, channel, network, region=_region(image, inputs))
        save_nii(raw, out_file, like=inputs.in_file)
        return runtime
