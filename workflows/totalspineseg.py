"""TotalSpineSeg for one scan: from the image to numbered discs and vertebrae, cord and levels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from nipype.pipeline import engine as pe

from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.interfaces import (
    Conform,
    CorrectedMask,
    TSSInput2,
    TSSNetwork1,
    TSSNetwork2,
    TSSPrepare,
    TSSPreview,
    TSSRules1,
    TSSRules2,
    TSSToNative,
)
from spineps_nipype.interfaces.settings_traits import write_settings
from spineps_nipype.models.finding import find_package, package_in
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.models.systems import TOTALSPINESEG
from spineps_nipype.models.tile_choice import SCOUT, Tiles
from spineps_nipype.results.plan import StoredResults
from spineps_nipype.settings import AUTO_ENGINE, EngineSettings
from spineps_nipype.totalspineseg.recipe import (
    NAMES_TABLE,
    helper_networks,
    picture_result,
    pictures,
    recipe,
    tells_names,
)
from spineps_nipype.totalspineseg.settings import RuleSettings, TotalSpineSegSettings
from spineps_nipype.totalspineseg.upstream import upstream

from .nodes import Graph, follow, network_node, node, search_with

MODES: Final = {
    "step1_output": "smooth",
    "step1_cord": "linear",
    "step1_canal": "linear",
    "step1_levels": "label",
    "step2_output": "smooth",
}
"""Results that come back to the grid of the scan, and how; the others stay at 1 mm. The original
brings label maps back by the nearest voxel."""
FINE: Final = "@1mm"
"""Ends the names of results on the grid of the networks."""
MEMORY_GB: Final = {"network": 6.0, "rules": 2.0, "light": 1.5}
"""Memory of the nodes for a whole spine at 1 mm [GB]."""

Model = ModelPackage | str | Path


def init_totalspineseg_wf(
    *,
    step1_model: Model | None = None,
    step2_model: Model | None = None,
    settings: TotalSpineSegSettings | None = None,
    localizer: str | Path | None = None,
    run_has_localizers: bool = False,
    data_dir: str | Path | None = None,
    stored: StoredResults | None = None,
    corrections: Corrections | None = None,
    overrides: Collection[str] = (),
    max_gib: float | None = None,
    mem_gb: Mapping[str, float] | None = None,
    device: str = "cpu",
    omp_nthreads: int = 1,
    engine: EngineSettings = AUTO_ENGINE,
    tiles: Tiles = "auto",
    name: str = "totalspineseg_wf",
) -> pe.Workflow:
    """Number the discs and vertebrae of one scan with TotalSpineSeg.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from spineps_nipype.workflows.totalspineseg import init_totalspineseg_wf
            wf = init_totalspineseg_wf()

    Parameters
    ----------
    step1_model, step2_model
        Weights or their folders; by default those of the release in the data folder.
    settings
        Options of the run; ``keep_only`` says which results are made.
    localizer
        Labelled result of another scan in the same space.
    run_has_localizers
        Whether any scan of the run has a localizer.
    data_dir
        Data folder with installed weights (default: ``TOTALSPINESEG_DATA``).
    stored
        Results that are there already, from a plan; no node is built for them.
    corrections
        Label maps of a reader, by result.
    overrides
        Options of the recipe that make phases run even if the work folder holds their result.
    max_gib
        Memory above which images are refused.
    mem_gb
        Memory of nodes with a network, with rules, and of light ones.
    device, omp_nthreads
        Where networks run, and the processor threads of a node that runs one.
    engine
        What computes the networks, and in which precision.
    tiles
        Whether all tiles of the networks are computed, or those at the spine.
    name
        Name of the workflow.

    Inputs
    ------
    in_file
        The scan (.nii or .nii.gz), 3-D or 4-D.

    Outputs
    -------
    input
        The prepared image: canonical axes, 1 mm.
    step1_raw, step2_raw
        Raw classes at 1 mm.
    step1_output, step2_output
        Numbered label maps; like step1_cord, step1_canal (soft maps) and step1_levels (points) on
        the grid of the scan, or at 1 mm under ``iso``.
    labels_table
        Names of the vertebrae in step2_output with their probabilities; not under ``original``.
    step2_input
        Every second disc around the result of step 1.
    step1_raw_cord, step1_raw_canal
        Probabilities near the canal, from which the rules of step 1 start again.
    localizers
        The localizer as it is, where there is one.
    preview_input, preview_step1_raw, ...
        Pictures (JPEG).
    """
    settings = settings or TotalSpineSegSettings()
    rows = recipe(settings)
    loc = None if localizer is None else str(Path(localizer).resolve())
    builder = _Builder(
        Graph(name, rows.results, stored),
        settings,
        corrections or Corrections(),
        loc,
        run_has_localizers or loc is not None,
        max_gib,
        device,
        omp_nthreads,
        engine,
        helper_networks(settings, tiles).get(SCOUT),
        mem_gb or MEMORY_GB,
    )
    builder.add_images()
    builder.add_network1(_weights("step1", step1_model, settings, data_dir))
    builder.add_step1()
    if settings.runs_step2:
        builder.add_network2(_weights("step2", step2_model, settings, data_dir))
        builder.add_step2()
    if "preview" in settings.kept():
        builder.add_pictures()
    follow(builder.workflow, rows, overrides)
    return builder.workflow


def _weights(
    step: str, model: Model | None, settings: TotalSpineSegSettings, data: str | Path | None
) -> ModelPackage:
    if isinstance(model, ModelPackage):
        return model
    if model is not None:
        return package_in(model, TOTALSPINESEG, release=settings.release)
    return find_package(TOTALSPINESEG, step, data, release=settings.release)


class _Builder:
    """Adds the phases one by one; each result comes from a node or is a stored file.

    Label maps are numbered at 1 mm and come back to the grid of the scan: the result at 1 mm has
    `FINE` at the end of its name.
    """

    def __init__(
        self,
        graph: Graph,
        settings: TotalSpineSegSettings,
        corrections: Corrections,
        localizer: str | None,
        run_has_localizers: bool,
        max_gib: float | None,
        device: str,
        omp_nthreads: int,
        engine: EngineSettings,
        scout: ModelPackage | None,
        mem_gb: Mapping[str, float],
    ) -> None:
        self.graph, self.workflow = graph, graph.workflow
        self.settings, self.corrections, self.localizer = settings, corrections, localizer
        self.run_has_localizers, self.max_gib = run_has_localizers, max_gib
        self.device, self.threads, self.mem_gb = device, omp_nthreads, mem_gb
        self.engine, self.scout = engine, scout
        self.rules = RuleSettings(
            **{f.name: getattr(settings, f.name) for f in fields(RuleSettings)}
        )
        self.faults = upstream(settings.numerics)

    def _node(self, interface: Any, name: str, memory: str = "light") -> pe.Node:
        return self.graph.add(node(interface, name, mem_gb=self.mem_gb[memory]))

    def _network(self, interface: Any, name: str, package: ModelPackage) -> pe.Node:
        made = network_node(
            interface,
            name,
            network=package,
            device=self.device,
            threads=self.threads,
            mem_gb=self.mem_gb["network"],
        )
        made.inputs.release = self.settings.release
        search_with(made, self.scout)
        write_settings(made.inputs, self.engine)
        return self.graph.add(made)

    def _scan(self) -> str:
        """Name of the checked scan, which only some phases read."""
        if "scan" not in self.graph.sources:
            whole = self.faults.integer_voxels
            conform = self._node(Conform(average_4d=True, integer_voxels=whole), "conform")
            if self.max_gib is not None:
                conform.inputs.max_gib = self.max_gib
            self.graph.connect(self.graph.inputnode, "in_file", conform, "in_file")
            self.graph.gives("scan", conform, "out_file")
        return "scan"

    def add_images(self) -> None:
        """Bring the checked scan to 1 mm; the localizer is a result as it is."""
        if self.localizer is not None:
            self.graph.sources["localizers"] = self.localizer
            self.graph.show("localizers")
        if self.graph.take_stored("input"):
            return
        prepare = self._node(TSSPrepare(numerics=self.settings.numerics), "prepare")
        self.graph.feed(prepare, in_file=self._scan())
        self.graph.gives("input", prepare, "out_file")

    def add_network1(self, package: ModelPackage) -> None:
        """Raw classes of step 1, and the probabilities that its rules need."""
        if self.graph.take_stored("step1_raw", "step1_raw_cord", "step1_raw_canal"):
            return
        network = self._network(TSSNetwork1(), "network1", package)
        network.inputs.soft_dilation = self.settings.soft_dilation
        self.graph.feed(network, in_file="input")
        self.graph.gives("step1_raw", network, "out_file")
        self.graph.gives("step1_raw_cord", network, "cord")
        self.graph.gives("step1_raw_canal", network, "canal")

    def add_step1(self) -> None:
        """Numbered discs, soft maps, levels, and the second channel of step 2."""
        made = ("step1_output", "step1_cord", "step1_canal", "step1_levels")
        channel = ("step2_input",) if self.settings.runs_step2 else ()
        if self.graph.take_stored(*made, *channel):
            return
        rules = self._rules(TSSRules1(), "rules1")
        self.graph.feed(rules, in_file="step1_raw", cord="step1_raw_cord", canal="step1_raw_canal")
        corrected = self.corrections.masks.get("step1_output")
        if corrected is not None:
            self._take_corrected("step1_output", corrected)
            fine = self._node(
                TSSToNative(mode="nearest" if self.faults.stepped_borders else "smooth"),
                "corrected_at_1mm",
            )
            self.graph.feed(fine, in_file="step1_output", reference="input")
            self.graph.connect(fine, "out_file", rules, "corrected")
        else:
            self._on_grid("step1_output", rules, "out_file")
        self.graph.sources["step1_output" + FINE] = (rules, "out_file")
        for result in ("cord", "canal", "levels"):
            self._on_grid(f"step1_{result}", rules, result)
        if channel:
            marked = self._node(TSSInput2(), "input2")
            write_settings(marked.inputs, self.rules)
            self.graph.feed(marked, step1_output="step1_output" + FINE)
            self.graph.gives("step2_input", marked, "channel")

    def add_network2(self, package: ModelPackage) -> None:
        """Raw classes of step 2, anew unless image and channel are those of the stored ones."""
        if self.graph.take_stored("step2_raw"):
            return
        network = self._network(TSSNetwork2(), "network2", package)
        self.graph.feed(network, in_file="input", channel="step2_input")
        kept = self.graph.stored.unless_changed.get("network2")
        if kept is not None:
            network.inputs.kept_file = str(kept.files["step2_raw"])
            network.inputs.kept_image = kept.inputs.get("input", "")
            network.inputs.kept_channel = kept.inputs.get("step2_input", "")
        self.graph.gives("step2_raw", network, "out_file")

    def add_step2(self) -> None:
        """Numbered discs and vertebrae."""
        if self.graph.take_stored("step2_output"):
            return
        corrected = self.corrections.masks.get("step2_output")
        if corrected is not None:
            self._take_corrected("step2_output", corrected)
            return
        rules = self._rules(TSSRules2(), "rules2")
        self.graph.feed(rules, in_file="step2_raw", reference="input")
        self._on_grid("step2_output", rules, "out_file")
        if tells_names(self.settings):
            self.graph.gives(NAMES_TABLE, rules, "names")

    def _rules(self, interface: Any, name: str) -> pe.Node:
        made = self._node(interface, name, "rules")
        write_settings(made.inputs, self.rules)
        made.inputs.run_has_localizers = self.run_has_localizers
        if self.localizer is not None:
            made.inputs.localizer = self.localizer
        return made

    def _on_grid(self, result: str, made: pe.Node, output: str) -> None:
        """A result at 1 mm, and where it is wanted the same on the grid of the scan."""
        self.graph.sources[result + FINE] = (made, output)
        if self.settings.iso:
            self.graph.gives(result, made, output)
        elif result in self.settings.kept():
            mode = MODES[result]
            stepped = mode == "smooth" and self.faults.stepped_borders
            native = self._node(
                TSSToNative(mode="nearest" if stepped else mode), f"native_{result}"
            )
            self.graph.feed(native, in_file=result + FINE, reference=self._scan())
            self.graph.gives(result, native, "out_file")

    def _take_corrected(self, result: str, path: Path) -> None:
        """A label map of a reader, on the grid on which the result would be stored."""
        corrected = self._node(CorrectedMask(in_file=str(path)), f"corrected_{result}")
        self.graph.feed(corrected, reference="input" if self.settings.iso else self._scan())
        self.graph.gives(result, corrected, "out_file")

    def add_pictures(self) -> None:
        """A picture of every result, at 1 mm where it is made now, else as it is stored."""
        shown = pictures(self.settings)
        if self.graph.take_stored(picture_result(list(shown)[-1])):
            return
        for name, (result, tags) in shown.items():
            seg = {} if result is None else {"seg_file": self._finest(result)}
            if result is not None and seg["seg_file"] not in self.graph.sources:
                continue
            made = self._node(TSSPreview(tags=tags), f"preview_{name}")
            self.graph.feed(made, in_file="input", **seg)
            self.graph.gives(picture_result(name), made, "out_file")

    def _finest(self, result: str) -> str:
        return result + FINE if result + FINE in self.graph.sources else result
