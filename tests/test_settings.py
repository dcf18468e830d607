"""Options: every one once, with help, comparable and frozen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import get_type_hints

import pytest

from spineps_nipype.settings import PipelineSettings, parse_box

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
    for group in get_type_hints(PipelineSettings).values():
        for option in fields(group) if isinstance(group, type) else ():
            assert option.metadata["help"], option.name


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
