"""Write the golden table anew: ``python -m tests.golden_outputs.make [SYSTEM ...]``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import algorithms, table
from .record import Record
from .tables_of import SYSTEMS, Runner


def main(systems: Sequence[str] = ()) -> None:
    """Run all cases of systems and write their tables."""
    for system in systems or SYSTEMS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["SPINEPS_NIPYPE_CACHE"] = str(Path(folder) / "cache")
            runner = Runner(system, Path(folder) / "lab")
            stored, first = _cases(system, runner)
            print(table.write(system, stored))
            if system in algorithms.SYSTEMS:
                print(algorithms.add(system, algorithms.made_by(system, first, runner.lab)))


def _cases(system: str, runner: Runner) -> tuple[dict[str, table.Stored], Record]:
    """What the table stores of every case, and the record of the first one."""
    of = SYSTEMS[system].of
    reference = next(iter(table.stored_records(of).values())) if of else None
    records: dict[str, Record] = {}
    stored = {}
    for case in SYSTEMS[system].cases:
        began = time.process_time()
        record = records[case.name] = runner(case.name)
        start = records.get(case.start)
        stored[case.name] = table.encoded(record, reference, start, case.start)
        reference = reference or record
        seconds = time.process_time() - began
        print(f"{system} {case.name}: {record.status}, {seconds:.1f} s of the processor")
    return stored, records[SYSTEMS[system].cases[0].name]


if __name__ == "__main__":
    main(sys.argv[1:])
