"""Compare every stage of the pipeline with dumps of SPINEPS 2.1.3.

    python benchmarks/parity.py PARITY_FOLDER [--write docs/parity.md]

Each stage starts from the reference's previous stage. Stages without a network must be identical,
labels of networks agree in 99.9 % of the voxels, points lie within 0.005 voxel.

Three packages of the reference are not stored: they are random weights that the reference's own
program makes. `--reference-python` names a Python that has SPINEPS 2.1.3; with it they are made.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.parity_cases import CASES, Case, Skipped
from benchmarks.parity_stages import STAGES, Outcome

Row = tuple[str, str, Outcome | str]


def compare(root: Path, extra: Path | None, names: Sequence[str]) -> list[Row]:
    """Case, stage and outcome (or the reason why there is none) of all stages."""
    rows: list[Row] = []
    for name in names:
        case = Case(name, root, extra)
        for stage, run in STAGES.items():
            try:
                outcome: Outcome | str = run(case)
            except Skipped as reason:
                outcome = str(reason)
            rows.append((name, stage, outcome))
            print(f"{name:10} {stage:22} {_text(outcome)}", flush=True)
    return rows


def _text(outcome: Outcome | str) -> str:
    if isinstance(outcome, str):
        return f"not run: {outcome}"
    verdict = "ok" if outcome.passed else "DIFFERS"
    worst = f", worst {outcome.worst:.1e}" if outcome.worst else ""
    return f"{verdict}: {outcome.differing} of {outcome.total} differ{worst}"


def make_missing_packages(root: Path, python: str, out: Path) -> None:
    """Let the reference make the packages that are not stored (untrained instance network)."""
    subprocess.run(
        [python, str(root / "train_tiny.py"), str(out), "--sem", "0", "--inst", "0"],
        check=True,
        cwd=root,
        env={**os.environ, "SPINEPS_NO_CITATION_REMINDER": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown table: a row a stage, a column a case."""
    names = list(dict.fromkeys(name for name, _, _ in rows))
    cells = {(name, stage): outcome for name, stage, outcome in rows}
    lines = [
        "| stage | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for stage in STAGES:
        row = [_cell(cells[name, stage]) for name in names]
        lines.append(f"| {stage} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _cell(outcome: Outcome | str) -> str:
    if isinstance(outcome, str):
        return "–"
    if not outcome.passed:
        return f"**{outcome.differing}/{outcome.total}**"
    if outcome.differing:
        return f"{outcome.differing}/{outcome.total}"
    return "identical" if not outcome.worst else f"≤ {outcome.worst:.0e}"


def document(rows: Sequence[Row]) -> str:
    """Page with the table and what it means."""
    reasons = sorted(
        {
            f"{stage} of {name}: {outcome}"
            for name, stage, outcome in rows
            if isinstance(outcome, str)
        }
    )
    skipped = "\n".join(f"- {reason}" for reason in reasons)
    return f"""# Parity with SPINEPS 2.1.3

`python benchmarks/parity.py PARITY_FOLDER --reference-python PYTHON --write docs/parity.md` wrote
this page. Every stage starts from the reference's previous stage under
`numerics="spineps-2.1.3"`. *identical*: no voxel or number differs. *n/m*: n of m voxels differ,
within the limit of 0.1 % for labels of networks. *≤ x*: numbers differ by no more than x.
**Bold**: outside the limits. –: the reference has no such stage, or its package is not there.

{table(rows)}

N4 was off in the reference runs: its result depends on the build and thread count of ITK.

Not run:

{skipped}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and exit with 1 when a stage differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with inputs, models and reference")
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--extra-models", type=Path, help="folder with further packages")
    parser.add_argument("--reference-python", help="Python with SPINEPS 2.1.3, makes packages")
    parser.add_argument("--write", type=Path, help="Markdown page to write")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        extra = options.extra_models
        if options.reference_python:
            extra = Path(temporary)
            make_missing_packages(options.folder.resolve(), options.reference_python, extra)
        rows = compare(options.folder, extra, options.case)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(document(rows))
    failed = [row for row in rows if isinstance(row[2], Outcome) and not row[2].passed]
    checked = sum(isinstance(row[2], Outcome) for row in rows)
    print(f"{checked - len(failed)} of {checked} stages agree, {len(rows) - checked} not run")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
