"""Options of each phase, for `segment`. Source: SPINEPS 2.1.3."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


class _Group:
    """Options whose names have a prefix among the arguments of `process_img_nii`."""

    _prefix: ClassVar[str]
    _full_names: ClassVar[dict[str, str]] = {}

    def to_kwargs(self) -> dict[str, Any]:
        """The options as arguments of `process_img_nii`."""
        return {
            self._full_names.get(f.name, self._prefix + f.name): getattr(self, f.name)
            for f in fields(self)  # type: ignore[arg-type]
        }


@dataclass
class SemanticConfig(_Group):
    """Options of the semantic phase."""

    crop_input: bool = True
    n4_bias_correction: bool = True
    remove_inferior_beyond_canal: bool = False
    clean_beyond_largest_bounding_box: bool = True
    clean_small_cc_artifacts: bool = True
    step_size: float | None = None

    _prefix = "proc_sem_"


@dataclass
class InstanceConfig(_Group):
    """Options of the instance phase."""

    corpus_clean: bool = True
    clean_small_cc_artifacts: bool = True
    largest_k_cc: int = 0
    detect_and_solve_merged_corpi: bool = True
    batch_size: int = 4
    amp: bool = False
    labeling_offset: int = 2

    _prefix = "proc_inst_"
    _full_names = {"labeling_offset": "vertebra_instance_labeling_offset"}  # noqa: RUF012


@dataclass
class LabelingConfig(_Group):
    """Options of the labelling of vertebrae."""

    force_no_tl_anomaly: bool = False

    _prefix = "proc_lab_"


@dataclass
class PostConfig(_Group):
    """Options of the combined post-processing of both masks."""

    fill_3d_holes: bool = True
    assign_missing_cc: bool = True
    assign_missing_cc_fast: bool = False
    clean_inst_by_sem: bool = True
    vertebra_inconsistency: bool = True

    _prefix = "proc_"
