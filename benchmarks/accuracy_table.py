"""Write the page of all accuracy figures from the folders of `accuracy.py`.

    python benchmarks/accuracy_table.py --out docs/accuracy.md SYSTEM:SET=FOLDER...

SYSTEM is a name as it shall stand in the page, SET a table of `benchmarks/accuracy_sets.toml`
(or of `--sets`), which says what the dataset is, whether weights learnt from it, and what was
decided after a look at it. The part of the page above the line `<!-- figures -->` is kept.

Exit status: 0 written; 2 wrong usage or unreadable tables.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.figures_page import write_figures
from benchmarks.against_truth.overview import DataSet, Run, page, read_run, read_sets
from spineps_nipype.errors import InputError, SpinepsError

SETS: Final = Path(__file__).with_name("accuracy_sets.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="accuracy_table.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="SYSTEM:SET=FOLDER")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--sets", type=Path, default=SETS, metavar="FILE")
    own = parser.parse_args(arguments)
    try:
        sets = read_sets(own.sets)
        text = page([named_run(word, sets) for word in own.runs], sets)
    except SpinepsError as fault:
        print(f"Nothing was written: {fault}", file=sys.stderr)
        return 2
    write_figures(own.out, "Accuracy", text)
    print(f"{len(own.runs)} runs in {own.out}")
    return 0


def named_run(word: str, sets: dict[str, DataSet]) -> Run:
    """The run of a word ``SYSTEM:SET=FOLDER``.

    Raises
    ------
    InputError
        If the word has another form, or the set is not described.
    """
    head, _, folder = word.partition("=")
    system, _, key = head.rpartition(":")
    if not (system and key and folder):
        raise InputError(f"{word!r} is not of the form SYSTEM:SET=FOLDER.")
    if key not in sets:
        raise InputError(f"The set {key!r} is not described; known are {', '.join(sets)}.")
    return read_run(system, sets[key], Path(folder))


if __name__ == "__main__":
    raise SystemExit(main())
