"""The result of one volume, and how it is cached in a file."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.files import whole_file
from .sequence import NamedVertebra

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentationResult:
    """Result of one volume.

    Parameters
    ----------
    semantic_segmentation
        0 background, 1 vertebral body, 2 disc.
    instance_segmentation
        Ids of vertebrae and discs, None if only two classes were asked for.
    id_to_label
        Id to name.
    vertebrae
        Share, margin and probability of each name; empty if names were found by a single shift.
    """

    semantic_segmentation: NDArray[np.uint8]
    instance_segmentation: NDArray[np.int16] | None
    id_to_label: dict[int, str]
    vertebrae: list[NamedVertebra] = field(default_factory=list)


def write_result(result: SegmentationResult, path: Path) -> None:
    """Write a result to a file, completely or not at all."""
    numbers = [(v.instance, v.id, v.share, v.margin) for v in result.vertebrae]
    labels = result.instance_segmentation
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            semantic=result.semantic_segmentation,
            instances=np.zeros(0, np.int16) if labels is None else labels,
            ids=np.array(list(result.id_to_label), dtype=np.int64),
            names=np.array(list(result.id_to_label.values())),
            numbers=np.array(numbers, float).reshape(-1, 4),
            vertebrae=np.array([v.name for v in result.vertebrae], dtype=str),
            probable=np.array([json.dumps(dict(v.probable)) for v in result.vertebrae], dtype=str),
        )


def read_result(path: Path) -> SegmentationResult | None:
    """Read a result that `write_result` has written; None if it is absent or damaged."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return _result_in(stored)
    except Exception as fault:  # whatever a damaged archive makes its reader raise
        logger.warning("%s is damaged and made again: %s", path, fault)
        return None


def _result_in(stored: Mapping[str, NDArray[Any]]) -> SegmentationResult:
    instances = stored["instances"]
    return SegmentationResult(
        stored["semantic"],
        instances if instances.ndim == 3 else None,
        dict(zip(stored["ids"].tolist(), stored["names"].tolist(), strict=True)),
        [
            NamedVertebra(
                int(n[0]), str(name), int(n[1]), float(n[2]), float(n[3]), json.loads(str(said))
            )
            for n, name, said in zip(
                stored["numbers"], stored["vertebrae"], stored["probable"], strict=True
            )
        ],
    )
