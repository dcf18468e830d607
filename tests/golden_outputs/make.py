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
            records: dict[str, Record] = {}
            stored = {}
            for case in SYSTEMS[system].cases:
                start = time.process_time()
                record = records[case.name] = runner(case.name)
                stored[case.name] = table.encoded(
                    record,
                    None if case.name == runner.first else records[runner.first],
                    records.get(case.start),
                    case.start,
                )
                seconds = time.process_time() - start
                print(f"{system} {case.name}: {record.status}, {seconds:.1f} s of the processor")
            print(table.write(system, stored))
            if system in algorithms.SYSTEMS:
                made = algorithms.made_by(system, records[runner.first], runner.lab)
                print(algorithms.add(system, made))


if __name__ == "__main__":
    main(sys.argv[1:])
