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

Any other option goes to `spineps-wf`: `--model-semantic`, `--modalities`, `--nprocs` and so on;
without `--modalities` all kinds of scans are taken. All scans of a subject with masks are
segmented, also those without a mask.

Exit status: 0 all scans with masks are measured; 1 none; 2 wrong usage; 3 some failed.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.accuracy_report import ScanReport, write_tables
from benchmarks.accuracy_run import ScanRun, segment
from benchmarks.accuracy_scan import load_result, load_scan, measure
from benchmarks.accuracy_truth import (
    Pair,
    find_masks,
    load_truth,
    mask_entities,
    pair_masks,
    participant_counts,
)
from benchmarks.contact_sheet import Tile, draw_sheets, tile_text
from benchmarks.label_sets import FAMILIES, LabelSet, find_sets
from spineps_nipype.bids.names import output_paths, split_extension
from spineps_nipype.bids.query import MODALITIES, find_scans, read_filter_file
from spineps_nipype.errors import InputError, SpinepsError
from spineps_nipype.settings import with_values
from spineps_nipype.workflows.app.participant import run_participants
from spineps_nipype.workflows.cli import build_parser, options_from
from spineps_nipype.workflows.options.run_options import RunOptions
from training.real_scans import held_out_subjects

logger = logging.getLogger(__name__)

DONE, NOTHING_MEASURED, WRONG_USAGE, SOME_FAILED = 0, 1, 2, 3
"""Exit statuses."""
SHOWN: Final = 5
"""So many masks are named that belong to no scan."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline, measure, write; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, rest = own_parser().parse_known_args(given)
    try:
        options = pipeline_options(own, rest)
        sets = find_sets(own.label_sets)
        pairs, unused = choose_scans(options, own.derivative)
    except SpinepsError as fault:
        print(f"Nothing was measured: {fault}", file=sys.stderr)
        return WRONG_USAGE
    kinds = tuple(m for m in MODALITIES if any(p.scan.modality == m for p in pairs))
    options = with_values(
        options,
        {
            "participant_label": tuple(sorted({pair.subject for pair in pairs})),
            "modalities": kinds or options.selection.modalities,
        },
    )
    if options.task.dry_run:
        return run_participants(options)
    runs = segment(options, [pair.scan.path for pair in pairs])
    counts = _counts(options.folders.bids_dir, pairs)
    measured = []
    for pair in pairs:
        run = runs[pair.scan.path]
        report = measure_scan(pair, options, sets, run, counts.get(pair.subject, {}))
        measured.append(report)
        print(one_line(report), flush=True)
    out = options.folders.output_dir.parent
    command = shlex.join(["benchmarks/accuracy.py", *given])
    write_tables(out, [*measured, *unused], command)
    sheets = draw_sheets([tile_of(report) for report in measured], out / "contact_sheet.png")
    good = sum(report.status == "done" for report in measured)
    print(f"{good} of {len(measured)} scans are measured: {out / 'summary.md'}, {sheets[0]}")
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
    parser.add_argument("bids", type=Path, metavar="BIDS_WITH_MASKS", help="first of all words")
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
        help=f"{', '.join(FAMILIES)}, or a TOML or JSON file (see label_sets.py)",
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
        held_out = {label.removeprefix("sub-") for label in held_out_subjects()}
        there = {path.name.removeprefix("sub-") for path in own.bids.glob("sub-*")}
        labels = tuple(sorted(held_out & there))
        if not labels:
            raise InputError("The dataset has none of the held-out subjects.", file=own.bids)
    return with_values(options, {"participant_label": labels} if labels else {})


def choose_scans(options: RunOptions, derivative: str) -> tuple[list[Pair], list[ScanReport]]:
    """Scans with masks; masks without scan and scans without mask are reported and told.

    Raises
    ------
    InputError
        If no scan has a mask.
    """
    asked, file = options.selection, options.selection.bids_filter_file
    filters = read_filter_file(file) if file else None
    query = find_scans(
        options.folders.bids_dir,
        modalities=asked.modalities,
        plane=None if asked.ignore_compatibility else "sag",
        participant_label=asked.participant_label,
        session_label=asked.session_label,
        filters=filters,
        ignore_bids_filter=asked.ignore_bids_filter,
    )
    subjects = {label.removeprefix("sub-") for label in asked.participant_label}
    masks = [
        path
        for path in find_masks(options.folders.bids_dir, derivative)
        if not subjects or mask_entities(path).get("sub") in subjects
    ]
    pairs, left = pair_masks(query.scans, masks)
    with_mask = {pair.scan.path for pair in pairs}
    unused = [
        _skipped(scan.path, "it has no truth mask", scan.modality)
        for scan in query.scans
        if scan.path not in with_mask
    ]
    unused += [_skipped(path, why) for path, why in left]
    unused += [
        _skipped(image.path, f"not segmented: {image.why}")
        for image in query.skipped
        if left and not image.path.is_relative_to(options.folders.bids_dir / "derivatives")
    ]
    for report in unused[:SHOWN]:
        print(f"not measured: {report.scan}: {report.reason}", file=sys.stderr)
    if len(unused) > SHOWN:
        print(f"not measured: {len(unused) - SHOWN} more", file=sys.stderr)
    if not pairs:
        raise InputError(
            f"No scan has a truth mask: {len(query.scans)} scans and {len(masks)} masks are "
            "there, none fit together by name.",
            file=options.folders.bids_dir,
            remedy="Masks are called like their scans: sub-01_acq-sag_T2w.nii.gz and "
            "sub-01_acq-sag_dseg.nii.gz or sub-01_acq-sag_mod-T2w_seg-vert_msk.nii.gz.",
        )
    return pairs, unused


def measure_scan(
    pair: Pair,
    options: RunOptions,
    sets: Sequence[LabelSet],
    run: ScanRun,
    counts: Mapping[str, int],
) -> ScanReport:
    """Measure a scan; whatever is wrong with it is in its report."""
    report = ScanReport(
        pair.name,
        pair.subject,
        pair.scan.modality or "",
        seconds=run.seconds,
        peak_gb=run.peak_gb,
        timed=run.timed,
        listed_discs=counts.get("num_discs"),
        models=" ".join(run.models),
        masks=tuple(mask.name for mask in pair.masks),
    )
    if run.fault:
        report.status, report.reason = "failed", run.fault
        return report
    paths = output_paths(pair.scan.path, options.folders.bids_dir, options.folders.output_dir)
    try:
        image = load_scan(pair.scan.path)
        truth = load_truth(pair, image, sets, counts)
        result = load_result(paths["out_spine"], paths["out_vert"], image)
        report.measured = measure(image, truth, result, named=run.named)
        report.notes = truth.notes
    except Exception as fault:  # one odd scan must not stop the others
        if not isinstance(fault, SpinepsError):
            logger.exception("%s could not be measured", pair.scan.path)
        report.status = "failed"
        report.reason = f"not measured: {type(fault).__name__}: {fault}"
    for note in report.notes:
        print(f"{pair.name}: {note}", file=sys.stderr)
    return report


def one_line(report: ScanReport) -> str:
    """What is printed of a scan."""
    if report.measured is None:
        return f"{report.scan}: {report.status}: {report.reason}"
    return f"{report.scan}: {' '.join(tile_of(report).text.split())}"


def tile_of(report: ScanReport) -> Tile:
    """The scan on the contact sheet."""
    if report.measured is None:
        return Tile(report.scan, f"{report.status}: {report.reason[:120]}")
    dice = {score.structure: score.overlap.dice for score in report.measured.scores}
    counts = {}
    for kind, found in report.measured.kinds.items():
        asked = found.truth.asked
        pairs = sum(match.truth in asked for match in found.matching.found)
        counts[kind] = (pairs, len(asked), len(found.matching.extra))
    return Tile(report.scan, tile_text(dice, counts), report.measured.picture)


def _skipped(path: Path, why: str, modality: str | None = None) -> ScanReport:
    name = split_extension(path.name)[0]
    subject = mask_entities(path).get("sub", "")
    return ScanReport(name, subject, modality or "", status="skipped", reason=why)


def _counts(root: Path, pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    """Counts of the participants table for subjects with one scan: they tell of no other."""
    scans = [pair.subject for pair in pairs]
    table = participant_counts(root)
    return {label: row for label, row in table.items() if scans.count(label) == 1}


if __name__ == "__main__":
    raise SystemExit(main())
