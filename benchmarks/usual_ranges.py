"""The table of usual ranges that pages show beside metrics.

``python benchmarks/usual_ranges.py OUT`` reads the tables that ``spineps-wf SPIDER OUT group``
wrote and replaces the table in the package. Scans whose checks fail do not count.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from spineps_nipype import __version__
from spineps_nipype.core.files import write_text
from spineps_nipype.core.tables import read_rows, write_rows
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.reports.outliers import number
from spineps_nipype.reports.templates import HOME
from spineps_nipype.reports.usual_ranges import FEWEST, SHARE, TABLE

SOURCE: Final = "van der Graaf et al., Scientific Data 2024, doi:10.1038/s41597-024-03090-w"
WHOSE: Final = (
    "the middle {share:.0f}\u00a0% of {scans} lumbar T2-weighted MR scans of the SPIDER data set "
    "(low back pain; van der Graaf et al., Scientific Data 2024), level by level, as "
    "spineps-nipype {version} with its compact networks segments and measures them"
)
DIGITS: Final = 4


def ranges(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Range of each measure at each level that enough scans show.

    Parameters
    ----------
    rows
        One a scan and level, with ``level`` and measures as text, number or None.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        for measure, said in COLUMNS.items():
            value = number(row.get(measure)) if "Units" in said else None
            if value is not None:
                found.setdefault((str(row["level"]), measure), []).append(value)
    tail = (1 - SHARE) / 2
    table = []
    for (level, measure), values in found.items():
        if len(values) >= FEWEST:
            low, middle, high = (
                float(f"{q:.{DIGITS}g}") for q in np.quantile(values, (tail, 0.5, 1 - tail))
            )
            table.append(
                {
                    "level": level,
                    "measure": measure,
                    "low": low,
                    "median": middle,
                    "high": high,
                    "scans": len(values),
                }
            )
    return table


def main() -> None:
    """Write the table and what it says of itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="output folder with the tables of the group level")
    parser.add_argument("--to", type=Path, default=Path(str(HOME)), help="folder of the table")
    args = parser.parse_args()
    verdicts = {row["scan"]: row["verdict"] for row in read_rows(args.out / "group_scans.tsv")}
    counted = {scan for scan, verdict in verdicts.items() if verdict in ("pass", "look")}
    rows = [r for r in read_rows(args.out / "group_metrics.tsv") if r["scan"] in counted]
    scans = len({row["scan"] for row in rows})
    table = ranges(rows)
    write_rows(table, args.to / f"{TABLE}.tsv")
    said = {
        "Whose": WHOSE.format(share=100 * SHARE, scans=scans, version=__version__),
        "Scans": scans,
        "ScansWithFailedChecks": list(verdicts.values()).count("fail"),
        "Source": SOURCE,
        "License": "CC BY 4.0",
        "GeneratedBy": "benchmarks/usual_ranges.py",
        "Note": "The compact networks were trained on scans of the same data set. The scans had "
        "half of the original resolution in plane (0.94 mm).",
    }
    write_text(args.to / f"{TABLE}.json", json.dumps(said, indent=4, ensure_ascii=False) + "\n")
    print(f"{len(table)} ranges of {scans} scans")


if __name__ == "__main__":
    main()
