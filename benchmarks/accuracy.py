"""Measure the whole pipeline against truth masks.

    python benchmarks/accuracy.py BIDS_WITH_MASKS --out DIR [options of spineps-wf]
    python benchmarks/accuracy.py BIDS --out DIR --held-out --model-labeling none
    python benchmarks/accuracy.py VERSE/rawdata --derivative VERSE/derivatives --out DIR

Every scan that has a truth mask (`derivatives/manual/**/*_dseg.nii.gz` or `*_seg-*_msk.nii.gz`,
see `--derivative`) goes through the pipeline as `spineps-wf BIDS DIR/derivatives participant`
runs it; finished scans are reused. DIR gets

- `accuracy.tsv`: Dice, average symmetric surface distance and 95 % Hausdorff distance (mm) of
  every scan and structure that its truth shows,
- `instances.tsv`: every vertebra and disc: found, missed, extra, its Dice, its name,
- `scans.tsv`: every scan: counts of instances, seconds, peak memory, why it failed,
- `summary.tsv`, `summary.md`: mean, sd, worst and number of scans,
- `contact_sheet.png`: the middle slice with the truth, and with the result.

All tables say by which version of the rules the truth masks were read; figures of different
versions cannot be compared.

`--pipeline totalspineseg` and `--pipeline spine-segmentation` measure these systems instead, as
far as their structures are those of the truth: whole vertebrae of spine-segmentation, which has
bodies, are not judged. TotalSpineSeg joins bodies and arches: where single bodies are compared,
its vertebrae are counted, but their Dice says nothing.

Any other option goes to `spineps-wf`: `--model-semantic`, `--modalities`, `--nprocs` and so on;
without `--modalities` all kinds of scans are taken. All scans of a subject with masks are
segmented, also those without a mask.

Exit status: 0 all scans with masks are measured; 1 none; 2 wrong usage; 3 some failed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.contact_sheet import draw_sheets, tile_of
from benchmarks.against_truth.dataset import MeasuredDataset, run_command
from benchmarks.against_truth.summary import write_tables
from benchmarks.against_truth.truth import TRUTH_VERSION


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline, measure, write; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_command("accuracy.py", __doc__, given, write)


def write(found: MeasuredDataset, folder: Path, command: str) -> str:
    """Write tables and contact sheet; returns what was done, in words."""
    write_tables(folder, [*found.measured, *found.skipped], command)
    tiles = [tile_of(report) for report in found.measured]
    sheets = draw_sheets(tiles, folder / "contact_sheet.png")
    good = sum(report.status == "done" for report in found.measured)
    return (
        f"{good} of {len(found.measured)} scans are measured (truth masks read by version "
        f"{TRUTH_VERSION} of the rules): {folder / 'summary.md'}, {sheets[0]}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
