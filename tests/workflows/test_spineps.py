"""The workflow of one scan on the real graph, with tiny models."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nipype.interfaces.base import isdefined
from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype import interfaces
from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.core.files import file_digest
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.results.plan import StoredResults
from spineps_nipype.results.storing import STORED_FILES
from spineps_nipype.spineps.settings import PipelineSettings, SaveSettings
from spineps_nipype.workflows.spineps import init_spineps_wf

from ..tiny_packages import N_VERTEBRAE, affine, coded_labels
from .conftest import COMPUTE, SETTINGS, Run

RAW = ("out_spine_raw", "out_vert_raw")
SEMANTIC = ["Conform", "SpineCrop", "Preprocess", "SemanticSegmentation"]
INSTANCE = ["InstanceSegmentation"]
FINAL = ["PostProcess", "LabelVertebrae", "FinalizeMasks"]
POI = ["Centroids"]
SNAPSHOT = ["Snapshot"]
EVERYTHING = SEMANTIC + INSTANCE + FINAL + POI + SNAPSHOT
CONFORM = ["Conform"]


def test_the_first_run_computes_every_phase_once(run: Run) -> None:
    assert sorted(run()) == sorted(EVERYTHING)
    assert sorted(EVERYTHING) == COMPUTE
    written = run.files()
    for key in ("out_spine", "out_vert", "out_ctd", "out_snap", "out_snap2", *RAW):
        assert run.paths[key].relative_to(run.out).as_posix() in written
    assert written[run.paths["out_snap2"].relative_to(run.out).as_posix()] == (
        run.paths["out_snap"].read_bytes()
    )
    assert not [name for name in written if name.endswith(".part")]


def test_the_coded_image_is_segmented_exactly(finished: Run) -> None:
    coded = nib.as_closest_canonical(nib.Nifti1Image(coded_labels(), affine()))
    expected = np.asarray(coded.dataobj)
    spine = nib.load(finished.paths["out_spine"])
    np.testing.assert_allclose(spine.affine, coded.affine)
    found = np.asarray(spine.dataobj)
    np.testing.assert_array_equal(np.where(np.isin(found, (52, 53)), 62, found), expected)
    vert = np.asarray(nib.load(finished.paths["out_vert"]).dataobj)
    bodies = np.unique(vert[expected == 49])
    assert len(bodies) == N_VERTEBRAE
    assert (np.diff(bodies) == 1).all()
    np.testing.assert_array_equal(vert == 26, expected == 26)
    np.testing.assert_array_equal(np.unique(vert[expected == 100]), bodies + 100)


def test_two_runs_write_the_same_bytes(run: Run, finished: Run) -> None:
    run()
    assert run.files() == finished.files()


def test_workers_write_the_same_bytes(run: Run, finished: Run) -> None:
    """The nodes survive the way to other processes and back."""
    assert run(plugin="MultiProc") == []  # computed, but not in this process
    assert run.files() == finished.files()


def test_nothing_is_written_beside_the_scan(finished: Run) -> None:
    assert [p.name for p in finished.scan.parent.iterdir()] == [finished.scan.name]


# Each row of the decision table of SPINEPS 2.1.3: what lies there, what is asked, what runs.
# Other than there, a new semantic mask leads to new instances.
@pytest.mark.parametrize(
    ("absent", "override", "expected"),
    [
        pytest.param((), [], [], id="complete"),
        pytest.param((), ["semantic"], EVERYTHING, id="semantic again"),
        pytest.param(
            (),
            ["instance"],
            CONFORM + INSTANCE + FINAL + POI + SNAPSHOT,
            id="instance again",
        ),
        pytest.param((), ["semantic", "instance"], EVERYTHING, id="semantic and instance again"),
        pytest.param((), ["postpair"], CONFORM + FINAL + POI + SNAPSHOT, id="final masks again"),
        pytest.param((), ["ctd"], CONFORM + POI + SNAPSHOT, id="centroids again"),
        pytest.param(RAW, [], [], id="raw pair missing, finals complete"),
        pytest.param(RAW, ["postpair"], EVERYTHING, id="raw missing, finals again"),
        pytest.param(RAW, ["ctd"], EVERYTHING, id="raw missing, centroids again"),
        pytest.param(("out_snap",), [], CONFORM + SNAPSHOT, id="only snapshot missing"),
        pytest.param(("out_ctd",), [], CONFORM + POI + SNAPSHOT, id="only centroids missing"),
        pytest.param(
            ("out_vert",), [], CONFORM + FINAL + POI + SNAPSHOT, id="only vertebra mask missing"
        ),
        pytest.param(("out_snap2",), [], [], id="complete, copy missing"),
    ],
)
def test_decision_table(
    again: Run,
    finished: Run,
    absent: tuple[str, ...],
    override: list[str],
    expected: list[str],
) -> None:
    for key in absent:
        again.paths[key].unlink()
    computed = again(**{f"override_{phase}": True for phase in override})
    assert sorted(computed) == sorted(expected)
    if absent == RAW and not expected:  # nothing needs the raw masks, so none are made
        assert not again.paths["out_spine_raw"].exists()
    else:
        assert again.files() == finished.files()


def test_without_raw_masks_nothing_runs_twice(run: Run) -> None:
    settings = replace(SETTINGS, save=SaveSettings(save_raw=False))
    assert sorted(run(settings)) == sorted(EVERYTHING)
    assert not run.paths["out_spine_raw"].parent.exists()
    shutil.rmtree(run.work)
    assert run(settings) == []


def test_complete_results_are_the_outputs_of_a_graph_without_nodes(
    finished: Run, models: dict[str, object]
) -> None:
    """Somebody who embeds the workflow gets the stored files, and nothing is computed."""
    workflow = init_spineps_wf(
        semantic_model=models["semantic"],
        instance_model=models["instance"],
        labeling_model=models["labeling"],
        stored=finished.plan().stored,
    )
    assert sorted(workflow.list_node_names()) == ["inputnode", "outputnode"]
    given = workflow.get_node("outputnode").inputs
    assert Path(given.spine) == finished.paths["out_spine"]
    assert Path(given.poi) == finished.paths["out_ctd"]


# With the work folder kept, the same bytes stop the recomputation.
@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("override_semantic", ["SemanticSegmentation"]),
        ("override_instance", INSTANCE),
        ("override_postpair", FINAL),
        ("override_ctd", POI),
    ],
)
def test_an_override_makes_its_phase_again_and_no_other(
    run: Run, override: str, expected: list[str]
) -> None:
    run()
    before = run.files()
    assert sorted(run(**{override: True})) == sorted(expected)
    assert run.files() == before


def test_deleted_outputs_come_back_from_the_work_folder(run: Run) -> None:
    run()
    before = run.files()
    shutil.rmtree(run.out)
    assert run() == []
    assert run.files() == before


def test_a_corrected_mask_is_used_and_kept(again: Run, finished: Run) -> None:
    path = again.paths["out_spine_raw"]
    mask = nib.load(path)
    data = np.asarray(mask.dataobj).copy()
    data[data == 60] = 61
    nib.save(nib.Nifti1Image(data, mask.affine, mask.header), path)
    corrected = path.read_bytes()
    assert sorted(again()) == sorted(CONFORM + INSTANCE + FINAL + POI + SNAPSHOT)
    assert path.read_bytes() == corrected
    assert 60 not in np.unique(nib.load(again.paths["out_spine"]).dataobj)
    assert again() == []


def test_a_changed_option_runs_its_phase_and_what_follows(again: Run) -> None:
    settings = PipelineSettings.from_flat(
        {"proc_sem_n4_bias_correction": False, "poi_points": "bodies"}
    )
    assert sorted(again(settings)) == sorted(CONFORM + POI + SNAPSHOT)
    assert again(settings) == []


@pytest.mark.parametrize("name", [*EVERYTHING, "PrepareDerivatives", "SaveDerivatives"])
def test_a_killed_run_goes_on_from_what_was_finished(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """SIGKILL inside a node: the next run ends in the same bytes."""
    child = os.fork()
    if child == 0:  # pragma: no cover

        def die(self: object, runtime: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(getattr(interfaces, name), "_run_interface", die)
        run()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    done = {path.parent.name for path in run.work.rglob("result_*.pklz")}
    computed = run()
    assert run.files() == finished.files()
    if name in EVERYTHING:
        assert name in computed
        assert len(computed) + len(done & NODES.keys()) == len(EVERYTHING)


def test_a_failed_phase_leaves_the_results_of_those_before_it(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, runtime: object) -> None:
        raise EmptyResultError("no vertebra")

    with monkeypatch.context() as broken:
        broken.setattr(interfaces.InstanceSegmentation, "_run_interface", fail)
        with pytest.raises(RuntimeError, match="no vertebra"):
            run()
    raw, evidence = run.paths["out_spine_raw"], run.paths["out_evidence"]
    kept = (raw.with_name(f"{raw.name[:-7]}.json"), raw, evidence.with_suffix(".json"), evidence)
    assert list(run.files()) == [p.relative_to(run.out).as_posix() for p in kept]
    shutil.rmtree(run.work)
    assert "SemanticSegmentation" not in run()
    assert run.files() == finished.files()


def test_the_numerics_of_spineps_run_through(run: Run, finished: Run) -> None:
    run(replace(SETTINGS, numerics="spineps-2.1.3"))
    for key in ("out_spine_raw", "out_vert_raw", "out_spine"):
        np.testing.assert_array_equal(
            nib.load(run.paths[key]).dataobj, nib.load(finished.paths[key]).dataobj
        )


NODES = {
    "conform": "Conform",
    "spine_crop": "SpineCrop",
    "preprocess": "Preprocess",
    "semantic": "SemanticSegmentation",
    "instance": "InstanceSegmentation",
    "post_process": "PostProcess",
    "label_vertebrae": "LabelVertebrae",
    "finalize_masks": "FinalizeMasks",
    "centroids": "Centroids",
    "snapshot": "Snapshot",
}


def test_every_image_has_a_sidecar_that_says_how_it_was_made(finished: Run) -> None:
    for key in ("out_spine", "out_vert", "out_snap", *RAW):
        path = finished.paths[key]
        sidecar = path.with_name(path.name.split(".")[0] + ".json")
        record = json.loads(sidecar.read_text())["Provenance"]
        assert record["Sha256"] == file_digest(path)
        assert record["Inputs"]["scan"] == file_digest(finished.scan)
        assert record["Models"]["semantic"]["digest"] == finished.models["semantic"].digest
    header = json.loads(finished.paths["out_ctd"].read_text())[0]
    assert header["source"] == "MRI Segmentation Pipeline"
    assert header["models"]["0"]["name"] == finished.models["semantic"].config.log_name
    assert header["proc_pad_size"] == "4"
    assert header["Provenance"]["Phase"] == "poi"


def test_additional_files(run: Run) -> None:
    flags = (
        "save_softmax_logits",
        "save_probseg",
        "save_uncertainty",
        "save_modelres_mask",
        "save_debug_data",
    )
    settings = replace(SETTINGS, save=SaveSettings(**dict.fromkeys(flags, True)))
    run(settings)
    raw = nib.load(run.paths["out_spine_raw"])
    softmax = np.load(run.paths["out_logits"])["probabilities"]
    assert softmax.shape[1:] == raw.shape
    np.testing.assert_allclose(softmax.sum(axis=0), 1, atol=1e-4)
    probseg = nib.load(run.paths["out_probseg"])
    assert probseg.shape == (*raw.shape, softmax.shape[0])
    np.testing.assert_allclose(probseg.affine, raw.affine)
    uncertainty = np.asarray(nib.load(run.paths["out_unc"]).dataobj)
    assert uncertainty.dtype == np.float32
    assert 0 <= uncertainty.min() <= uncertainty.max() <= 1
    np.testing.assert_array_equal(nib.load(run.paths["out_modelres"]).dataobj, raw.dataobj)
    debug = {p.name for p in run.paths["out_debug"].iterdir()}
    assert {"sem_raw_T2w.nii.gz", "vert_arr_return_final_T2w.nii.gz"} <= debug
    assert f"inst_cutout_vert_nii_{N_VERTEBRAE - 1}_proc_T2w.nii.gz" in debug
    assert run.plan(settings).all_done


def test_markups_and_surfaces_are_made_on_request_from_stored_masks(run: Run) -> None:
    """Nothing else runs for them; with other masks they are made again and old ones vanish."""
    run()
    flags = ("save_markups", "save_surfaces_stl", "save_surfaces_gifti")
    settings = replace(SETTINGS, save=SaveSettings(**dict.fromkeys(flags, True)))
    assert sorted(run(settings)) == ["Markups", "Surfaces"]
    assert "Provenance" in json.loads(run.paths["out_markups"].read_text())
    table = run.paths["out_surfaces"].read_text().splitlines()
    names = [line.split("\t")[1] for line in table[1:]]
    assert len(names) == N_VERTEBRAE + 1  # and the sacrum
    for key, end in (("out_surfaces_stl", ".stl"), ("out_surfaces_gifti", ".surf.gii")):
        stored = {p.name for p in run.paths[key].iterdir()}
        assert stored == {STORED_FILES, *(f"{name}{end}" for name in names)}
    assert run.plan(settings).all_done
    assert run.plan().all_done  # whoever does not ask for them does not wait for them
    own = run.paths["out_surfaces_stl"] / "bone.stl"
    own.write_text("of another program")
    mask = nib.load(run.paths["out_vert"])
    data = np.asarray(mask.dataobj).copy()
    data[data == data[data > 0].min()] = 0
    nib.save(nib.Nifti1Image(data, mask.affine, mask.header), run.paths["out_vert"])
    assert {"Surfaces", "Markups"} <= set(run(settings))
    left = {p.name for p in run.paths["out_surfaces_stl"].iterdir()} - {STORED_FILES, own.name}
    assert len(left) == N_VERTEBRAE
    assert own.read_text() == "of another program"


def test_without_a_labelling_model_vertebrae_are_counted(run: Run) -> None:
    run.models = {**run.models, "labeling": None}
    assert "LabelVertebrae" not in run()
    labels = np.unique(nib.load(run.paths["out_vert"]).dataobj)
    assert labels[labels > 0].min() == 2  # C2 on top
    assert not run.paths["out_labels"].exists()


def build(models: dict[str, object], **options: object) -> pe.Workflow:
    return init_spineps_wf(
        semantic_model=models["semantic"],
        instance_model=models["instance"],
        labeling_model=models["labeling"],
        **options,
    )


def test_nodes_carry_their_names_resources_and_cache_rule(models: dict[str, object]) -> None:
    workflow = build(models, device="cuda:1", omp_nthreads=4, mem_gb={"semantic": 7.5})
    nodes = {n.name: n for n in workflow._get_all_nodes()}
    assert set(nodes) == {*NODES, "measure", "inputnode", "outputnode"}
    for name, kind in NODES.items():
        assert type(nodes[name].interface).__name__ == kind
        assert nodes[name].config["execution"]["hash_method"] == "content"
        assert nodes[name].mem_gb > 0.5
        torch = hasattr(nodes[name].inputs, "device")
        assert torch == (name in ("spine_crop", "semantic", "instance", "label_vertebrae"))
        assert nodes[name].is_gpu_node() == torch
        assert nodes[name].n_procs == 1
    assert nodes["semantic"].mem_gb == 7.5
    on_cpu = {n.name: n for n in build(models, omp_nthreads=4)._get_all_nodes()}
    assert on_cpu["semantic"].n_procs == 4
    assert on_cpu["semantic"].inputs.num_threads == 4
    assert not on_cpu["semantic"].is_gpu_node()


def test_every_option_reaches_its_node(models: dict[str, object]) -> None:
    settings = PipelineSettings.from_flat(
        {
            "auto_crop_to_spine": "no",
            "proc_pad_size": 6,
            "tta": False,
            "proc_inst_largest_k_cc": 2,
            "proc_assign_missing_cc_fast": True,
            "proc_lab_force_no_tl_anomaly": True,
            "poi_points": "bodies",
            "numerics": "spineps-2.1.3",
        }
    )
    workflow = build(models, settings=settings)

    def given(node: str, option: str) -> object:
        return getattr(workflow.get_node(node).inputs, option)

    assert given("spine_crop", "auto_crop_to_spine") == "no"
    assert given("preprocess", "proc_pad_size") == 6
    assert given("semantic", "tta") is False
    assert given("instance", "proc_inst_largest_k_cc") == 2
    assert given("post_process", "proc_assign_missing_cc_fast") is True
    assert given("label_vertebrae", "proc_lab_force_no_tl_anomaly") is True
    assert given("centroids", "poi_points") == "bodies"
    assert given("conform", "integer_voxels") is True
    for node in ("preprocess", "semantic", "instance", "post_process", "finalize_masks"):
        assert given(node, "numerics") == "spineps-2.1.3"


def test_a_dice_is_expected_of_the_networks_that_it_was_fitted_with(
    models: dict[str, object], tmp_path: Path
) -> None:
    def asked(workflow: pe.Workflow) -> tuple[bool, bool]:
        measure = workflow.get_node("measure")
        fed = [
            target
            for _, node, links in workflow._graph.edges(data=True)
            if node is measure
            for _, target in links["connect"]
        ]
        return "evidence" in fed, isdefined(measure.inputs.dice_model)

    assert asked(build(models)) == (False, False)
    compact = {**models, "semantic": "compact_semantic"}
    assert asked(build(compact)) == (True, True)
    mask = tmp_path / "mine.nii.gz"
    mask.touch()
    assert asked(build(compact, corrections=Corrections({"spine": mask}))) == (False, False)


def test_the_workflow_stands_inside_another(
    scan: Path,
    models: dict[str, object],
    finished: Run,
    tmp_path: Path,
    watch: Callable[[list[str]], None],
) -> None:
    """A foreign workflow connects by name and may keep its own cache rule."""
    outer = pe.Workflow(name="theirs", base_dir=str(tmp_path))
    outer.config["execution"] = {"hash_method": "timestamp", "crashdump_dir": str(tmp_path)}
    source = pe.Node(IdentityInterface(fields=["t2w"]), name="source")
    source.inputs.t2w = str(scan)
    sink = pe.Node(IdentityInterface(fields=["spine", "vert", "poi"]), name="sink")
    inner = build(models, settings=SETTINGS, name="spine")
    outer.connect(source, "t2w", inner, "inputnode.in_file")
    for field in ("spine", "vert", "poi"):
        outer.connect(inner, f"outputnode.{field}", sink, field)
    computed: list[str] = []
    watch(computed)
    graph = outer.run(plugin="Linear")
    assert sorted(computed) == sorted(EVERYTHING)
    made = {n.name: n for n in graph.nodes()}
    spine = Path(made["finalize_masks"].result.outputs.spine)
    assert spine.read_bytes() == finished.paths["out_spine"].read_bytes()
    os.utime(scan)
    computed.clear()
    outer.run(plugin="Linear")
    assert computed == []


def test_a_stored_result_takes_the_place_of_its_nodes(
    models: dict[str, object], finished: Run
) -> None:
    raw = {"spine_raw": finished.paths["out_spine_raw"]}
    workflow = build(models, stored=StoredResults(raw))
    names = set(workflow.list_node_names())
    assert not names & {"semantic", "preprocess", "spine_crop"}
    assert {"conform", "instance", "post_process"} <= names
    assert Path(workflow.get_node("instance").inputs.in_file) == raw["spine_raw"]
    assert Path(workflow.get_node("post_process").inputs.spine_raw) == raw["spine_raw"]


def test_a_model_whose_files_changed_since_is_refused(
    models: dict[str, object], scan: Path, tmp_path: Path
) -> None:
    from spineps_nipype.errors import ModelError
    from spineps_nipype.interfaces import InstanceSegmentation

    interface = InstanceSegmentation(
        in_file=str(scan), model_dir=str(models["instance"].folder), model_digest="0" * 64
    )
    with pytest.raises(ModelError, match="changed since"):
        interface.run(cwd=str(tmp_path))
