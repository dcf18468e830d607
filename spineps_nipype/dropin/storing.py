"""Writing the results of a scan, each with a sidecar that records how it was made.

Files, records and sidecars are those of ``spineps-wf``, so that either finds what the other made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..bids.sidecars import scan_metadata
from ..core.files import copy_whole
from ..core.images import save_nii
from ..core.pictures import draw_or_say
from ..core.stored_space import read_space
from ..core.tables import write_rows, write_table
from ..metrics.tables import expected_quality, measured_tables
from ..results.recipe import Phase
from ..results.record import Provenance
from ..results.scan_output import ScanOutput
from ..results.sidecar import describe, generated_by, with_sidecars
from ..results.storing import store_results
from ..spineps.centroids import save_poi
from ..spineps.descriptions import CONFIDENCES, ENTRIES
from ..spineps.dice_models import dice_model_file
from ..spineps.evidence import COLUMNS as EVIDENCE_COLUMNS
from ..spineps.probabilities import save_softmax
from ..spineps.recipe import asked_for, stored_results
from ..spineps.settings import SaveSettings

if TYPE_CHECKING:
    from TPTBox import NII, POI

    from .pipeline import RunningScan


class Store:
    """Writes the output files of one scan.

    Parameters
    ----------
    root, output_dir
        Root of the dataset of the scan, and folder of the results.
    files
        The scan and its output paths, by the name of the result.
    provenance
        How the results are made.
    save
        Which additional files are kept.
    device
        Where networks run.
    """

    def __init__(
        self,
        root: Path,
        output_dir: Path,
        files: Mapping[str, Path],
        provenance: Provenance,
        save: SaveSettings,
        device: str,
    ) -> None:
        engine = {"Device": device, "Engine": provenance.settings["engine"]["engine"]}
        self._recipe = provenance.recipe
        self._warnings = read_space(files["scan"]).warnings
        self._output = ScanOutput(
            provenance,
            files,
            kept=stored_results(save),
            asked=asked_for(save),
            metadata={
                **generated_by(),
                **scan_metadata(files["scan"], root, warnings=self._warnings),
                **engine,
            },
            entries=ENTRIES,
            confidences=CONFIDENCES,
            root=output_dir,
        )

    def semantic(self, scan: RunningScan, mask: NII) -> None:
        """Keep the raw semantic mask and what the settings ask for beside it."""
        found = scan.semantic
        with TemporaryDirectory() as folder:
            made = {"spine_raw": self._saved(mask, Path(folder) / "spine_raw.nii.gz")}
            if found is not None:
                made["modelres"] = self._saved(found.mask, Path(folder) / "modelres.nii.gz")
            if found is not None and scan.change_semantic is None:
                made["evidence"] = Path(folder) / "evidence.tsv"
                write_table(found.evidence, made["evidence"], list(EVIDENCE_COLUMNS))
            if found is not None and found.probabilities is not None:
                made["softmax"] = Path(folder) / "softmax.npz"
                save_softmax(found.probabilities, found.class_labels, made["softmax"])
            self._store("semantic", made, Path(folder))

    def instances(self, scan: RunningScan, mask: NII) -> None:
        """Keep the raw vertebra mask, and intermediate ones where they are asked for."""
        with TemporaryDirectory() as folder:
            made = {"vert_raw": self._saved(mask, Path(folder) / "vert_raw.nii.gz")}
            self._store("instance", made, Path(folder))
        place = self._output.files["debug"]
        word = place.name.partition("_")[2]
        for name, image in scan.debug.items():
            self._saved(image.reorient(scan.image.orientation), place / f"{name}_{word}.nii.gz")

    def masks(self, scan: RunningScan, spine: NII, vert: NII) -> None:
        """Keep the final masks and the table of the names."""
        with TemporaryDirectory() as folder:
            made = {
                "spine": self._saved(spine, Path(folder) / "spine.nii.gz"),
                "vert": self._saved(vert, Path(folder) / "vert.nii.gz"),
            }
            if scan.labels_table:
                made["labels_table"] = Path(folder) / "labels.tsv"
                write_table(scan.labels_table, made["labels_table"])
            self._store("final", made, Path(folder))

    def points(self, points: POI) -> None:
        """Keep the points; their file carries the record itself."""
        with TemporaryDirectory() as folder:
            made = save_poi(points, Path(folder) / "points.json", dict(points.info))
            self._store("poi", {"poi": made}, Path(folder))

    def snapshot(self, scan: RunningScan, spine: NII, vert: NII, points: POI) -> None:
        """Draw the picture, and copy it if a copy is asked for."""
        from ..spineps.snapshot import draw_snapshot

        semantic = scan.models["semantic"]
        is_ct = semantic is not None and semantic.inference_config.is_ct
        with TemporaryDirectory() as folder:
            draw = partial(draw_snapshot, scan.image, spine, vert, points, is_ct=is_ct)
            drawn = draw_or_say(draw, Path(folder) / "drawn.png")
            self._store("snapshot", {"snapshot": drawn, "snapshot_copy": drawn}, Path(folder))

    def measures(self, scan: RunningScan, spine: NII, vert: NII) -> None:
        """Measure and check the final masks, and keep both tables."""
        names, evidence = (
            path if path.is_file() else None
            for path in (self._output.files[key] for key in ("labels_table", "evidence"))
        )
        semantic = scan.models["semantic"]
        model = None if semantic is None else dice_model_file(semantic.package)
        quality = None if scan.change_semantic else expected_quality(evidence, model)
        tables = measured_tables(spine, vert, names, self._warnings, quality, scan.image)
        with TemporaryDirectory() as folder:
            made = {name: Path(folder) / f"{name}.tsv" for name in tables}
            for name, table in tables.items():
                write_rows(table, made[name])
            self._store("metrics", made, Path(folder))

    def copies(self, pairs: Iterable[tuple[Path, Path]]) -> None:
        """Copy stored files to further places."""
        for source, target in pairs:
            copy_whole(source, target)

    def _saved(self, image: NII, path: Path) -> Path:
        """Write an image that lies on the scan for every program."""
        return save_nii(image, path, like=self._output.files["scan"])

    def _store(self, name: str, made: Mapping[str, Path], folder: Path) -> None:
        """Describe the results of a phase as far as they are kept, and put each into its place."""
        phase: Phase = self._recipe[name]
        kept = [result for result in self._output.products(phase) if result in made]
        described = [result for result in self._output.described(phase) if result in made]
        read = {n: self._output.files[n] for n in phase.reads}
        files = describe(
            {result: made[result] for result in described},
            self._output.description(phase),
            inputs={n: path for n, path in read.items() if path.is_file()},
            folder=folder,
        )
        targets = with_sidecars(self._output.files[result] for result in described)
        pairs = list(zip(files, targets, strict=True))
        pairs += [(made[n], self._output.files[n]) for n in kept if n not in described]
        store_results(pairs)
