"""Shells that describe results and store them in the output folder.

Describing is cached; storing always runs, compares first, and writes whole files only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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

from ..core.files import copy_whole, file_digest
from ..core.tables import read_labels

PROVENANCE = "Provenance"
"""Key under which a sidecar, or the header of a POI file, says how the file was made."""
DESCRIBED = (".nii.gz", ".npz", ".png", ".tsv")
"""Kinds of files that get a sidecar; a JSON file carries the description inside."""


def has_sidecar(name: str | Path) -> bool:
    """Whether a file of this name gets a JSON sidecar."""
    return str(name).endswith(DESCRIBED)


class _PrepareInputSpec(DynamicTraitedSpec):
    record = traits.Dict(mandatory=True, desc="how the results are made: settings, models")
    metadata = traits.Dict(usedefault=True, desc="further entries of all sidecars")
    dictionaries = traits.Dict(usedefault=True, desc="further entries of one sidecar, by product")
    labels_for = Str(desc="product whose sidecar tells the confidence of each name")
    confidences = File(exists=True, desc="table of the names and their confidences (TSV)")


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
        sources = {
            name: file_digest(path)
            for name in self._sources
            if isdefined(path := getattr(self.inputs, f"source_{name}"))
        }
        files: list[str] = []
        for name in self._products:
            product = Path(getattr(self.inputs, name))
            provenance = {**self.inputs.record, "Inputs": sources}
            if product.suffix == ".json":
                described = Path(runtime.cwd) / f"{name}.json"
                _describe_inside(product, provenance, described)
                files.append(str(described))
            else:
                files.append(str(product))
            if has_sidecar(product):
                provenance["Sha256"] = file_digest(product)
                sidecar = Path(runtime.cwd) / f"{name}.json"
                entries = {**self.inputs.metadata, **self.inputs.dictionaries.get(name, {})}
                if name == self.inputs.labels_for and isdefined(self.inputs.confidences):
                    entries["LabelConfidence"] = _confidences(Path(self.inputs.confidences))
                _write_json({**entries, PROVENANCE: provenance}, sidecar)
                files.append(str(sidecar))
        self._results["out_files"] = files
        return runtime


class _SaveInputSpec(BaseInterfaceInputSpec):
    in_files = InputMultiObject(File(exists=True), mandatory=True, desc="files to store")
    out_paths = traits.List(Str, desc="where each of them goes")
    out_dir = Str(desc="or the folder into which all go under their own names")
    name_suffix = Str("", usedefault=True, desc="added to the names of files in `out_dir`")


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
        for source, target in zip(inputs.in_files, targets, strict=True):
            copy_whole(source, target)
        self._results["out_files"] = [str(target) for target in targets]
        return runtime


def _with_suffix(name: str, suffix: str) -> str:
    stem, dot, rest = name.partition(".")
    return f"{stem}{suffix}{dot}{rest}"


def _describe_inside(product: Path, provenance: dict[str, Any], target: Path) -> None:
    content = json.loads(product.read_text(encoding="utf-8"))
    header = content[0] if isinstance(content, list) else content
    header[PROVENANCE] = provenance
    _write_json(content, target)


def _confidences(table: Path) -> dict[str, dict[str, Any]]:
    """Confidence and origin of each name, by name."""
    return {
        str(row["name"]): {"Confidence": row.get("confidence"), "From": row.get("source")}
        for row in read_labels(table)
        if row.get("name")
    }


def _write_json(content: Any, path: Path) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
