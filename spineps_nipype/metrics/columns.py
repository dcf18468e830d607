"""Columns of the metrics table, and the data dictionary that explains them."""

from __future__ import annotations

from typing import Any, Final

WHOLE: Final = "spine"
"""Level of the row that holds what belongs to no single vertebra."""

_BODY = "of the vertebral body (labels 49 and 50 of the semantic mask; endplates do not count)"
_HEIGHT = (
    "along the inferior axis of the body, which stands upright on the mean of both endplates; "
    "median of a narrow band about the median plane"
)
_CUT = "n/a where the border of the image cuts the structure."

COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "level": {
        "LongName": "Level",
        "Description": "Vertebra by name, from cranial to caudal; disc and cross-sections of a "
        f"row are those below this vertebra. The row '{WHOLE}' holds the angles.",
    },
    "label": {
        "LongName": "Label",
        "Description": "Number of the vertebra in the vertebra mask; its disc is 100 + label.",
    },
    "body_height_anterior": {
        "LongName": "Anterior body height",
        "Description": f"Height {_BODY}, {_HEIGHT}, at 10 % of the depth behind the front edge. "
        + _CUT,
        "Units": "mm",
    },
    "body_height_middle": {
        "LongName": "Middle body height",
        "Description": f"Height {_BODY}, {_HEIGHT}, in the middle of the depth. {_CUT}",
        "Units": "mm",
    },
    "body_height_posterior": {
        "LongName": "Posterior body height",
        "Description": f"Height {_BODY}, {_HEIGHT}, at 10 % of the depth before the back edge. "
        + _CUT,
        "Units": "mm",
    },
    "body_depth": {
        "LongName": "Body depth",
        "Description": f"Distance from front to back {_BODY}, at half height in the median "
        f"plane. {_CUT}",
        "Units": "mm",
    },
    "body_width": {
        "LongName": "Body width",
        "Description": f"Distance from left to right {_BODY}, at half height. {_CUT}",
        "Units": "mm",
    },
    "body_volume": {
        "LongName": "Body volume",
        "Description": f"Volume of all voxels {_BODY}. {_CUT}",
        "Units": "mm^3",
    },
    "disc_height": {
        "LongName": "Disc height",
        "Description": "Height of the disc below (label 100 of the semantic mask), upright on "
        "the mean direction of the bodies above and below; median over the middle half of depth "
        f"and width. {_CUT}",
        "Units": "mm",
    },
    "disc_volume": {
        "LongName": "Disc volume",
        "Description": f"Volume of all voxels of the disc below. {_CUT}",
        "Units": "mm^3",
    },
    "canal_area": {
        "LongName": "Cross-section of the canal",
        "Description": "Area of the canal, the cord in it counted (labels 60 and 61), at the "
        "level of the disc below, in the plane upright on the canal. n/a where the canal ends or "
        "leaves the image.",
        "Units": "mm^2",
    },
    "cord_area": {
        "LongName": "Cross-section of the cord",
        "Description": "Area of the cord (label 60) in the same plane; n/a where there is none.",
        "Units": "mm^2",
    },
    "lumbar_lordosis": {
        "LongName": "Lumbar lordosis",
        "Description": "Angle between the upper side of L1 and the lower side of the last lumbar "
        "vertebra, as TPTBox defines it; no sign. n/a unless the whole curve is in view.",
        "Units": "degree",
    },
    "thoracic_kyphosis": {
        "LongName": "Thoracic kyphosis",
        "Description": "Angle between the upper side of T4 and the lower side of the last "
        "thoracic vertebra, as TPTBox defines it; no sign. n/a unless the whole curve is in view.",
        "Units": "degree",
    },
    "cut": {
        "LongName": "Cut by the field of view",
        "Description": "Sides (A, P, S, I, L, R) at which the vertebral body touches the border "
        "of the image; n/a if none.",
    },
    "disc_cut": {
        "LongName": "Disc cut by the field of view",
        "Description": "Sides at which the disc below touches the border of the image.",
    },
}
