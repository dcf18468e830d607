"""Options reach the nodes that use them, and what they ask for is done."""

from __future__ import annotations

import socket
from dataclasses import fields, replace
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.models import engine_choice
from spineps_nipype.results.record import differences
from spineps_nipype.settings import choices, options_of
from spineps_nipype.spineps.recipe import RECIPE, provenance
from spineps_nipype.spineps.settings import CropSettings, PipelineSettings, SaveSettings
from spineps_nipype.workflows.spineps import init_spineps_wf

from .conftest import SETTINGS, Run
from .test_spineps import EVERYTHING

OTHER = {
    "crop_box": ":,4:,:",
    "proc_sem_step_size": 0.25,
    "tta": True,
    "numerics": "spineps-2.1.3",
}
"""Values for options whose default is None or a text."""
SAVED = {f.name for f in fields(SaveSettings)}


def changed(name: str) -> Any:
    """A value of an option other than its default."""
    if name in OTHER:
        return OTHER[name]
    default = PipelineSettings().flat()[name]
    if isinstance(default, bool):
        return not default
    words = choices(options_of(PipelineSettings)[name].kind)
    return next(word for word in words if word != default) if words else default + 1


def inputs(models: dict[str, Any], settings: PipelineSettings) -> dict[str, dict[str, Any]]:
    """Inputs of every node that computes."""
    workflow = init_spineps_wf(
        semantic_model=models["semantic"],
        instance_model=models["instance"],
        labeling_model=models["labeling"],
        settings=settings,
        omp_nthreads=3,
    )
    nodes = {n.name: n for n in workflow._get_all_nodes() if "put" not in n.name}
    return {name: node.inputs.get() for name, node in nodes.items()}


# Inputs of other names that say the same to a node: the top number says whether the labelling may
# use C1, old numerics how images are loaded and that all tiles are computed, and tiles at the
# spine need a network that finds it.
FURTHER_INPUTS = {
    "vertebra_instance_labeling_offset": ("c1_enabled",),
    "numerics": ("integer_voxels", "scout_dir", "scout_digest", "tiles"),
    "tiles": ("scout_dir", "scout_digest"),
}


@pytest.mark.parametrize("name", sorted(set(PipelineSettings().flat()) - SAVED))
def test_an_option_reaches_its_node_and_no_other(
    models: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever this machine has: graphs are built, nothing is computed.
    monkeypatch.setattr(engine_choice, "find_spec", lambda name: name)
    monkeypatch.setattr(engine_choice, "has_bfloat16", lambda _device: True)
    value = changed(name)
    before = inputs(models, PipelineSettings())
    after = inputs(models, PipelineSettings.from_flat({name: value}))
    holders = [node for node, given in after.items() if name in given]
    assert holders
    assert all(after[node][name] == value for node in holders)
    for node, given in after.items():
        differ = {key for key in given if given[key] != before[node][key]} - {"info"}
        assert differ <= {name, *FURTHER_INPUTS.get(name, ())}
        assert (name in differ) == (node in holders)


@pytest.mark.parametrize("name", ["save_softmax_logits", "save_probseg", "save_uncertainty"])
def test_a_wanted_file_is_asked_of_the_semantic_node(models: dict[str, Any], name: str) -> None:
    given = inputs(models, PipelineSettings.from_flat({name: True}))["semantic"]
    asked = {key for key in given if key.startswith("save_") and given[key]}
    assert asked == {name.removesuffix("_logits")}


def test_networks_get_the_threads_of_their_nodes(models: dict[str, Any]) -> None:
    given = inputs(models, PipelineSettings())
    for node in ("semantic", "instance", "label_vertebrae"):
        assert given[node]["num_threads"] == 3


def test_a_crop_box_limits_the_masks_and_not_their_grid(run: Run, finished: Run) -> None:
    """Rows above the box hold nothing, not even labels continued from its border."""
    whole = np.asarray(nib.load(finished.paths["out_spine"]).dataobj)
    rows = np.flatnonzero((whole == 26).any(axis=(0, 1)))
    stop = int(rows[0]) + 60  # RAS: the upper vertebrae are cut off
    settings = replace(SETTINGS, crop=CropSettings(crop_box=f":,:,:{stop}"))
    run(settings)
    cut = nib.load(run.paths["out_spine"])
    np.testing.assert_allclose(cut.affine, nib.load(finished.paths["out_spine"]).affine)
    found = np.asarray(cut.dataobj)
    assert found.shape == whole.shape
    assert whole[:, :, stop:].any()
    assert not found[:, :, stop:].any()
    np.testing.assert_array_equal(found[:, :, :20], whole[:, :, :20])
    again = run.plan(SETTINGS)
    assert "crop.crop_box" in next(step.why for step in again if step.phase == "semantic")


def test_no_node_uses_the_network(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a node wants to connect to {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert sorted(run()) == sorted(EVERYTHING)
    assert run.files() == finished.files()


def test_records_name_engine_and_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the settings leave it open, the record says what it came to."""
    monkeypatch.setattr(engine_choice, "find_spec", lambda _name: None)
    settings = PipelineSettings()
    assert settings.engine.engine == "auto"
    record = provenance(settings, {}).record("instance")
    assert record["Settings"]["engine"] == {"engine": "torch", "precision": "float32"}
    monkeypatch.setattr(engine_choice, "find_spec", lambda name: name)
    differ = differences(record, provenance(settings, {}).record("instance"), RECIPE)
    assert differ == ["engine.engine was torch, is openvino"]
    on_gpu = provenance(settings, {}, device="cuda").record("instance")
    assert on_gpu["Settings"]["engine"] == {"engine": "torch", "precision": "float32"}
