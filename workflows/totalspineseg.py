"""TotalSpineSeg for one scan: from the image to numbered discs and vertebrae, cord and levels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nipype.interfaces.utility import IdentityInterface, Merge
from nipype.pipeline import engine as pe

from spineps_nipype.interfaces import (
    Conform,
    SaveDerivatives,
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
from spineps_nipype.totalspineseg.folders import FIRST_PREVIEW, RESULT_FOLDERS
from spineps_nipype.totalspineseg.settings import RuleSettings, TotalSpineSegSettings
from spineps_nipype.totalspineseg.upstream import upstream

from .spineps import NODE_CONFIG
from .store import Description, Source, add_store, connect

MODES: Final = {
    "step1_output": "smooth",
    "step1_cord": "linear",
    "step1_canal": "linear",
    "step1_levels": "label",
    "step2_output": "smooth",
}
"""Results that come back to the grid of the scan, and how; the others stay at 1 mm. The original
brings label maps back by the nearest voxel."""
STAGES: Final = {
    "images": ("input", "localizers"),
    "network1": ("step1_raw",),
    "step1": ("step1_output", "step1_cord", "step1_canal", "step1_levels"),
    "network2": ("step2_input", "step2_raw"),
    "step2": ("step2_output",),
}
"""Results that are stored together as soon as they are there, so that a fault keeps the rest."""
PREVIEWS: Final = (
    ("input", None, "none"),
    ("loc", "localizers", "none"),
    ("loc_tags", "localizers", "step2"),
    ("step1_raw", "step1_raw", "none"),
    ("step1_output", "step1_output", "none"),
    ("step1_output_tags", "step1_output", "step1"),
    ("step1_levels_tags", "step1_levels", "levels"),
    ("step2_input", "step2_input", "none"),
    ("step2_raw", "step2_raw", "none"),
    ("step2_output", "step2_output", "none"),
    ("step2_output_tags", "step2_output", "step2"),
)
"""Name of a picture, the result that it shows, and the names beside it."""
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
    in_file: str | Path | None = None,
    paths: Mapping[str, Path] | None = None,
    description: Description | None = None,
    max_gib: float | None = None,
    mem_gb: Mapping[str, float] | None = None,
    device: str = "cpu",
    omp_nthreads: int = 1,
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
    in_file
        The scan, if it is known already.
    paths
        Where results are stored: by result, ``preview`` for the picture of the image, beside
        which the others stand. Without them nothing is stored.
    description
        Content of the sidecars.
    max_gib
        Memory above which images are refused.
    mem_gb
        Memory of nodes with a network, with rules, and of light ones.
    device, omp_nthreads
        Where networks run, and the processor threads of a node that runs one.
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
    step2_input
        Every second disc around the result of step 1.
    previews
        Pictures, in the order of their names.
    """
    settings = settings or TotalSpineSegSettings()
    builder = _Builder(settings, device, omp_nthreads, mem_gb or MEMORY_GB, name)
    if in_file is not None:
        builder.inputnode.inputs.in_file = str(in_file)
    builder.prepare(max_gib)
    builder.add_localizer(localizer)
    loc = None if localizer is None else str(localizer)
    builder.step1(_weights("step1", step1_model, settings, data_dir), loc, run_has_localizers)
    if settings.runs_step2:
        builder.step2(_weights("step2", step2_model, settings, data_dir), loc, run_has_localizers)
    pictures = builder.finish()
    if paths is not None:
        builder.store(paths, description or Description(), pictures)
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
    """Adds the stages one by one; `made` knows which node makes which result."""

    def __init__(
        self,
        settings: TotalSpineSegSettings,
        device: str,
        omp_nthreads: int,
        mem_gb: Mapping[str, float],
        name: str,
    ) -> None:
        self.settings, self.device, self.threads = settings, device, omp_nthreads
        self.faults = upstream(settings.numerics)
        self.mem_gb = mem_gb
        self.rules = RuleSettings(
            **{n: getattr(settings, n) for n in RuleSettings.__dataclass_fields__}
        )
        self.workflow = pe.Workflow(name=name)
        self.made: dict[str, Source] = {}
        self.outputnode = pe.Node(
            IdentityInterface(fields=[*RESULT_FOLDERS, "previews"]), name="outputnode"
        )
        self.inputnode = pe.Node(IdentityInterface(fields=["in_file"]), name="inputnode")
        self.workflow.add_nodes([self.inputnode, self.outputnode])

    def _node(self, interface: Any, name: str, memory: str = "light", **options: Any) -> pe.Node:
        node = pe.Node(interface, name=name, mem_gb=self.mem_gb[memory], **options)
        node.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
        self.workflow.add_nodes([node])
        return node

    def _network(self, interface: Any, name: str, package: ModelPackage) -> pe.Node:
        on_gpu = self.device != "cpu"
        node = self._node(interface, name, "network", n_procs=1 if on_gpu else self.threads)
        node.inputs.model_dir = str(package.folder)
        node.inputs.model_digest = package.digest
        node.inputs.release = self.settings.release
        node.inputs.device = self.device
        node.inputs.num_threads = self.threads
        node.inputs.use_gpu = on_gpu
        return node

    def _feed(self, node: pe.Node, **inputs: str) -> None:
        """Connect inputs: name of the trait = name of a result."""
        for target, result in inputs.items():
            connect(self.workflow, self.made[result], node, target)

    def prepare(self, max_gib: float | None) -> None:
        """Check the scan and bring it to 1 mm."""
        whole = self.faults.integer_voxels
        conform = self._node(Conform(average_4d=True, integer_voxels=whole), "conform")
        if max_gib is not None:
            conform.inputs.max_gib = max_gib
        self.workflow.connect(self.inputnode, "in_file", conform, "in_file")
        self.made["scan"] = (conform, "out_file")
        prepare = self._node(TSSPrepare(numerics=self.settings.numerics), "prepare")
        self._feed(prepare, in_file="scan")
        self.made["input"] = (prepare, "out_file")

    def add_localizer(self, localizer: str | Path | None) -> None:
        """Remember the localizer as a result, so that it is drawn and kept."""
        if localizer is not None:
            self.made["localizers"] = str(Path(localizer).resolve())

    def step1(self, package: ModelPackage, localizer: str | None, several: bool) -> None:
        """Network and rules of step 1."""
        network = self._network(TSSNetwork1(), "network1", package)
        self._feed(network, in_file="input")
        self.made["step1_raw"] = (network, "out_file")
        rules = self._rules(TSSRules1(), "rules1", localizer, several)
        self._feed(rules, in_file="step1_raw")
        for soft in ("canal", "cord"):
            self.workflow.connect(network, soft, rules, soft)
            self.made[f"step1_{soft}"] = (rules, soft)
        self.made["step1_output"] = (rules, "out_file")
        self.made["step1_levels"] = (rules, "levels")

    def step2(self, package: ModelPackage, localizer: str | None, several: bool) -> None:
        """Second channel, network and rules of step 2."""
        channel = self._node(TSSInput2(), "input2")
        write_settings(channel.inputs, self.rules)
        self._feed(channel, in_file="input", step1_output="step1_output")
        network = self._network(TSSNetwork2(), "network2", package)
        self.workflow.connect(channel, "out_file", network, "in_file")
        self.workflow.connect(channel, "channel", network, "channel")
        self.made["step2_input"] = (channel, "channel")
        self.made["step2_raw"] = (network, "out_file")
        rules = self._rules(TSSRules2(), "rules2", localizer, several)
        self._feed(rules, in_file="step2_raw", reference="input")
        self.made["step2_output"] = (rules, "out_file")

    def _rules(self, interface: Any, name: str, localizer: str | None, several: bool) -> pe.Node:
        node = self._node(interface, name, "rules")
        write_settings(node.inputs, self.rules)
        node.inputs.run_has_localizers = several or localizer is not None
        if localizer is not None:
            node.inputs.localizer = localizer
        return node

    def finish(self) -> dict[str, pe.Node]:
        """Pictures, results on the grid of the scan; returns the nodes of the pictures."""
        kept = self.settings.kept()
        pictures = self._previews() if "preview" in kept else {}
        for result, mode in MODES.items():
            if self.settings.iso or result not in kept or result not in self.made:
                continue
            stepped = mode == "smooth" and self.faults.stepped_borders
            interface = TSSToNative(mode="nearest" if stepped else mode)
            native = self._node(interface, f"native_{result}")
            self._feed(native, in_file=result, reference="scan")
            self.made[result] = (native, "out_file")
        for result in RESULT_FOLDERS:
            if result in kept and result in self.made:
                self._feed(self.outputnode, **{result: result})
        return pictures

    def _previews(self) -> dict[str, pe.Node]:
        nodes = {}
        for name, shown, tags in PREVIEWS:
            if shown is not None and shown not in self.made:
                continue
            node = self._node(TSSPreview(tags=tags), f"preview_{name}")
            self._feed(node, in_file="input", **({"seg_file": shown} if shown else {}))
            nodes[name] = node
        merge = self._node(Merge(len(nodes)), "previews", run_without_submitting=True)
        for place, node in enumerate(nodes.values(), start=1):
            self.workflow.connect(node, "out_file", merge, f"in{place}")
        self.workflow.connect(merge, "out", self.outputnode, "previews")
        return nodes

    def store(
        self, paths: Mapping[str, Path], description: Description, pictures: dict[str, pe.Node]
    ) -> None:
        """Store what is kept, each stage as soon as it is there."""
        kept = self.settings.kept()
        for stage, results in STAGES.items():
            here = {n: self.made[n] for n in results if n in kept and n in self.made}
            if here:
                scan = (self.inputnode, "in_file")
                add_store(
                    self.workflow, here, paths, scan=scan, description=description, name=stage
                )
        for picture, node in pictures.items():
            first = paths["preview"]
            path = first.with_name(first.name.replace(f"_{FIRST_PREVIEW}.", f"_{picture}."))
            save = self._node(
                SaveDerivatives(out_paths=[str(path)]),
                f"save_preview_{picture}",
                run_without_submitting=True,
            )
            self.workflow.connect(node, "out_file", save, "in_files")
