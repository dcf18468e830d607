"""Workflow that describes the results of one scan and stores them in the output folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype import __version__
from spineps_nipype.bids.sidecars import bids_uri
from spineps_nipype.interfaces import PrepareDerivatives, SaveDerivatives
from spineps_nipype.interfaces.derivatives import has_sidecar
from spineps_nipype.metrics.checks import COLUMNS as CHECKS_COLUMNS
from spineps_nipype.metrics.columns import COLUMNS as METRICS_COLUMNS
from spineps_nipype.results.plan import OUTPUT_KEYS, SOURCES, sidecar_of
from spineps_nipype.results.record import PHASES, Models, phase_record
from spineps_nipype.spineps.labeling import COLUMNS as LABELS_COLUMNS
from spineps_nipype.spineps.settings import PipelineSettings, SaveSettings

from .spineps import NODE_CONFIG, OUTPUTS

EXTRA_KEYS: Final[Mapping[str, str]] = {
    "labels_table": "out_labels",
    "softmax": "out_logits",
    "probseg": "out_probseg",
    "uncertainty": "out_unc",
    "modelres": "out_modelres",
}
DICTIONARIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "spine": {
        "Description": "Structures of the spine; seg-spine_dseg.tsv names the values.",
    },
    "vert": {
        "Description": "Vertebrae, discs (100 + vertebra above) and endplates (200 + vertebra); "
        "seg-vert_dseg.tsv names the values.",
    },
    "metrics": METRICS_COLUMNS,
    "checks": CHECKS_COLUMNS,
    "labels_table": LABELS_COLUMNS,
}
"""Entries of the sidecars of single results; those of tables explain the columns."""
TARGETS: Final[Mapping[str, str]] = {**OUTPUT_KEYS, **EXTRA_KEYS}
"""Output key of each result."""


def init_outputs_wf(
    *,
    paths: Mapping[str, Path],
    phases: Sequence[str],
    settings: PipelineSettings,
    models: Models,
    metadata: Mapping[str, Any] | None = None,
    out_root: Path | None = None,
    copies: Sequence[tuple[Path, Path]] = (),
    corrections: Mapping[str, str] | None = None,
    name: str = "outputs_wf",
) -> pe.Workflow:
    """Store what the phases of one scan made, each as soon as it is there.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from pathlib import Path
            from spineps_nipype.spineps.settings import PipelineSettings
            from spineps_nipype.workflows.outputs import init_outputs_wf
            from spineps_nipype.results.plan import OUTPUT_KEYS
            wf = init_outputs_wf(
                paths={key: Path(f"/out/{key}.nii.gz") for key in OUTPUT_KEYS.values()},
                phases=("semantic", "instance", "final", "poi", "snapshot"),
                settings=PipelineSettings(),
                models={},
            )

    Parameters
    ----------
    paths
        Output paths by the keys of SPINEPS; a result without a path is not stored.
    phases
        Phases that run.
    settings, models
        What the results are made with; written into the sidecars.
    metadata
        Further entries of all sidecars.
    out_root
        Root of the output dataset, which stored files are named from as sources of others.
    copies
        Stored files and places where copies of them are wanted.
    corrections
        Digests of what a reader corrected, by kind.
    name
        Name of the workflow.

    Inputs
    ------
    scan
        The input image.
    spine_raw, vert_raw, spine, vert, poi, snapshot, ...
        The outputs of the workflow of one scan.
    """
    workflow = pe.Workflow(name=name)
    inputnode = pe.Node(IdentityInterface(fields=["scan", *OUTPUTS]), name="inputnode")
    workflow.add_nodes([inputnode])
    prepared_poi: pe.Node | None = None
    described = {**_generated_by(), **(metadata or {})}

    for phase in (p for p in PHASES if p in phases):
        wanted = _products(phase, settings.save, models, corrections or {})
        products = [p for p in wanted if TARGETS[p] in paths]
        if products:
            sources = SOURCES[phase]
            prepare = _node(
                PrepareDerivatives(
                    products=products,
                    sources=sources,
                    record=phase_record(phase, settings, models, corrections),
                    metadata={**described, "Sources": _sources(phase, described, paths, out_root)},
                    dictionaries={p: DICTIONARIES[p] for p in products if p in DICTIONARIES},
                ),
                f"prepare_{phase}",
            )
            targets = [paths[TARGETS[product]] for product in products]
            save = _node(SaveDerivatives(out_paths=_with_sidecars(targets)), f"save_{phase}")
            for product in products:
                workflow.connect(inputnode, product, prepare, product)
            if "labels_table" in products:
                prepare.inputs.labels_for = "vert"
                workflow.connect(inputnode, "labels_table", prepare, "confidences")
            for source in sources:
                if source == "poi" and prepared_poi is not None:
                    # What is stored is the file with its record, so this is what counts later.
                    workflow.connect(prepared_poi, "out_files", prepare, "source_poi")
                else:
                    workflow.connect(inputnode, source, prepare, f"source_{source}")
            workflow.connect(prepare, "out_files", save, "in_files")
            prepared_poi = prepare if phase == "poi" else prepared_poi
        _add_plain_copies(workflow, inputnode, phase, paths, settings.save)

    if copies:
        save_copies = _node(
            SaveDerivatives(
                in_files=[str(source) for source, _ in copies],
                out_paths=[str(target) for _, target in copies],
            ),
            "save_copies",
        )
        workflow.add_nodes([save_copies])
    return workflow


def _products(
    phase: str, save: SaveSettings, models: Models, corrections: Mapping[str, str]
) -> list[str]:
    """Results of a phase that are stored, under these settings."""
    named = "vert" not in corrections and (bool(models.get("labeling")) or "names" in corrections)
    network = "spine" not in corrections
    wanted = {
        "semantic": {
            "spine_raw": save.save_raw,
            "softmax": save.save_softmax_logits and network,
            "probseg": save.save_probseg and network,
            "uncertainty": save.save_uncertainty and network,
            "modelres": save.save_modelres_mask,
        },
        "instance": {"vert_raw": save.save_raw},
        "final": {"spine": True, "vert": True, "labels_table": named},
        "poi": {"poi": True},
        "snapshot": {"snapshot": True},
        "metrics": {"metrics": True, "checks": True},
    }
    return [product for product, kept in wanted[phase].items() if kept]


def _add_plain_copies(
    workflow: pe.Workflow,
    inputnode: pe.Node,
    phase: str,
    paths: Mapping[str, Path],
    save: SaveSettings,
) -> None:
    """Store files that need no sidecar: debug masks and the second snapshot."""
    if phase == "instance" and save.save_debug_data and "out_debug" in paths:
        folder = paths["out_debug"]
        _, _, word = folder.name.partition("_")
        save_debug = _node(
            SaveDerivatives(out_dir=str(folder), name_suffix=f"_{word}" if word else ""),
            "save_debug",
        )
        workflow.connect(inputnode, "debug", save_debug, "in_files")
    copy = paths.get("out_snap2")
    if phase == "snapshot" and copy is not None and copy != paths["out_snap"]:
        save_copy = _node(SaveDerivatives(out_paths=[str(copy)]), "save_snapshot_copy")
        workflow.connect(inputnode, "snapshot", save_copy, "in_files")


def _sources(
    phase: str, described: Mapping[str, Any], paths: Mapping[str, Path], out_root: Path | None
) -> list[str]:
    """BIDS URIs of what a phase was made from: the scan, then stored results."""
    uris = list(described.get("Sources", []))
    if out_root is None:
        return uris
    own = [paths[TARGETS[s]] for s in SOURCES[phase] if s in TARGETS and TARGETS[s] in paths]
    return uris + [bids_uri(path, out_root, "") for path in own]


def _with_sidecars(targets: Sequence[Path]) -> list[str]:
    """Targets in the order of `PrepareDerivatives`: each file, then its sidecar."""
    files: list[str] = []
    for target in targets:
        files.append(str(target))
        if has_sidecar(target):
            files.append(str(sidecar_of(target)))
    return files


def _generated_by() -> dict[str, Any]:
    return {"GeneratedBy": [{"Name": "spineps_nipype", "Version": __version__}]}


def _node(interface: Any, name: str) -> pe.Node:
    node = pe.Node(interface, name=name, run_without_submitting=True, mem_gb=0.1)
    node.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
    return node
