"""Shells that describe results and store them in the output folder.

Describing is cached; storing always runs, compares first, and writes whole files only.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    DynamicTraitedSpec,
    File,
    InputMultiObject,
    OutputMultiObject,
    SimpleInterface,
    Str,
    TraitedSpec,
    Undefined,
    isdefined,
    traits,
)

from ..core.files import only_below
from ..results.sidecar import Description, describe
from ..results.storing import store_folder, store_results


class _PrepareInputSpec(DynamicTraitedSpec):
    description = traits.Dict(
        mandatory=True, desc="what the sidecars say: record, metadata, entries, confidences"
    )


class _PrepareOutputSpec(TraitedSpec):
    out_files = OutputMultiObject(
        File(exists=True), desc="each product, followed by its sidecar if it has one"
    )


class PrepareDerivatives(SimpleInterface):
    """Write a sidecar for each product: source digests, settings, models, digest of the file.

    Parameters
    ----------
    products
        Names of the result files, which become inputs.
    sources
        Names of the files that the products were made from; inputs with the prefix ``source_``.
    """

    input_spec = _PrepareInputSpec
    output_spec = _PrepareOutputSpec

    def __init__(
        self, products: Sequence[str] = (), sources: Sequence[str] = (), **inputs: Any
    ) -> None:
        super().__init__(**inputs)
        self._products, self._sources = tuple(products), tuple(sources)
        fields = {name: f"result: {name}" for name in self._products}
        fields |= {f"source_{name}": f"made from: {name}" for name in self._sources}
        for name, text in fields.items():
            self.inputs.add_trait(name, File(exists=True, desc=text))
        self.inputs.trait_set(trait_change_notify=False, **dict.fromkeys(fields, Undefined))

    def _run_interface(self, runtime: Any) -> Any:
        files = describe(
            {name: Path(getattr(self.inputs, name)) for name in self._products},
            Description(**self.inputs.description),
            inputs={
                name: Path(path)
                for name in self._sources
                if isdefined(path := getattr(self.inputs, f"source_{name}"))
            },
            folder=Path(runtime.cwd),
        )
        self._results["out_files"] = [str(path) for path in files]
        return runtime


class _SaveInputSpec(BaseInterfaceInputSpec):
    in_files = InputMultiObject(File(exists=True), mandatory=True, desc="files to store")
    out_paths = traits.List(Str, desc="where each of them goes")
    out_dir = Str(desc="or the folder into which all go under their own names")
    root = Str(desc="folder that nothing is stored outside of")
    name_suffix = Str("", usedefault=True, desc="added to the names of files in `out_dir`")
    exact = traits.Bool(
        False, usedefault=True, desc="delete from `out_dir` what a former run stored there"
    )
    after = InputMultiObject(Str, nohash=True, desc="files stored before these, for the order")


class _SaveOutputSpec(TraitedSpec):
    out_files = OutputMultiObject(File(exists=True), desc="the stored files")


class SaveDerivatives(SimpleInterface):
    """Store files in the output folder; files whose bytes are there already are left alone."""

    input_spec = _SaveInputSpec
    output_spec = _SaveOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        if isdefined(inputs.out_dir):
            names = [_with_suffix(Path(f).name, inputs.name_suffix) for f in inputs.in_files]
            targets = [Path(inputs.out_dir) / name for name in names]
        else:
            targets = [Path(path) for path in inputs.out_paths]
        within = only_below(inputs.root) if isdefined(inputs.root) else nullcontext()
        made = [Path(path) for path in inputs.in_files]
        with within:
            if inputs.exact:
                targets = store_folder(made, Path(inputs.out_dir))
            else:
                store_results(zip(made, targets, strict=True))
        self._results["out_files"] = [str(target) for target in targets]
        return runtime


def _with_suffix(name: str, suffix: str) -> str:
    stem, dot, rest = name.partition(".")
    return f"{stem}{suffix}{dot}{rest}"
