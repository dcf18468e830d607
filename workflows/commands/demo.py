"""The command ``spineps-wf-demo DIR``: a small dataset, segmented, to see what comes out.

Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from spineps_nipype import __version__
from spineps_nipype.errors import SpinepsError

from ..cli import main as run
from ..options.start_up import run_command

PROGRAM: Final = "spineps-wf-demo"
EPILOG: Final = """\
Further options go to spineps-wf, such as --participant-label phantom or --nprocs 2. The exit
status is that of spineps-wf.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the dataset, segment it, and write the pages; returns the exit status."""
    return run_command(PROGRAM, lambda: _main(argv), own_process=argv is None)


def _main(argv: Sequence[str] | None) -> int:
    arguments, options = build_parser().parse_known_args(argv)
    folder: Path = arguments.folder
    bids, out, work = (str(folder / name) for name in ("bids", "out", "work"))
    try:
        _write(folder / "bids")
    except (SpinepsError, OSError) as fault:
        print(f"{PROGRAM}: error: {fault}", file=sys.stderr)
        return 1
    status = run([bids, out, "participant", "-w", work, *options])
    if status == 0:
        status = run([bids, out, "group"])
    if status == 0:
        print(f"Look at {folder / 'out'}: sub-mri.html, group.html, and masks in sub-*/anat.")
    return status


def build_parser() -> argparse.ArgumentParser:
    """Parser of the command line, without side effects."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage="%(prog)s DIR [options of spineps-wf]",
        description="Write a small dataset (a real T2w scan that TPTBox ships, and a synthetic "
        "spine) to DIR/bids, segment it with the embedded models, and write the results to "
        "DIR/out.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder for data and results")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def _write(folder: Path) -> None:
    from spineps_nipype.phantom.demo import write_demo_dataset

    for scan in write_demo_dataset(folder):
        print(f"Scan of the demo: {scan}")


if __name__ == "__main__":
    sys.exit(main())
