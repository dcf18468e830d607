"""Workflow of one scan: from the image to masks, centroids and snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nipype.pipeline import engine as pe

from spineps_nipype import __version__
from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.core.session_names import Renamed
from spineps_nipype.interfaces import (
    Centroids,
    Conform,
    CorrectedMask,
    FinalizeMasks,
    FixNames,
    InstanceSegmentation,
    LabelVertebrae,
    Markups,
    MeasureSpine,
    PostProcess,
    Preprocess,
    SemanticSegmentation,
    SessionNames,
    Snapshot,
    SpineCrop,
    Surfaces,
)
from spineps_nipype.interfaces.settings_traits import write_settings
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.models.systems import SPINEPS
from spineps_nipype.models.tile_choice import SCOUT
from spineps_nipype.results.plan import StoredResults
from spineps_nipype.spineps.dice_models import dice_model_file
from spineps_nipype.spineps.helper_networks import possible_networks
from spineps_nipype.spineps.poi_header import poi_header
from spineps_nipype.spineps.recipe import ALL_RESULTS, RECIPE, VIBESEG, settled
from spineps_nipype.spineps.settings import OverrideSettings, PipelineSettings
from spineps_nipype.spineps.upstream import upstream

from .engine.memory_estimates import node_memory
from .nodes import Graph, follow, network_node, node, search_with

OUTPUTS: Final = tuple(name for name in ALL_RESULTS if name != "snapshot_copy")

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
    session: Renamed | None = None,
    average_4d: bool = False,
    max_gib: float | None = None,
    device: str = "cpu",
    omp_nthreads: int = 1,
    mem_gb: Mapping[str, float] | None = None,
    note: str = "",
    header_warnings: Sequence[str] = (),
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
    session
        Names that the session of the scan decided, and its stored masks, which get them: no
        network runs.
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
    header_warnings
        What is odd about the header of the scan, for the table of checks.
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
    evidence
        What the network and the form of its mask say of the quality of the mask (TSV).
    softmax, probseg, uncertainty, modelres, debug
        Additional files where the settings ask for them.
    markups, surfaces, surfaces_stl, surfaces_gifti
        Points for 3D Slicer (JSON), and surfaces of the vertebrae with a table of their sizes
        (TSV), where the settings ask for them.
    """
    settings = settled(settings or PipelineSettings(), device)
    semantic = resolve(semantic_model, "semantic")
    instance = resolve(instance_model, "instance")
    labeling = None if labeling_model is None else resolve(labeling_model, "labeling")
    builder = _Builder(
        Graph(name, OUTPUTS, stored),
        settings,
        corrections or Corrections(),
        device,
        omp_nthreads,
        mem_gb or {},
    )
    builder.add_conform(average_4d, max_gib)
    if session is None:
        builder.add_semantic(semantic)
        builder.add_instance(instance)
        builder.add_final(semantic, labeling)
    else:
        builder.add_session_names(session)
    builder.add_centroids(poi_header(settings, semantic, instance, labeling, __version__))
    builder.add_snapshot(semantic, note)
    builder.add_metrics(semantic, header_warnings)
    builder.add_markups()
    builder.add_surfaces()
    asked = asdict(override or OverrideSettings())
    follow(builder.workflow, RECIPE, [option for option, on in asked.items() if on])
    return builder.workflow


def resolve(model: Model, kind: str) -> ModelPackage:
    """Package for an id, a folder or a package."""
    if isinstance(model, ModelPackage):
        return model
    return find_package(SPINEPS, kind, model)


class _Builder:
    """Adds the phases one by one; each result comes from a node or is a stored file."""

    def __init__(
        self,
        graph: Graph,
        settings: PipelineSettings,
        corrections: Corrections,
        device: str,
        omp_nthreads: int,
        mem_gb: Mapping[str, float],
    ) -> None:
        self.graph, self.workflow = graph, graph.workflow
        self.settings, self.corrections = settings, corrections
        self.device, self.threads, self.mem_gb = device, omp_nthreads, mem_gb

    def _node(self, interface: Any, name: str) -> pe.Node:
        return self._added(node(interface, name, mem_gb=self._memory(name)))

    def _network_node(self, interface: Any, name: str, package: ModelPackage) -> pe.Node:
        return self._added(
            network_node(
                interface,
                name,
                network=package,
                device=self.device,
                threads=self.threads,
                mem_gb=self._memory(name),
            )
        )

    def _memory(self, name: str) -> float:
        return self.mem_gb.get(name, node_memory(name))

    def _added(self, made: pe.Node) -> pe.Node:
        if hasattr(made.inputs, "numerics"):
            made.inputs.numerics = self.settings.numerics
        return self.graph.add(made)

    def add_conform(self, average_4d: bool, max_gib: float | None) -> None:
        """Check the scan, unless nothing is left that reads it."""
        if self.graph.stored.has("spine", "vert", "snapshot", "metrics", "checks"):
            return
        whole = upstream(self.settings.numerics).integer_voxels
        conform = self._node(Conform(average_4d=average_4d, integer_voxels=whole), "conform")
        if max_gib is not None:
            conform.inputs.max_gib = max_gib
        self.workflow.connect(self.graph.inputnode, "in_file", conform, "in_file")
        self.graph.gives("image", conform, "out_file")
        self.graph.gives("background", conform, "background")

    def add_semantic(self, package: ModelPackage) -> None:
        """Crop, pre-process and run the semantic network."""
        save = self.settings.save
        if self.graph.take_stored("spine_raw"):
            self._show_modelres()
            return
        if self.graph.stored.has("spine", "vert"):
            return
        if self.corrections.spine is not None:
            self._take_corrected("spine_raw", self.corrections.spine)
            self._show_modelres()
            return
        spine_crop = self._network_node(SpineCrop(), "spine_crop", package)
        write_settings(spine_crop.inputs, self.settings.crop)
        helpers = possible_networks(self.settings)
        if VIBESEG in helpers:
            spine_crop.inputs.vibeseg_digest = helpers[VIBESEG].digest
        self.graph.feed(spine_crop, in_file="image")

        preprocess = self._node(Preprocess(is_ct=package.config.is_ct), "preprocess")
        write_settings(preprocess.inputs, self.settings.preprocess)
        self.graph.feed(preprocess, background="background")
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
        search_with(semantic, helpers.get(SCOUT))
        self.workflow.connect(preprocess, "out_file", semantic, "in_file")
        self.graph.gives("spine_raw", semantic, "out_file")
        self.graph.gives("evidence", semantic, "evidence")
        if save.save_softmax_logits:
            self.graph.gives("softmax", semantic, "softmax")
        if save.save_probseg:
            self.graph.gives("probseg", semantic, "probseg")
        if save.save_uncertainty:
            self.graph.gives("uncertainty", semantic, "uncertainty")
        self._show_modelres()

    def _show_modelres(self) -> None:
        """The raw mask under a second name, where that is asked for."""
        if self.settings.save.save_modelres_mask:
            self.graph.sources["modelres"] = self.graph.sources["spine_raw"]
            self.graph.show("modelres")

    def add_instance(self, package: ModelPackage) -> None:
        """Tell the vertebrae apart."""
        if self.graph.take_stored("vert_raw") or self.graph.stored.has("spine", "vert"):
            return
        if self.corrections.vert is not None:
            self._take_corrected("vert_raw", self.corrections.vert, vertebrae_only=True)
            return
        debug = self.settings.save.save_debug_data
        instance = self._network_node(
            InstanceSegmentation(save_debug_data=debug), "instance", package
        )
        write_settings(instance.inputs, self.settings.instance, self.settings.engine)
        self.graph.feed(instance, in_file="spine_raw")
        self.graph.gives("vert_raw", instance, "out_file")
        if debug:
            self.graph.gives("debug", instance, "debug")

    def add_final(self, semantic: ModelPackage, labeling: ModelPackage | None) -> None:
        """Reconcile both masks, name the vertebrae, add discs and endplates."""
        if self.graph.take_stored("spine", "vert"):
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
        corrected = self._node(mask, f"corrected_{result}")
        self.graph.feed(corrected, reference="image")
        self.graph.gives(result, corrected, "out_file")

    def _add_final(self, semantic: ModelPackage, labeling: ModelPackage | None) -> None:
        config, post, given = semantic.config, self.settings.post, self.corrections
        post_process = self._node(
            PostProcess(has_c1=config.has_c1, is_ct=config.is_ct), "post_process"
        )
        write_settings(post_process.inputs, post)
        self.graph.feed(post_process, in_file="image", spine_raw="spine_raw", vert_raw="vert_raw")

        vert = (post_process, "vert")
        if labeling is not None and given.vert is None:
            c1_enabled = config.has_c1 or post.vertebra_instance_labeling_offset <= 1
            label_vertebrae = self._network_node(
                LabelVertebrae(c1_enabled=c1_enabled), "label_vertebrae", labeling
            )
            write_settings(label_vertebrae.inputs, self.settings.labeling, self.settings.engine)
            self.graph.feed(label_vertebrae, in_file="image")
            for field in ("spine", "vert", "crop"):
                self.workflow.connect(post_process, field, label_vertebrae, field)
            self.graph.sources["labels_table"] = (label_vertebrae, "table")
            if not given.names:
                self.graph.gives("labels_table", label_vertebrae, "table")
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
            self.graph.gives("spine", finalize_masks, "spine")
        if given.vert is None:
            self.graph.gives("vert", finalize_masks, "vert")

    def _add_fixed_names(self, vert: tuple[pe.Node, str]) -> tuple[pe.Node, str]:
        names = self.corrections.names
        labels, found = [n[0] for n in names], [n[1] or 0 for n in names]
        points = [list(n[2] or ()) for n in names]
        fix_names = self._node(FixNames(labels=labels, found=found, points=points), "fix_names")
        self.workflow.connect(*vert, fix_names, "vert")
        if "labels_table" in self.graph.sources:
            self.workflow.connect(*self.graph.sources.pop("labels_table"), fix_names, "table")
        self.graph.gives("labels_table", fix_names, "table")
        return fix_names, "vert"

    def add_session_names(self, session: Renamed) -> None:
        """Give the stored masks the names of the session."""
        for raw in ("spine_raw", "vert_raw"):  # they are still what the masks were made from
            self.graph.take_stored(raw)
        spine, vert, table = (str(session.files[n]) for n in ("spine", "vert", "labels_table"))
        decision = session.decision
        names = self._node(
            SessionNames(
                spine=spine,
                vert=vert,
                table=table,
                labels=list(decision.labels),
                sequences=decision.sequences,
            ),
            "session_names",
        )
        self.graph.gives("spine", names, "spine")
        self.graph.gives("vert", names, "vert")
        self.graph.gives("labels_table", names, "table")

    def add_centroids(self, header: dict[str, Any]) -> None:
        """Put points into the structures."""
        if self.graph.take_stored("poi"):
            return
        centroids = self._node(Centroids(info=header), "centroids")
        write_settings(centroids.inputs, self.settings.centroid)
        self.graph.feed(centroids, spine="spine", vert="vert")
        self.graph.gives("poi", centroids, "out_file")

    def add_snapshot(self, semantic: ModelPackage, note: str) -> None:
        """Draw the result."""
        if self.graph.take_stored("snapshot"):
            return
        snapshot = self._node(Snapshot(is_ct=semantic.config.is_ct, note=note), "snapshot")
        self.graph.feed(snapshot, in_file="image", spine="spine", vert="vert", poi="poi")
        self.graph.gives("snapshot", snapshot, "out_file")

    def add_metrics(self, semantic: ModelPackage, header_warnings: Sequence[str]) -> None:
        """Measure the final masks and check them."""
        if self.graph.take_stored("metrics", "checks"):
            return
        measure = self._node(MeasureSpine(header_warnings=list(header_warnings)), "measure")
        self.graph.feed(measure, scan="image", spine="spine", vert="vert")
        if "labels_table" in self.graph.sources:
            self.graph.feed(measure, labels_table="labels_table")
        model = dice_model_file(semantic)
        if model is not None and "evidence" in self.graph.sources and not self.corrections.spine:
            measure.inputs.dice_model = str(model)
            self.graph.feed(measure, evidence="evidence")
        self.graph.gives("metrics", measure, "metrics")
        self.graph.gives("checks", measure, "checks")

    def add_markups(self) -> None:
        """Write the points for 3D Slicer, where that is asked for."""
        if not self.settings.save.save_markups or self.graph.take_stored("markups"):
            return
        markups = self._node(Markups(), "markups")
        self.graph.feed(markups, poi="poi")
        self.graph.gives("markups", markups, "out_file")

    def add_surfaces(self) -> None:
        """Wrap the vertebrae in surfaces, where that is asked for."""
        save = self.settings.save
        kinds = {"stl": save.save_surfaces_stl, "gifti": save.save_surfaces_gifti}
        if not any(kinds.values()) or self.graph.take_stored("surfaces"):
            return
        surfaces = self._node(Surfaces(**kinds), "surfaces")
        self.graph.feed(surfaces, vert="vert")
        self.graph.gives("surfaces", surfaces, "table")
        for kind in (kind for kind, asked in kinds.items() if asked):
            self.graph.gives(f"surfaces_{kind}", surfaces, kind)
