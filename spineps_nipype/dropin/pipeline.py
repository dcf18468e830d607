"""All phases for one scan, in this process and with loaded models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..core.images import background_value, load_mask
from ..models.loading import load_semantic
from ..models.spineps_packages import scout_package
from ..spineps.discs import finalize_masks
from ..spineps.instance import segment_instances
from ..spineps.labeling import label_vertebrae
from ..spineps.postprocess import reconcile
from ..spineps.preprocess import preprocess_input
from ..spineps.semantic import SemanticResult, segment_semantic
from ..spineps.settings import PipelineSettings
from ..spineps.spine_crop import crop_to_box, crop_to_spine, wants_crop
from ..spineps.tile_choice import chosen_tiles
from .models import SegmentationModel

if TYPE_CHECKING:
    from TPTBox import NII

LAST_WITHOUT_C1: Final = 1
"""Largest number of the top vertebra with which it may be C1."""


@dataclass
class RunningScan:
    """A scan that passes through the phases.

    Parameters
    ----------
    image
        The checked image.
    path
        Its file, whose name tells the value of empty space.
    models
        Models by kind: semantic, instance, labeling (may be None).
    settings
        Options of all phases.
    stored
        Files of results that exist already, by name.
    change_semantic
        Function that is applied to a new semantic mask.
    """

    image: NII
    path: Path
    models: Mapping[str, SegmentationModel | None]
    settings: PipelineSettings
    stored: Mapping[str, Path] = field(default_factory=dict)
    change_semantic: Callable[[NII], NII] | None = None
    labels_table: list[dict[str, Any]] = field(default_factory=list)
    semantic: SemanticResult | None = None
    debug: dict[str, Any] = field(default_factory=dict)

    def spine_raw(self) -> NII:
        """Semantic mask on the grid of the model, stored or predicted by the network."""
        if "spine_raw" in self.stored:
            return load_mask(self.stored["spine_raw"])
        model, settings = self._model("semantic"), self.settings
        config, save = model.inference_config, settings.save
        image = self.image
        if settings.crop.crop_box is not None:
            image = crop_to_box(image, settings.crop.crop_box, settings.numerics)
        if wants_crop(image, settings.crop, config):
            image = crop_to_spine(image, device=model.device)
        prepared = preprocess_input(
            image,
            settings.preprocess,
            is_ct=config.is_ct,
            background=background_value(self.path),
            numerics=settings.numerics,
        )
        at_spine = chosen_tiles(settings.semantic.tiles, settings.numerics) == "spine"
        self.semantic = segment_semantic(
            prepared,
            model.load().predictor,
            settings.semantic,
            scout=load_semantic(scout_package()) if at_spine else None,
            numerics=settings.numerics,
            probabilities=save.save_softmax_logits,
        )
        mask = self.semantic.mask
        return mask if self.change_semantic is None else self.change_semantic(mask)

    def vert_raw(self, spine_raw: NII) -> NII:
        """Vertebra mask on the grid of the instance model, stored or predicted by the network."""
        if "vert_raw" in self.stored:
            return load_mask(self.stored["vert_raw"])
        return segment_instances(
            spine_raw,
            self._model("instance").load().predictor,
            self.settings.instance,
            numerics=self.settings.numerics,
            debug=self.debug if self.settings.save.save_debug_data else None,
        )

    def masks(self, spine_raw: NII, vert_raw: NII) -> tuple[NII, NII]:
        """Final semantic and vertebra mask on the grid of the image."""
        settings, numerics = self.settings, self.settings.numerics
        config = self._model("semantic").inference_config
        both = reconcile(
            spine_raw,
            vert_raw,
            self.image,
            settings.post,
            has_c1=config.has_c1,
            is_ct=config.is_ct,
            numerics=numerics,
        )
        vert, naming = both.vert, self.models["labeling"]
        if naming is not None:
            first = settings.post.vertebra_instance_labeling_offset
            named = label_vertebrae(
                both.spine,
                both.vert,
                self.image,
                both.crop,
                naming.load().predictor,
                settings.labeling,
                c1_enabled=config.has_c1 or first <= LAST_WITHOUT_C1,
                numerics=numerics,
            )
            vert, self.labels_table = named.vert, named.table
        return finalize_masks(
            both.spine,
            vert,
            both.crop,
            sacrum_ids=config.sacrum_ids,
            metal=config.metal,
            numerics=numerics,
        )

    def _model(self, kind: str) -> SegmentationModel:
        model = self.models[kind]
        assert model is not None, f"a {kind} model is needed"
        return model
