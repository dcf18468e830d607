"""Compare every stage of the pipeline with dumps of SPINEPS 2.1.3.

    python benchmarks/parity.py PARITY_FOLDER [--write docs/parity.md]
    python benchmarks/parity.py --live IMAGE... [--packages FOLDER] [--write docs/parity.md]

Each stage starts from the previous stage of the reference. Stages without a network must be
identical, labels of networks must agree in 99.9 % of the voxels, points must lie within 0.005
voxel. Stored runs are dumps; ``--live`` runs SPINEPS itself, see `against_spineps.live`.

Three packages of the reference are not stored: their weights are random and made by a program of
the reference. `--reference-python` names a Python that has SPINEPS 2.1.3; with it they are made.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks import EMBEDDED_PACKAGES
from benchmarks.against_spineps.cases import CASES, Case, Skipped
from benchmarks.against_spineps.stages import STAGES, Outcome

Row = tuple[str, str, Outcome | str]
"""Case, stage, and the outcome or why there is none."""


def compare(cases: Iterable[Case], stages: Mapping[str, Callable[[Case], Outcome]]) -> list[Row]:
    """Run all stages of all cases."""
    rows: list[Row] = []
    for case in cases:
        for stage, run in stages.items():
            try:
                outcome: Outcome | str = run(case)
            except Skipped as reason:
                outcome = str(reason)
            rows.append((case.name, stage, outcome))
            print(f"{case.name:10} {stage:22} {_text(outcome)}", flush=True)
    return rows


def _text(outcome: Outcome | str) -> str:
    if isinstance(outcome, str):
        return f"not run: {outcome}"
    verdict = "ok" if outcome.passed else "DIFFERS"
    worst = f", worst {outcome.worst:.1e}" if outcome.worst else ""
    return f"{verdict}: {outcome.differing} of {outcome.total} differ{worst}"


def make_missing_packages(root: Path, python: str, out: Path) -> None:
    """Let the reference make the packages that are not stored (untrained instance networks).

    Parameters
    ----------
    root
        Folder of the reference runs, with the program.
    python
        Python that has SPINEPS 2.1.3.
    out
        Where the packages go.
    """
    subprocess.run(
        [python, str(root / "train_tiny.py"), str(out), "--sem", "0", "--inst", "0"],
        check=True,
        cwd=root,
        env={**os.environ, "SPINEPS_NO_CITATION_REMINDER": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown table: a row for each stage, a column for each case."""
    names = list(dict.fromkeys(name for name, _, _ in rows))
    cells = {(name, stage): outcome for name, stage, outcome in rows}
    lines = [
        "| stage | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for stage in dict.fromkeys(stage for _, stage, _ in rows):
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


def update_page(page: Path, part: str, text: str) -> None:
    """Replace the text between the marks of a part of a page."""
    start, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->"
    content = page.read_text(encoding="utf-8")
    before, _, rest = content.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} has no part {part!r}: it needs the lines {start}{end}")
    page.write_text(f"{before}{start}\n{text}\n\n{end}{after}", encoding="utf-8")


def _stored(options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as temporary:
        extra = options.extra_models
        if options.reference_python:
            extra = Path(temporary)
            make_missing_packages(options.folder.resolve(), options.reference_python, extra)
        return compare([Case(name, options.folder, extra) for name in options.case], STAGES)


def _live(options: argparse.Namespace) -> list[Row]:
    from benchmarks.against_spineps.live import LIVE_STAGES, live_cases

    cases = live_cases(options.live, options.packages, options.dumps, options.threads)
    return compare(cases, LIVE_STAGES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and exit with 1 when a stage differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="folder with stored reference runs")
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--extra-models", type=Path, help="folder with further packages")
    parser.add_argument("--reference-python", help="Python with SPINEPS 2.1.3, makes packages")
    parser.add_argument(
        "--live", nargs="+", type=Path, metavar="IMAGE", help="run SPINEPS on these"
    )
    parser.add_argument(
        "--packages", type=Path, default=EMBEDDED_PACKAGES, help="packages for --live"
    )
    parser.add_argument("--dumps", type=Path, help="folder that keeps the dumps of --live")
    parser.add_argument("--threads", type=int, default=1, help="threads of SPINEPS")
    parser.add_argument("--write", type=Path, help="page whose table is replaced")
    options = parser.parse_args(arguments)
    if (options.folder is None) == (options.live is None):
        parser.error("give a folder with stored reference runs, or --live with images")
    rows = _live(options) if options.live else _stored(options)
    if options.write:
        update_page(options.write, "live" if options.live else "stored", table(rows))
    failed = [row for row in rows if isinstance(row[2], Outcome) and not row[2].passed]
    checked = sum(isinstance(row[2], Outcome) for row in rows)
    print(f"{checked - len(failed)} of {checked} stages agree, {len(rows) - checked} not run")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
