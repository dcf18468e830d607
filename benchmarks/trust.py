"""Hold what results say of themselves against truth masks: verdicts, names, expected Dice.

    python benchmarks/trust.py BIDS_WITH_MASKS --out DIR [options of accuracy.py and spineps-wf]

The pipeline runs as for `accuracy.py`, whose results in DIR are reused. DIR gets

- `trust.tsv`: every scan: verdicts, what is wrong, its worst Dice, its least probable name,
- `names.tsv`: every vertebra whose true name is known: name given, probability, right or not,
- `quality.tsv`: every structure whose Dice was expected: that Dice, its interval, the true one,
- `trust.md`: verdicts against errors, calibration of names, expected against true Dice, flags,
- `calibration.png`: share of right names against their probability,
- `expected_dice.png`: true against expected Dice.

Exit status as of `accuracy.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.dataset import MeasuredDataset, run_command
from benchmarks.against_truth.trust import trust_of, write_trust


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline, measure, write; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_command("trust.py", __doc__, given, write)


def write(found: MeasuredDataset, folder: Path, command: str) -> str:
    """Write tables and picture; returns what was done, in words."""
    scans = [trust_of(report) for report in found.measured if report.measured is not None]
    write_trust(folder, scans, command)
    return f"{len(scans)} of {len(found.measured)} scans are judged: {folder / 'trust.md'}"


if __name__ == "__main__":
    raise SystemExit(main())
