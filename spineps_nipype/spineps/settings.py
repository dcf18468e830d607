"""Every option of SPINEPS, once; names that begin with ``proc_`` are those of the original."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..models.tile_choice import Tiles
from ..settings import EngineSettings, Settings, option
from .upstream import upstream

Numerics = str
"""A kind of numerics, and after commas rules that behave as the original does: `upstream`."""
"""Rules with their faults corrected, or as version 2.1.3 or the one before (seed) has them."""
AutoCrop = Literal["auto", "yes", "no"]
PoiPoints = Literal["all", "bodies"]


_BOX: Final = re.compile(",".join([r"(\d*):(\d*)"] * 3))


def parse_box(text: str) -> tuple[slice, slice, slice]:
    """Box of voxels from text as ``0:200,30:,:``; an omitted end is that of the image.

    Raises
    ------
    ValueError
        If the text has another form.
    """
    match = _BOX.fullmatch(text.replace(" ", ""))
    if match is None:
        raise ValueError(f"{text!r} is no box; write start:stop of each axis, as 0:200,30:,:")
    ends = [int(end) if end else None for end in match.groups()]
    return slice(*ends[0:2]), slice(*ends[2:4]), slice(*ends[4:6])


@dataclass(frozen=True)
class CropSettings:
    """Restriction of the image to the spine before the network runs."""

    crop_box: str | None = option(
        None,
        "keep only these voxels of the image, start:stop of each axis, as 0:200,30:,: "
        "(default: all)",
        check=parse_box,
    )
    auto_crop_to_spine: AutoCrop = option(
        "auto", "crop to the spine with VIBESeg: for large fine images (auto), always or never"
    )
    auto_crop_when_max_res_leq: float = option(
        1.2,
        "automatic crop only when the coarsest target spacing is at most this",
        unit="mm",
        least=0,
    )
    auto_crop_req_crop_min_dim: int = option(
        200, "automatic crop only when the image has more voxels than this number cubed", least=0
    )

    def __post_init__(self) -> None:
        """Refuse a box that is none.

        Raises
        ------
        ValueError
            If `crop_box` has not the form start:stop,start:stop,start:stop.
        """
        if self.crop_box is not None:
            parse_box(self.crop_box)


def _fill_3d_holes() -> Any:
    """Declare the option that two phases read."""
    return option(True, "fill holes in the semantic and the vertebra mask")


@dataclass(frozen=True)
class PreprocessSettings:
    """Intensity and padding before the semantic network."""

    proc_pad_size: int = option(
        4, "constant padding on every side of the image", unit="voxels", least=0
    )
    proc_normalize_input: bool = option(True, "bring intensities to the range 0 to 1500 (not CT)")
    proc_sem_crop_input: bool = option(True, "limit bias correction to the box of the signal")
    proc_sem_n4_bias_correction: bool = option(True, "N4 bias field correction (not CT)")


@dataclass(frozen=True)
class SemanticSettings:
    """Semantic network and clean-up of its mask."""

    proc_sem_step_size: float | None = option(
        None,
        "sliding-window step as a fraction of the patch (default: that of the model)",
        least=0.01,
        most=1,
    )
    tta: bool | None = option(None, "average over mirrored inputs (default: as the model says)")
    tiles: Tiles = option(
        "auto",
        "compute all tiles of the networks of SPINEPS and TotalSpineSeg, or those at the spine, "
        "which a very small network finds first; auto: at the spine, but all under the numerics "
        "of the original",
    )
    proc_sem_remove_inferior_beyond_canal: bool = option(
        False, "delete labels beyond the canal, except the sacrum"
    )
    proc_sem_clean_beyond_largest_bounding_box: bool = option(
        True, "delete components far from the largest one"
    )
    proc_sem_clean_small_cc_artifacts: bool = option(True, "delete small components")
    proc_fill_3d_holes: bool = _fill_3d_holes()


@dataclass(frozen=True)
class InstanceSettings:
    """Vertebra instances."""

    proc_inst_corpus_clean: bool = option(True, "delete small components of the body seeds")
    proc_inst_clean_small_cc_artifacts: bool = option(True, "delete small instance components")
    proc_inst_largest_k_cc: int = option(
        0, "keep only the k largest components of each prediction (0: all)", least=0
    )
    proc_inst_detect_and_solve_merged_corpi: bool = option(True, "split merged vertebral bodies")
    proc_inst_batch_size: int = option(4, "cut-outs in one network call", least=1, speed_only=True)
    proc_inst_amp: bool = option(False, "automatic mixed precision on CUDA")
    proc_fill_3d_holes: bool = _fill_3d_holes()


@dataclass(frozen=True)
class PostSettings:
    """Combined clean-up of both masks."""

    proc_assign_missing_cc: bool = option(True, "give unlabelled vertebra parts to an instance")
    proc_assign_missing_cc_fast: bool = option(
        False, "spread instances along faces first (equal distance: lower label)"
    )
    proc_clean_inst_by_sem: bool = option(True, "delete instances outside the semantic mask")
    proc_vertebra_inconsistency: bool = option(True, "give each articular process to one vertebra")
    vertebra_instance_labeling_offset: int = option(
        2, "number of the top vertebra when no labelling model runs (2: C2)", least=1, most=24
    )


@dataclass(frozen=True)
class LabelingSettings:
    """Vertebra names."""

    proc_lab_force_no_tl_anomaly: bool = option(
        False, "exactly twelve thoracic vertebrae: no T13 and no missing T12"
    )


@dataclass(frozen=True)
class CentroidSettings:
    """Points of interest."""

    poi_points: PoiPoints = option(
        "all", "points for bodies, discs and endplates, or for bodies only as SPINEPS writes them"
    )


@dataclass(frozen=True)
class SaveSettings:
    """Which additional files a run keeps."""

    save_raw: bool = option(True, "keep the raw masks, from which later runs continue")
    save_softmax_logits: bool = option(False, "save class probabilities (npz)")
    save_probseg: bool = option(False, "save class probabilities (4-D NIfTI)")
    save_uncertainty: bool = option(False, "save the normalised entropy of the probabilities")
    save_modelres_mask: bool = option(False, "save the semantic mask on the grid of the model")
    save_debug_data: bool = option(False, "save intermediate masks of the instance phase")
    save_markups: bool = option(False, "save the points of interest for 3D Slicer (.mrk.json)")
    save_surfaces_stl: bool = option(False, "save a closed surface of each vertebra (STL)")
    save_surfaces_gifti: bool = option(False, "save a closed surface of each vertebra (GIfTI)")


@dataclass(frozen=True)
class OverrideSettings:
    """Which stored results are made again."""

    override_semantic: bool = option(False, "make the semantic mask again")
    override_instance: bool = option(False, "make the vertebra instances again")
    override_postpair: bool = option(False, "make the final masks again")
    override_ctd: bool = option(False, "make the centroids again")


@dataclass(frozen=True)
class PipelineSettings(Settings):
    """All settings that decide about the result of one scan."""

    crop: CropSettings = CropSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    semantic: SemanticSettings = SemanticSettings()
    instance: InstanceSettings = InstanceSettings()
    post: PostSettings = PostSettings()
    labeling: LabelingSettings = LabelingSettings()
    centroid: CentroidSettings = CentroidSettings()
    engine: EngineSettings = EngineSettings()
    save: SaveSettings = SaveSettings()
    numerics: Numerics = option(
        "corrected",
        "corrected anatomy, or with the faults of SPINEPS (spineps-2.1.3) or of a former one "
        "(seed); "
        "corrected,NAME: corrected but for rules by name (docs: what the originals do otherwise)",
        metavar="NUMERICS",
        check=upstream,
    )
