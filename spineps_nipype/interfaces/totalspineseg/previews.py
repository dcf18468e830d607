"""Shell of the previews."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ...core.images import load_image, load_mask
from ...core.pictures import draw_or_say
from ...totalspineseg.preview import (
    DISC_TAGS,
    LEVEL_TAGS,
    STEP2_LEFT_TAGS,
    VERTEBRA_TAGS,
    draw_preview,
    save_preview,
)
from ..node_files import node_file

TAGS: Final[dict[str, dict[str, Any]]] = {
    "none": {},
    "step1": {"left": DISC_TAGS},
    "step2": {"right": VERTEBRA_TAGS, "left": STEP2_LEFT_TAGS},
    "levels": {"right": LEVEL_TAGS, "projected": True},
}
"""What is written on which side of the structures."""


class _PreviewInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="the image")
    seg_file = File(exists=True, desc="label map on any grid, if there is one")
    tags = traits.Enum(*TAGS, usedefault=True, desc="names beside the structures")
    plane = traits.Enum("sag", "cor", "ax", usedefault=True, desc="viewing direction")
    position = traits.Range(
        low=0.0,
        high=1.0,
        value=0.5,
        exclude_high=True,
        usedefault=True,
        desc="slice, as a fraction of the axis",
    )


class _PreviewOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="picture (JPEG)")


class TSSPreview(SimpleInterface):
    """Draw one slice with its labels and their names."""

    input_spec = _PreviewInputSpec
    output_spec = _PreviewOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        image = load_image(inputs.in_file)
        labels = load_mask(inputs.seg_file) if isdefined(inputs.seg_file) else None

        def draw(path: Path) -> None:
            shown = TAGS[inputs.tags]
            picture = draw_preview(
                image, labels, plane=inputs.plane, position=inputs.position, **shown
            )
            save_preview(picture, path)

        out_file = draw_or_say(draw, node_file(runtime, "preview.jpg"))
        self._results["out_file"] = str(out_file)
        return runtime
