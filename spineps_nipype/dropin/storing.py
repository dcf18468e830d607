"""Writing the results of a scan, each with the sidecar that says how it was made.

The files and records are those of ``spineps-wf``, so that either finds what the other made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..bids.sidecars import scan_metadata
from ..core.files import copy_whole, file_digest, whole_file
from ..core.images import save_nii
from ..results.plan import OUTPUT_KEYS, PROVENANCE, SOURCES, sidecar_of
from ..results.record import Models, phase_record
from ..spineps.centroids import save_poi
from ..spineps.settings import PipelineSettings

if TYPE_CHECKING:
    from TPTBox import NII, POI

    from .pipeline import Scan


class Store:
    """Output files of one scan.

    Parameters
    ----------
    scan, root
        The scan, and the root of its dataset.
    paths
        Output paths by the keys of SPINEPS.
    settings, models
        What the results are made with.
    """

    def __init__(
        self,
        scan: Path,
        root: Path,
        paths: Mapping[str, Path],
        settings: PipelineSettings,
        models: Models,
    ) -> None:
        self._paths, self._settings, self._models = paths, settings, models
        self._files = {name: paths[key] for name, key in OUTPUT_KEYS.items()} | {"scan": scan}
        origin = {"GeneratedBy": [{"Name": "spineps_nipype", "Version": __version__}]}
        self._metadata = {**origin, **scan_metadata(scan, root)}

    def mask(self, phase: str, name: str, mask: NII) -> None:
        """Write a mask with its sidecar."""
        self._described(phase, save_nii(mask, self._files[name]))

    def points(self, points: POI) -> None:
        """Write the points; their file carries the record itself."""
        record = {**points.info, PROVENANCE: self._record("poi")}
        save_poi(points, self._files["poi"], record)

    def snapshot(self, scan: Scan, spine: NII, vert: NII, points: POI) -> None:
        """Draw the picture, and its copy if one is wanted."""
        from ..spineps.snapshot import draw_snapshot

        semantic = scan.models["semantic"]
        is_ct = semantic is not None and semantic.inference_config.is_ct
        drawn = draw_snapshot(
            scan.image, spine, vert, points, self._files["snapshot"], is_ct=is_ct
        )
        self._described("snapshot", drawn)
        if self._paths["out_snap2"] != drawn:
            copy_whole(drawn, self._paths["out_snap2"])

    def measures(self, spine: NII, vert: NII) -> None:
        """Measure and check the final masks, and write both tables."""
        from ..core.tables import write_rows
        from ..metrics import checks, columns
        from ..metrics.tables import measured_tables

        names = self._paths["out_labels"]
        meanings = {"metrics": columns.COLUMNS, "checks": checks.COLUMNS}
        tables = measured_tables(spine, vert, names if names.is_file() else None)
        for name, table in tables.items():
            with whole_file(self._files[name]) as temporary:
                write_rows(table, temporary)
            self._described("metrics", self._files[name], meanings[name])

    def copies(self, pairs: Iterable[tuple[Path, Path]]) -> None:
        """Copy stored files to where else they are wanted."""
        for source, target in pairs:
            copy_whole(source, target)

    def extras(self, scan: Scan) -> None:
        """Write the additional files that the settings ask for, and the table of the names."""
        save = self._settings.save
        if scan.labels_table:
            from ..interfaces.spineps.tables import write_table

            with whole_file(self._paths["out_labels"]) as temporary:
                write_table(scan.labels_table, temporary)
        if save.save_modelres_mask and scan.semantic is not None:
            save_nii(scan.semantic.mask, self._paths["out_modelres"])
        if save.save_softmax_logits and scan.semantic is not None:
            from ..interfaces.spineps.probabilities import save_softmax

            assert scan.semantic.probabilities is not None
            with whole_file(self._paths["out_logits"]) as temporary:
                with_suffix = temporary.with_suffix(".npz")  # numpy adds it to other names
                labels = scan.semantic.class_labels
                save_softmax(scan.semantic.probabilities, labels, with_suffix)
                with_suffix.replace(temporary)
        folder = self._paths["out_debug"]
        word = folder.name.partition("_")[2]
        for name, image in scan.debug.items():
            turned = image.reorient(scan.image.orientation)
            save_nii(turned, folder / f"{name}_{word}.nii.gz")

    def _record(self, phase: str) -> dict[str, Any]:
        sources = {n: file_digest(f) for n in SOURCES[phase] if (f := self._files[n]).is_file()}
        return {**phase_record(phase, self._settings, self._models), "Inputs": sources}

    def _described(self, phase: str, path: Path, columns: Mapping[str, Any] | None = None) -> None:
        record = {**self._record(phase), "Sha256": file_digest(path)}
        text = (
            json.dumps({**(columns or {}), **self._metadata, PROVENANCE: record}, indent=4) + "\n"
        )
        with whole_file(sidecar_of(path)) as temporary:
            temporary.write_text(text, encoding="utf-8")
