"""Shells of the rules: numbers of discs and vertebrae, soft maps, levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from nipype.interfaces.base import (
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ...core.images import load_image, load_map, load_mask, save_nii
from ...core.tables import write_table
from ...totalspineseg.inference import RawStep1
from ...totalspineseg.name_table import LABEL_COLUMNS
from ...totalspineseg.settings import RuleSettings
from ...totalspineseg.steps import finish_step1, finish_step2, step2_input
from ..node_files import node_file
from ..settings_traits import read_settings, settings_spec


class _RulesInputSpec(settings_spec(RuleSettings)):  # type: ignore[misc]
    localizer = File(
        exists=True, desc="labelled result of another scan in the same space, if there is one"
    )
    run_has_localizers = traits.Bool(
        False, usedefault=True, desc="whether any scan of the run has a localizer"
    )


def _rules(inputs: Any) -> dict[str, Any]:
    named = isdefined(inputs.localizer)
    return {
        "settings": read_settings(inputs, RuleSettings),
        "localizer": load_mask(inputs.localizer) if named else None,
        "run_has_localizers": inputs.run_has_localizers or named,
    }


class _Rules1InputSpec(_RulesInputSpec):
    in_file = File(exists=True, mandatory=True, desc="raw classes of step 1")
    canal = File(exists=True, mandatory=True, desc="probability of the canal")
    cord = File(exists=True, mandatory=True, desc="probability of the cord")
    corrected = File(
        exists=True, desc="numbered label map of a reader, on the grid of the raw classes"
    )


class _Rules1OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="numbered discs, cord, canal, C1; 50 for other vertebrae")
    canal = File(exists=True, desc="soft canal")
    cord = File(exists=True, desc="soft cord")
    levels = File(exists=True, desc="one labelled voxel a level; empty when there are none")


class TSSRules1(SimpleInterface):
    """Number the discs that step 1 has found; soft maps and levels."""

    input_spec = _Rules1InputSpec
    output_spec = _Rules1OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        raw = RawStep1(
            load_mask(inputs.in_file),
            load_map(inputs.canal).get_array(),
            load_map(inputs.cord).get_array(),
        )
        corrected = load_mask(inputs.corrected) if isdefined(inputs.corrected) else None
        found = finish_step1(raw, **_rules(inputs), corrected=corrected)
        levels = found.levels
        if levels is None:
            levels = found.output.set_array(np.zeros(found.output.shape, dtype=np.uint8))
        results = {
            "out_file": found.output,
            "canal": found.canal,
            "cord": found.cord,
            "levels": levels,
        }
        for name, result in results.items():
            path = node_file(runtime, f"{name}.nii.gz")
            save_nii(result, path, like=inputs.in_file)
            self._results[name] = str(path)
        return runtime


class _Input2InputSpec(settings_spec(RuleSettings)):  # type: ignore[misc]
    step1_output = File(exists=True, mandatory=True, desc="numbered label map of step 1")


class _Input2OutputSpec(TraitedSpec):
    channel = File(exists=True, desc="every second disc, on the grid around step 1")


class TSSInput2(SimpleInterface):
    """Mark every second disc of step 1, on the grid around its result."""

    input_spec = _Input2InputSpec
    output_spec = _Input2OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        channel = step2_input(load_mask(inputs.step1_output), read_settings(inputs, RuleSettings))
        path = node_file(runtime, "channel.nii.gz")
        save_nii(channel, path, like=inputs.step1_output)
        self._results["channel"] = str(path)
        return runtime


class _Rules2InputSpec(_RulesInputSpec):
    in_file = File(exists=True, mandatory=True, desc="raw classes of step 2")
    reference = File(exists=True, mandatory=True, desc="the prepared image")


class _Rules2OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="numbered discs and vertebrae on the grid of the image")
    names = File(exists=True, desc="table of the names of the vertebrae and their probability")


class TSSRules2(SimpleInterface):
    """Number the discs and vertebrae that step 2 has found."""

    input_spec = _Rules2InputSpec
    output_spec = _Rules2OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        output, names = finish_step2(
            load_mask(inputs.in_file), load_image(inputs.reference), **_rules(inputs)
        )
        out_file = node_file(runtime, "output.nii.gz")
        save_nii(output, out_file, like=inputs.in_file)
        table = node_file(runtime, "names.tsv")
        write_table(names, table, tuple(LABEL_COLUMNS))
        self._results.update(out_file=str(out_file), names=str(table))
        return runtime
