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

Any other option goes to `spineps-wf`: `--model-semantic`, `--modalities`, `--nprocs` and so on;
without `--modalities` all kinds of scans are taken. All scans of a subject with masks are
segmented, also those without a mask.

Exit status: 0 all scans with masks are measured; 1 none; 2 wrong usage; 3 some failed.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.contact_sheet import draw_sheets, tile_of
from benchmarks.against_truth.label_sets import FAMILIES, find_sets
from benchmarks.against_truth.pipeline_run import segment
from benchmarks.against_truth.report import ScanReport, measure_scan
from benchmarks.against_truth.selection import (
    choose_scans,
    held_out_subjects,
    single_scan_counts,
)
from benchmarks.against_truth.summary import write_tables
from benchmarks.against_truth.truth import TRUTH_VERSION
from spineps_nipype.bids.query import MODALITIES
from spineps_nipype.errors import InputError, SpinepsError
from spineps_nipype.settings import with_values
from spineps_nipype.workflows.app.participant import run_participants
from spineps_nipype.workflows.cli import build_parser, options_from
from spineps_nipype.workflows.options.run_options import RunOptions

DONE, NOTHING_MEASURED, WRONG_USAGE, SOME_FAILED = 0, 1, 2, 3
"""Exit statuses."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline, measure, write; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, rest = own_parser().parse_known_args(given)
    try:
        options = pipeline_options(own, rest)
        sets = find_sets(own.label_sets)
        pairs, skipped = choose_scans(options, own.derivative)
    except SpinepsError as fault:
        print(f"Nothing was measured: {fault}", file=sys.stderr)
        return WRONG_USAGE
    # all scans of these subjects, but no others
    kinds = tuple(m for m in MODALITIES if any(p.scan.modality == m for p in pairs))
    options = with_values(
        options,
        {
            "participant_label": tuple(sorted({pair.subject for pair in pairs})),
            "modalities": kinds or options.selection.modalities,
        },
    )
    if options.task.dry_run:
        return int(run_participants(options))
    runs = segment(options, [pair.scan.path for pair in pairs])
    counts = single_scan_counts(options.folders.bids_dir, pairs)
    measured = []
    for pair in pairs:
        run = runs[pair.scan.path]
        report = measure_scan(pair, options, sets, run, counts.get(pair.subject, {}))
        measured.append(report)
        print(one_line(report), flush=True)
    out = options.folders.output_dir.parent
    command = shlex.join(["benchmarks/accuracy.py", *given])
    write_tables(out, [*measured, *skipped], command)
    sheets = draw_sheets([tile_of(report) for report in measured], out / "contact_sheet.png")
    good = sum(report.status == "done" for report in measured)
    print(
        f"{good} of {len(measured)} scans are measured (truth masks read by version "
        f"{TRUTH_VERSION} of the rules): {out / 'summary.md'}, {sheets[0]}"
    )
    if not good:
        return NOTHING_MEASURED
    return DONE if good == len(measured) else SOME_FAILED


def own_parser() -> argparse.ArgumentParser:
    """Parser of the options that are not the pipeline's."""
    parser = argparse.ArgumentParser(
        prog="accuracy.py",
        usage="%(prog)s BIDS_WITH_MASKS [--out DIR] [options] [options of spineps-wf]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "bids", type=Path, metavar="BIDS_WITH_MASKS", help="the dataset; it comes first"
    )
    parser.add_argument("--out", type=Path, default=Path("accuracy"), metavar="DIR")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--subjects", nargs="+", default=[], metavar="LABEL")
    which.add_argument(
        "--held-out", action="store_true", help="the subjects in training/heldout_spider.txt"
    )
    parser.add_argument(
        "--derivative",
        default="manual",
        metavar="NAME",
        help="folder of the masks in BIDS/derivatives, or any folder (default: manual)",
    )
    parser.add_argument(
        "--label-sets",
        default="auto",
        metavar="SETS",
        help=f"{', '.join(FAMILIES)}, or a TOML or JSON file (see against_truth/label_sets.py)",
    )
    return parser


def pipeline_options(own: argparse.Namespace, rest: Sequence[str]) -> RunOptions:
    """Options of the run of the pipeline.

    Raises
    ------
    InputError
        If the dataset is not there or the held-out subjects are not in it.
    """
    if not own.bids.is_dir():
        raise InputError(
            "The dataset does not exist.",
            file=own.bids,
            remedy="Give the dataset first, options after it.",
        )
    results = own.out.expanduser().absolute() / "derivatives"
    words = [str(own.bids), str(results), "participant", *rest]
    options = options_from(build_parser().parse_args(words))
    if not any(word.partition("=")[0] == "--modalities" for word in rest):
        options = with_values(options, {"modalities": tuple(MODALITIES)})
    labels = tuple(label.removeprefix("sub-") for label in own.subjects)
    if own.held_out:
        labels = held_out_subjects(own.bids)
    return with_values(options, {"participant_label": labels} if labels else {})


def one_line(report: ScanReport) -> str:
    """What is printed of a scan."""
    if report.measured is None:
        return f"{report.scan}: {report.status}: {report.reason}"
    return f"{report.scan}: {' '.join(tile_of(report).text.split())}"


if __name__ == "__main__":
    raise SystemExit(main())
