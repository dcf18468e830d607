"""Options: every one once, with help, comparable and frozen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest

from spineps_nipype.settings import Settings, deciding_values, option, options_of, with_values
from spineps_nipype.spine_segmentation.settings import SpineSegmentationSettings
from spineps_nipype.spineps.settings import PipelineSettings, parse_box

UPSTREAM = {
    "proc_pad_size": 4,
    "proc_normalize_input": True,
    "proc_sem_crop_input": True,
    "proc_sem_n4_bias_correction": True,
    "proc_sem_step_size": None,
    "proc_sem_remove_inferior_beyond_canal": False,
    "proc_sem_clean_beyond_largest_bounding_box": True,
    "proc_sem_clean_small_cc_artifacts": True,
    "proc_fill_3d_holes": True,
    "proc_inst_corpus_clean": True,
    "proc_inst_clean_small_cc_artifacts": True,
    "proc_inst_largest_k_cc": 0,
    "proc_inst_detect_and_solve_merged_corpi": True,
    "proc_inst_batch_size": 4,
    "proc_inst_amp": False,
    "proc_assign_missing_cc": True,
    "proc_assign_missing_cc_fast": False,
    "proc_clean_inst_by_sem": True,
    "proc_vertebra_inconsistency": True,
    "proc_lab_force_no_tl_anomaly": False,
    "vertebra_instance_labeling_offset": 2,
    "auto_crop_to_spine": "auto",
    "auto_crop_when_max_res_leq": 1.2,
    "auto_crop_req_crop_min_dim": 200,
}
"""Options of SPINEPS 2.1.3 with their defaults."""


def test_the_options_of_spineps_have_its_defaults() -> None:
    flat = PipelineSettings().flat()
    assert {name: flat[name] for name in UPSTREAM} == UPSTREAM
    assert {name for name in flat if name.startswith("proc_")} <= set(UPSTREAM)


def test_every_option_has_a_help_text() -> None:
    for name, known in options_of(PipelineSettings).items():
        assert known.field.metadata["help"], name


def test_flat_there_and_back() -> None:
    values = {**PipelineSettings().flat(), "proc_pad_size": 9, "numerics": "spineps-2.1.3"}
    settings = PipelineSettings.from_flat(values)
    assert settings.flat() == values
    assert settings == PipelineSettings.from_flat(values)
    assert hash(settings) == hash(PipelineSettings.from_flat(values))


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match="proc_nonsense"):
        PipelineSettings.from_flat({"proc_nonsense": 1})


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        PipelineSettings().numerics = "spineps-2.1.3"  # type: ignore[misc]


def test_a_box_of_text() -> None:
    assert parse_box("0:200, 30:,:") == (slice(0, 200), slice(30, None), slice(None, None))


@dataclass(frozen=True)
class Part:
    """A group of two options."""

    size: int = option(3, "how large", key="part_size")
    batch: int = option(1, "how many at once", speed_only=True)


@dataclass(frozen=True)
class Whole(Settings):
    """Options in groups, one of which differs from the defaults of its class."""

    first: Part = Part(size=5)
    second: Part = Part()
    word: str = option("a", "a word", flag=False)


def test_options_are_known_by_their_keys_and_those_of_several_groups_once() -> None:
    found = options_of(Whole)
    assert list(found) == ["part_size", "batch", "word"]
    assert (found["part_size"].field.name, found["part_size"].kind) == ("size", int)
    assert Whole().flat() == {"part_size": 3, "batch": 1, "word": "a"}


def test_a_value_goes_to_every_group_that_has_its_key_and_leaves_the_others() -> None:
    changed = with_values(Whole(), {"batch": 9, "part of other settings": 1})
    assert changed == Whole(Part(size=5, batch=9), Part(batch=9))
    assert Whole.from_flat({"part_size": 7}) == Whole(Part(size=7), Part(size=7))


def test_what_decides_about_results_is_recorded_by_name() -> None:
    assert deciding_values(Whole()) == {"first": {"size": 5}, "second": {"size": 3}, "word": "a"}
    assert "proc_inst_batch_size" not in deciding_values(PipelineSettings())["instance"]
    assert "slice_batch" not in deciding_values(SpineSegmentationSettings())["slices"]
