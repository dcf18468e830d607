"""Turn off rules of ours one by one, and all together, and see what scans with truth masks lose.

    python benchmarks/ablation.py BIDS_WITH_MASKS --out DIR --set NAME [--pipeline SYSTEM]

Networks run once a scan, rules as often as there are switches in `benchmarks/rules/on_trial.toml`;
`--rules` names others. DIR gets

- `ablation.tsv`: a row for each scan and rule; rows that are there are not computed again,
- `ablation.md`: a table a system with the gain of each rule: figures with it less those without.

Several sets and systems share a DIR. `--page docs/rules.md` also writes the tables below the mark
of a page. Exit status: 0 all scans tried, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.dataset import dataset_parser, pipeline_options
from benchmarks.against_truth.figures_page import write_figures
from benchmarks.against_truth.label_sets import LabelSet, find_sets
from benchmarks.against_truth.mask_files import Pair
from benchmarks.against_truth.scan import Result, load_scan, measure
from benchmarks.against_truth.selection import choose_scans, single_scan_counts
from benchmarks.against_truth.systems import JUDGED
from benchmarks.against_truth.truth import load_truth
from benchmarks.rules.gains import table
from benchmarks.rules.in_memory import SYSTEMS, Run
from benchmarks.rules.trial import ALL_OFF, ALL_ON, Trial, figures, read_trials, write_trials
from spineps_nipype.errors import SpinepsError

ON_TRIAL: Final = Path(__file__).with_name("rules") / "on_trial.toml"
ORIGINAL: Final = {"spineps": "spineps-2.1.3"}
"""Numerics in which all rules are off; ``original`` elsewhere."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the rules; returns the exit status."""
    own, rest = _parser().parse_known_args(arguments)
    try:
        options = pipeline_options(own, rest)
        sets = find_sets(own.label_sets)
        pairs, _ = choose_scans(options, own.derivative)
    except SpinepsError as fault:
        print(f"Nothing was tried: {fault}", file=sys.stderr)
        return 2
    system = own.pipeline
    rules = own.rules or tomllib.loads(ON_TRIAL.read_text(encoding="utf-8"))[system]
    own.out.mkdir(parents=True, exist_ok=True)
    path = own.out / "ablation.tsv"
    trials = read_trials(path)
    run = SYSTEMS[system]()
    counts = single_scan_counts(options.folders.bids_dir, pairs)
    for pair in pairs:
        blank = Trial(system, own.set, pair.name, pair.subject, "")
        for trial in try_rules(
            blank, rules, run, pair, sets, counts.get(pair.subject, {}), trials
        ):
            trials[trial.key] = trial
        run.forget()
        write_trials(path, trials.values())
        print(f"{pair.name}: {len(rules)} rules", flush=True)
    for page in (own.out / "ablation.md", *own.page):
        write_figures(page, "Rules on trial", table(trials.values()))
    print(f"{len(trials)} trials: {own.out / 'ablation.md'}")
    return 0


def try_rules(
    blank: Trial,
    rules: Sequence[str],
    run: Run,
    pair: Pair,
    sets: Sequence[LabelSet],
    counts: Mapping[str, int],
    known: Mapping[tuple[str, str, str, str], Trial],
) -> Iterator[Trial]:
    """Figures of a scan with all rules, without each, and without any; known ones are left out."""
    wanted = [replace(blank, rule=rule) for rule in (ALL_ON, *rules, ALL_OFF)]
    wanted = [trial for trial in wanted if trial.key not in known]
    if not wanted:
        return
    image = load_scan(pair.scan.path)
    truth = load_truth(pair, image, sets, counts)
    judged = JUDGED.get(blank.system, frozenset())
    measured: list[tuple[Result, dict[str, Any]]] = []
    for trial in wanted:
        try:
            result = run(pair.scan.path, numerics_without(trial.rule, trial.system))
        except Exception as fault:  # a rule may be all that keeps a scan from failing
            reason = f"{type(fault).__name__}: {fault}".replace("\n", " ")
            yield replace(trial, fault=reason)
            continue
        # most rules change most scans in nothing
        found = next((told for seen, told in measured if _same(seen, result)), None)
        if found is None:
            found = figures(measure(image, truth, result, named=True), judged)
            measured.append((result, found))
        yield replace(trial, **found)


def _same(one: Result, other: Result) -> bool:
    both = ((one.spine, other.spine), (one.vert, other.vert))
    return all(np.array_equal(mine, theirs) for mine, theirs in both)


def numerics_without(rule: str, system: str) -> str:
    """Numerics in which a rule is off, or none of them, or all."""
    if rule == ALL_OFF:
        return ORIGINAL.get(system, "original")
    return "corrected" if rule == ALL_ON else f"corrected,{rule}"


def _parser() -> argparse.ArgumentParser:
    parser = dataset_parser("ablation.py", __doc__, Path("ablation"))
    parser.usage = "%(prog)s BIDS_WITH_MASKS --out DIR --set NAME [options]"
    parser.add_argument("--set", required=True, metavar="NAME", help="what tables call the scans")
    parser.add_argument("--pipeline", choices=list(SYSTEMS), default="spineps")
    parser.add_argument(
        "--rules", nargs="+", default=[], metavar="SWITCH", help="instead of those on trial"
    )
    parser.add_argument(
        "--page", nargs="+", type=Path, default=[], metavar="FILE", help="write the tables here"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
