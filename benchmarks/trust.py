"""Hold what results say of themselves against truth masks: verdicts, probabilities of names.

    python benchmarks/trust.py BIDS_WITH_MASKS --out DIR [options of accuracy.py and spineps-wf]

The pipeline runs as for `accuracy.py`, whose results in DIR are reused. DIR gets

- `trust.tsv`: every scan: verdicts, what is wrong, its worst Dice, its least probable name,
- `names.tsv`: every vertebra whose true name is known: name given, probability, right or not,
- `trust.md`: verdicts against errors, calibration of names, flags,
- `calibration.png`: share of right names against their probability.

Exit status as of `accuracy.py`.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.dataset import WRONG_USAGE, dataset_parser, measure_dataset
from benchmarks.against_truth.trust import trust_of, write_trust
from spineps_nipype.errors import SpinepsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline, measure, write; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, rest = dataset_parser("trust.py", __doc__, Path("trust")).parse_known_args(given)
    try:
        found = measure_dataset(own, rest)
    except SpinepsError as fault:
        print(f"Nothing was measured: {fault}", file=sys.stderr)
        return WRONG_USAGE
    if found.dry is not None:
        return found.dry
    out = found.options.folders.output_dir.parent
    scans = [trust_of(report) for report in found.measured if report.measured is not None]
    write_trust(out, scans, shlex.join(["benchmarks/trust.py", *given]))
    print(f"{len(scans)} of {len(found.measured)} scans are judged: {out / 'trust.md'}")
    return found.exit_status


if __name__ == "__main__":
    raise SystemExit(main())
