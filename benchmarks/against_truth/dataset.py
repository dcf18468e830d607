"""A dataset with truth masks goes through the pipeline and is measured, for several commands."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.against_truth.contact_sheet import tile_of
from benchmarks.against_truth.label_sets import FAMILIES, find_sets
from benchmarks.against_truth.pipeline_run import segment
from benchmarks.against_truth.report import ScanReport, measure_scan
from benchmarks.against_truth.selection import (
    choose_scans,
    held_out_subjects,
    single_scan_counts,
)
from benchmarks.against_truth.systems import system_of
from spineps_nipype.bids.query import MODALITIES
from spineps_nipype.errors import InputError, SpinepsError
from spineps_nipype.settings import with_values
from spineps_nipype.workflows.app.participant import run_participants
from spineps_nipype.workflows.cli import build_parser, options_from
from spineps_nipype.workflows.options.run_options import RunOptions

DONE, NOTHING_MEASURED, WRONG_USAGE, SOME_FAILED = 0, 1, 2, 3
"""Exit statuses."""


class MeasuredDataset(NamedTuple):
    """Reports of the scans of a dataset.

    Parameters
    ----------
    options
        Of the run of the pipeline.
    measured
        Scans that have truth masks, also those that failed.
    skipped
        Scans that have none.
    dry
        Exit status of a dry run, None if the pipeline ran.
    """

    options: RunOptions
    measured: list[ScanReport]
    skipped: list[ScanReport]
    dry: int | None = None

    @property
    def exit_status(self) -> int:
        """Exit status of a command that measures all scans."""
        good = sum(report.status == "done" for report in self.measured)
        if not good:
            return NOTHING_MEASURED
        return DONE if good == len(self.measured) else SOME_FAILED


def run_command(
    command: str,
    description: str | None,
    given: Sequence[str],
    write: Callable[[MeasuredDataset, Path, str], str],
) -> int:
    """A command that measures a dataset and writes tables; returns its exit status.

    Parameters
    ----------
    command
        Its file name; without the ending also the folder it writes to if nothing is said.
    description
        What it says of itself.
    given
        Its arguments.
    write
        Takes what was measured, the folder for the tables, and the command line that is told in
        them; returns what is to be printed.
    """
    parser = dataset_parser(command, description, Path(command).with_suffix(""))
    try:
        found = measure_dataset(*parser.parse_known_args(given))
    except SpinepsError as fault:
        print(f"Nothing was measured: {fault}", file=sys.stderr)
        return WRONG_USAGE
    if found.dry is not None:
        return found.dry
    folder = found.options.folders.output_dir.parent
    print(write(found, folder, shlex.join([f"benchmarks/{command}", *given])))
    return found.exit_status


def measure_dataset(own: argparse.Namespace, rest: Sequence[str]) -> MeasuredDataset:
    """Run the pipeline and measure every scan that has a truth mask.

    Parameters
    ----------
    own
        Options of `dataset_parser`.
    rest
        Options of ``spineps-wf``.

    Raises
    ------
    SpinepsError
        If the dataset, its masks or the options are no good; nothing was measured.
    """
    options = pipeline_options(own, rest)
    system_of(options)
    sets = find_sets(own.label_sets)
    pairs, skipped = choose_scans(options, own.derivative)
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
        return MeasuredDataset(options, [], skipped, int(run_participants(options)))
    runs = segment(options, [pair.scan.path for pair in pairs])
    counts = single_scan_counts(options.folders.bids_dir, pairs)
    measured = []
    for pair in pairs:
        run = runs[pair.scan.path]
        report = measure_scan(pair, options, sets, run, counts.get(pair.subject, {}))
        measured.append(report)
        print(one_line(report), flush=True)
    return MeasuredDataset(options, measured, skipped)


def dataset_parser(command: str, description: str | None, out: Path) -> argparse.ArgumentParser:
    """Parser of the options that are not the pipeline's.

    Parameters
    ----------
    command
        File name of the command.
    description
        What it says of itself.
    out
        Where it writes if nothing is said.
    """
    parser = argparse.ArgumentParser(
        prog=command,
        usage="%(prog)s BIDS_WITH_MASKS [--out DIR] [options] [options of spineps-wf]",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "bids", type=Path, metavar="BIDS_WITH_MASKS", help="the dataset; it comes first"
    )
    parser.add_argument("--out", type=Path, default=out, metavar="DIR")
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
