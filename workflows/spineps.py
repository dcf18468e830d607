"""Workflow of one scan: from the image to masks, centroids and snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype import __version__
from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.interfaces import (
    Centroids,
    Conform,
    CorrectedMask,
    FinalizeMasks,
    FixNames,
    InstanceSegmentation,
    LabelVertebrae,
    MeasureSpine,
    PostProcess,
    Preprocess,
    SemanticSegmentation,
    Snapshot,
    SpineCrop,
)
from spineps_nipype.interfaces.settings_traits import write_settings
from spineps_nipype.models.engine_choice import choose_engine
from spineps_nipype.models.lookup import find_package
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.results.plan import StoredResults
from spineps_nipype.spineps.poi_header import poi_header
from spineps_nipype.spineps.settings import OverrideSettings, PipelineSettings
from spineps_nipype.spineps.upstream import upstream

from .engine.memory_estimates import node_memory

NODE_CONFIG: Final = {
    "execution": {
        # Without these two the cache believes time stamps, and forgets when a result is needed
        # in one more place.
        "hash_method": "content",
        "remove_unnecessary_outputs": "false",
    }
}
OUTPUTS: Final = (
    "spine_raw",
    "vert_raw",
    "spine",
    "vert",
    "poi",
    "snapshot",
    "labels_table",
    "metrics",
    "checks",
    "softmax",
    "probseg",
    "uncertainty",
    "modelres",
    "debug",
)

Model = ModelPackage | str | Path


def init_spineps_wf(
    *,
    semantic_model: Model,
    instance_model: Model,
    labeling_model: Model | None,
    settings: PipelineSettings | None = None,
    override: OverrideSettings | None = None,
    stored: StoredResults | None = None,
    corrections: Corrections | None = None,
    average_4d: bool = False,
    max_gib: float | None = None,
    device: str = "cpu",
    omp_nthreads: int = 1,
    mem_gb: Mapping[str, float] | None = None,
    note: str = "",
    name: str = "spineps_wf",
) -> pe.Workflow:
    """Segment the spine of one scan, name its vertebrae and draw the result.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from spineps_nipype.workflows.spineps import init_spineps_wf
            wf = init_spineps_wf(
                semantic_model="auto", instance_model="auto", labeling_model="auto"
            )

    The workflow uses no global state, so that it can stand inside another one.

    Parameters
    ----------
    semantic_model, instance_model, labeling_model
        Model packages, their ids or folders; without a labelling model vertebrae are counted
        from the top.
    settings
        Options of all phases.
    override
        Phases that run even if the work folder holds their result.
    stored
        Results that are there already; no node is built for them.
    corrections
        Masks of a reader, which replace the phases that make them, and names that a reader fixed.
    average_4d, max_gib
        Whether 4-D images are averaged, and the memory above which images are refused.
    device
        Where networks run: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    omp_nthreads
        Processor threads of a node that runs a network.
    mem_gb
        Memory by node name, for nodes where the usual estimate does not fit.
    note
        A line below the snapshot.
    name
        Name of the workflow.

    Inputs
    ------
    in_file
        The scan (.nii or .nii.gz).

    Outputs
    -------
    spine_raw, vert_raw
        Masks of the networks, on the grid of the model.
    spine, vert
        Final masks on the grid of the scan.
    poi
        Points of interest (JSON); labels_table has one row a vertebra.
    snapshot
        Picture of the result (PNG).
    metrics, checks
        Measures of bodies, discs, canal and curves, and what looks odd (TSV).
    softmax, probseg, uncertainty, modelres, debug
        Additional files where the settings ask for them.
    """
    settings = settings or PipelineSettings()
    settings = replace(settings, engine=choose_engine(settings.engine, device))
    stored = stored or StoredResults()
    semantic = resolve(semantic_model, "semantic")
    instance = resolve(instance_model, "instance")
    labeling = None if labeling_model is None else resolve(labeling_model, "labeling")
    builder = _Builder(
        settings, stored, corrections or Corrections(), device, omp_nthreads, mem_gb or {}, name
    )

    workflow = builder.workflow
    inputnode = pe.Node(IdentityInterface(fields=["in_file"]), name="inputnode")
    outputnode = pe.Node(IdentityInterface(fields=list(OUTPUTS)), name="outputnode")
    workflow.add_nodes([inputnode, outputnode])
    builder.inputnode, builder.outputnode = inputnode, outputnode

    builder.add_conform(average_4d, max_gib)
    builder.add_semantic(semantic)
    builder.add_instance(instance)
    builder.add_final(semantic, labeling)
    builder.add_centroids(poi_header(settings, semantic, instance, labeling, __version__))
    builder.add_snapshot(semantic, note)
    builder.add_metrics()
    builder.force(override or OverrideSettings())
    return workflow


def resolve(model: Model, kind: str) -> ModelPackage:
    """Package for an id, a folder or a package."""
    if isinstance(model, ModelPackage):
        return model
    return find_package(model, kind)  # type: ignore[arg-type]


_FORCED: Final[Mapping[str, tuple[str, ...]]] = {
    "override_semantic": ("semantic",),
    "override_instance": ("instance",),
    "override_postpair": ("post_process", "label_vertebrae", "finalize_masks"),
    "override_ctd": ("centroids",),
}
"""Nodes that each override runs although their result is remembered."""


class _Builder:
    """Adds the phases one by one; each result comes from a node or is a stored file."""

    inputnode: pe.Node
    outputnode: pe.Node

    def __init__(
        self,
        settings: PipelineSettings,
        stored: StoredResults,
        corrections: Corrections,
        device: str,
        omp_nthreads: int,
        mem_gb: Mapping[str, float],
        name: str,
    ) -> None:
        self.workflow = pe.Workflow(name=name)
        self.settings, self.stored, self.corrections = settings, stored, corrections
        self.device, self.threads, self.mem_gb = device, omp_nthreads, mem_gb
        self.sources: dict[str, tuple[pe.Node, str]] = {}

    def _node(self, interface: Any, name: str, **options: Any) -> pe.Node:
        memory = self.mem_gb.get(name, node_memory(name))
        node = pe.Node(interface, name=name, mem_gb=memory, **options)
        node.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
        if hasattr(node.inputs, "numerics"):
            node.inputs.numerics = self.settings.numerics
        self.workflow.add_nodes([node])
        return node

    def _network_node(self, interface: Any, name: str, package: ModelPackage) -> pe.Node:
        on_gpu = self.device != "cpu"
        # MultiProc charges one GPU for each processor of a node that uses a GPU.
        node = self._node(interface, name, n_procs=1 if on_gpu else self.threads)
        node.inputs.model_dir = str(package.folder)
        node.inputs.model_digest = package.digest
        node.inputs.device = self.device
        node.inputs.use_gpu = on_gpu
        return node

    def _feed(self, node: pe.Node, **fields: str) -> None:
        """Connect inputs of a node: field = name of a result."""
        for target, result in fields.items():
            if result in self.sources:
                source, output = self.sources[result]
                self.workflow.connect(source, output, node, target)
            else:
                setattr(node.inputs, target, str(self.stored.files[result]))

    def _yield(self, result: str, node: pe.Node, output: str) -> None:
        """State that an output of a node is a result of the workflow."""
        self.sources[result] = (node, output)
        if result in OUTPUTS:
            self.workflow.connect(node, output, self.outputnode, result)

    def _take_stored(self, phase: str, *results: str) -> bool:
        if not self.stored.has(phase):
            return False
        for result in results:
            setattr(self.outputnode.inputs, result, str(self.stored.files[result]))
        return True

    def add_conform(self, average_4d: bool, max_gib: float | None) -> None:
        """Check the scan, unless nothing is left that reads it."""
        if self.stored.has("final") and self.stored.has("snapshot"):
            return
        whole = upstream(self.settings.numerics).integer_voxels
        conform = self._node(Conform(average_4d=average_4d, integer_voxels=whole), "conform")
        if max_gib is not None:
            conform.inputs.max_gib = max_gib
        self.workflow.connect(self.inputnode, "in_file", conform, "in_file")
        self._yield("image", conform, "out_file")
        self._yield("background", conform, "background")

    def add_semantic(self, package: ModelPackage) -> None:
        """Crop, pre-process and run the semantic network."""
        save = self.settings.save
        if self._take_stored("semantic", "spine_raw"):
            if save.save_modelres_mask:
                self.outputnode.inputs.modelres = str(self.stored.files["spine_raw"])
            return
        if self.stored.has("final"):
            return
        if self.corrections.spine is not None:
            self._take_corrected("spine_raw", self.corrections.spine)
            return
        spine_crop = self._network_node(SpineCrop(), "spine_crop", package)
        write_settings(spine_crop.inputs, self.settings.crop)
        self._feed(spine_crop, in_file="image")

        preprocess = self._node(Preprocess(is_ct=package.config.is_ct), "preprocess")
        write_settings(preprocess.inputs, self.settings.preprocess)
        self._feed(preprocess, background="background")
        self.workflow.connect(spine_crop, "out_file", preprocess, "in_file")

        semantic = self._network_node(
            SemanticSegmentation(
                save_softmax=save.save_softmax_logits,
                save_probseg=save.save_probseg,
                save_uncertainty=save.save_uncertainty,
            ),
            "semantic",
            package,
        )
        write_settings(semantic.inputs, self.settings.semantic, self.settings.engine)
        self.workflow.connect(preprocess, "out_file", semantic, "in_file")
        self._yield("spine_raw", semantic, "out_file")
        if save.save_softmax_logits:
            self._yield("softmax", semantic, "softmax")
        if save.save_probseg:
            self._yield("probseg", semantic, "probseg")
        if save.save_uncertainty:
            self._yield("uncertainty", semantic, "uncertainty")
        if save.save_modelres_mask:
            self._yield("modelres", semantic, "out_file")

    def add_instance(self, package: ModelPackage) -> None:
        """Tell the vertebrae apart."""
        if self._take_stored("instance", "vert_raw"):
            return
        if self.stored.has("final"):
            return
        if self.corrections.vert is not None:
            self._take_corrected("vert_raw", self.corrections.vert, vertebrae_only=True)
            return
        debug = self.settings.save.save_debug_data
        instance = self._network_node(
            InstanceSegmentation(save_debug_data=debug), "instance", package
        )
        write_settings(instance.inputs, self.settings.instance, self.settings.engine)
        self._feed(instance, in_file="spine_raw")
        self._yield("vert_raw", instance, "out_file")
        if debug:
            self._yield("debug", instance, "debug")

    def add_final(self, semantic: ModelPackage, labeling: ModelPackage | None) -> None:
        """Reconcile both masks, name the vertebrae, add discs and endplates."""
        if self._take_stored("final", "spine", "vert"):
            return
        given = self.corrections
        if not (given.spine and given.vert):
            self._add_final(semantic, labeling)
        if given.spine is not None:
            self._take_corrected("spine", given.spine)
        if given.vert is not None:
            self._take_corrected("vert", given.vert)

    def _take_corrected(self, result: str, path: Path, *, vertebrae_only: bool = False) -> None:
        mask = CorrectedMask(in_file=str(path), vertebrae_only=vertebrae_only)
        node = self._node(mask, f"corrected_{result}")
        self._feed(node, reference="image")
        self._yield(result, node, "out_file")

    def _add_final(self, semantic: ModelPackage, labeling: ModelPackage | None) -> None:
        config, post, given = semantic.config, self.settings.post, self.corrections
        post_process = self._node(
            PostProcess(has_c1=config.has_c1, is_ct=config.is_ct), "post_process"
        )
        write_settings(post_process.inputs, post)
        self._feed(post_process, in_file="image", spine_raw="spine_raw", vert_raw="vert_raw")

        vert = (post_process, "vert")
        if labeling is not None and given.vert is None:
            c1_enabled = config.has_c1 or post.vertebra_instance_labeling_offset <= 1
            label_vertebrae = self._network_node(
                LabelVertebrae(c1_enabled=c1_enabled), "label_vertebrae", labeling
            )
            write_settings(label_vertebrae.inputs, self.settings.labeling, self.settings.engine)
            self._feed(label_vertebrae, in_file="image")
            for field in ("spine", "vert", "crop"):
                self.workflow.connect(post_process, field, label_vertebrae, field)
            self.sources["labels_table"] = (label_vertebrae, "table")
            if not given.names:
                self._yield("labels_table", label_vertebrae, "table")
            vert = (label_vertebrae, "vert")

        if given.names and given.vert is None:
            vert = self._add_fixed_names(vert)

        finalize_masks = self._node(
            FinalizeMasks(sacrum_ids=list(config.sacrum_ids), metal=list(config.metal)),
            "finalize_masks",
        )
        self.workflow.connect(post_process, "spine", finalize_masks, "spine")
        self.workflow.connect(post_process, "crop", finalize_masks, "crop")
        self.workflow.connect(*vert, finalize_masks, "vert")
        if given.spine is None:
            self._yield("spine", finalize_masks, "spine")
        if given.vert is None:
            self._yield("vert", finalize_masks, "vert")

    def _add_fixed_names(self, vert: tuple[pe.Node, str]) -> tuple[pe.Node, str]:
        names = self.corrections.names
        labels, found = [n[0] for n in names], [n[1] or 0 for n in names]
        points = [list(n[2] or ()) for n in names]
        fix_names = self._node(FixNames(labels=labels, found=found, points=points), "fix_names")
        self.workflow.connect(*vert, fix_names, "vert")
        if "labels_table" in self.sources:
            self.workflow.connect(*self.sources.pop("labels_table"), fix_names, "table")
        self._yield("labels_table", fix_names, "table")
        return fix_names, "vert"

    def add_centroids(self, header: dict[str, Any]) -> None:
        """Put points into the structures."""
        if self._take_stored("poi", "poi"):
            return
        centroids = self._node(Centroids(info=header), "centroids")
        write_settings(centroids.inputs, self.settings.centroid)
        self._feed(centroids, spine="spine", vert="vert")
        self._yield("poi", centroids, "out_file")

    def add_snapshot(self, semantic: ModelPackage, note: str) -> None:
        """Draw the result."""
        if self._take_stored("snapshot", "snapshot"):
            return
        snapshot = self._node(Snapshot(is_ct=semantic.config.is_ct, note=note), "snapshot")
        self._feed(snapshot, in_file="image", spine="spine", vert="vert", poi="poi")
        self._yield("snapshot", snapshot, "out_file")

    def add_metrics(self) -> None:
        """Measure the final masks and check them."""
        if self._take_stored("metrics", "metrics", "checks"):
            return
        measure = self._node(MeasureSpine(), "measure")
        self._feed(measure, spine="spine", vert="vert")
        if "labels_table" in self.sources or "labels_table" in self.stored.files:
            self._feed(measure, labels_table="labels_table")
        self._yield("metrics", measure, "metrics")
        self._yield("checks", measure, "checks")

    def force(self, override: OverrideSettings) -> None:
        """Make nodes run although the work folder holds their result."""
        for setting, names in _FORCED.items():
            for name in names:
                node = self.workflow.get_node(name)
                if node is not None and getattr(override, setting):
                    node.overwrite = True
