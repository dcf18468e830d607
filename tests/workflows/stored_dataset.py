"""An output folder as runs leave it, written without running anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from spineps_nipype.bids.bids_layout import bids_paths
from spineps_nipype.bids.names import output_paths
from spineps_nipype.core.tables import write_rows
from spineps_nipype.metrics.columns import COLUMNS, WHOLE
from spineps_nipype.results.sidecar import sidecar_of
from spineps_nipype.spineps.recipe import provenance
from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.workflows.options.run_options import OutputLayout

LEVELS = ("L1", "L2", "L3")
USUAL, ODD = 10.0, 30.0
"""Height of the discs, and of the one that is far from the others."""
ERROR = "The file <is> empty."


class Stored:
    """A dataset of `subjects`, of which all but the last have results, and the logs of a run."""

    def __init__(self, root: Path, subjects: int = 6, layout: OutputLayout = "spineps") -> None:
        self.bids, self.out = root / "bids", root / "out"
        self.scans = [
            self.bids / f"sub-{i}" / "anat" / f"sub-{i}_T2w.nii.gz" for i in range(subjects)
        ]
        self.layout = layout
        for scan in self.scans:
            scan.parent.mkdir(parents=True)
            scan.touch()
        for i, scan in enumerate(self.scans[:-1]):
            self._write_results(scan, ODD if i == 0 else USUAL + 0.1 * i)
        self._write_run("20260101-000000_a")

    def paths(self, scan: Path) -> dict[str, Path]:
        """Results of a scan."""
        if self.layout == "bids":
            return bids_paths(scan, self.bids, self.out)
        return output_paths(scan, self.bids, self.out)

    def rate(self, name: str, **content: str) -> None:
        """Save a rating as the page does."""
        path = self.out / "ratings" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))

    def files(self) -> dict[str, bytes]:
        """Bytes of all files of the output folder."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
        }

    def _write_results(self, scan: Path, disc_height: float) -> None:
        paths = self.paths(scan)
        metrics: list[dict[str, Any]] = [
            {"level": level, "label": 20 + i, "body_volume": 30000 + i, "disc_height": disc_height}
            for i, level in enumerate(LEVELS)
        ]
        metrics.append({"level": WHOLE, "lumbar_lordosis": 40})
        checks = [
            {"check": "overall", "verdict": "look", "level": "", "reason": "L2 is <odd>."},
            {"check": "order", "verdict": "pass", "level": "", "reason": ""},
            {"check": "sizes", "verdict": "look", "level": "L2", "reason": "L2 is <odd>."},
        ]
        paths["out_vert"].parent.mkdir(parents=True, exist_ok=True)
        write_rows(metrics, paths["out_metrics"], list(COLUMNS))
        write_rows(checks, paths["out_checks"])
        for key in ("out_vert", "out_spine"):
            paths[key].touch()  # no page of the group opens a mask
        models = dict.fromkeys(("semantic", "instance", "labeling"))
        record = provenance(PipelineSettings(), models).record("final")
        for entry in record["Models"].values():
            entry["id"] = "some_model"
        sidecar = {
            "Sources": [f"bids:raw:{scan.relative_to(self.bids).as_posix()}"],
            "Versions": {"spineps-nipype": "0.1.0", "nipype": "1.11.0"},
            "Device": "cpu",
            "LabelConfidence": {"L1": {"Confidence": 0.9}, "L2": {"Confidence": 0.7}},
            "Provenance": record,
        }
        sidecar_of(paths["out_vert"]).write_text(json.dumps(sidecar))
        paths["out_snap"].parent.mkdir(parents=True, exist_ok=True)
        picture = np.linspace(0, 255, 300 * 200).reshape(300, 200).astype(np.uint8)
        Image.fromarray(picture).save(paths["out_snap"])

    def _write_run(self, name: str) -> None:
        run = self.out / "logs" / name
        run.mkdir(parents=True)
        options = {"bids_dir": str(self.bids)}
        (run / "run.json").write_text(
            json.dumps({"options": options, "scans": list(map(str, self.scans))})
        )
        rows = [
            {"scan": scan.name[:-7], "code": "OK", "reason": "", "file": str(scan)}
            for scan in self.scans
        ]
        rows[-1] |= {"code": "EMPTY", "reason": ERROR}
        write_rows(rows, run / "scans.tsv")
        events: Sequence[dict[str, Any]] = [
            {"scan": row["scan"], "node": node, "event": "done", "seconds": seconds}
            for row in rows[:-1]
            for node, seconds in (("semantic", 2.5), ("snapshot", 1.0))
        ]
        lines = [json.dumps(event) for event in events]
        (run / "progress.jsonl").write_text("\n".join([*lines, '{"broken']))
