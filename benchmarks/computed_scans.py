"""Whether a run stays the same over many scans that are computed: seconds a scan, memory.

    python benchmarks/computed_scans.py FOLDER [--scans 1000] [--compact] [options of spineps-wf]

Every scan is a link to one small image. Without `--compact` networks are those of the tests, a few
kilobytes each, so that nearly all of the time is that of the run itself: processes, files, pages,
tables. Reported are the seconds of a scan among the first and the last hundred, and how the memory
of the main process grows; with `--plugin Linear` everything runs in one process, which is what the
computation alone takes. Other load changes wall seconds: run it alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

import numpy as np

from benchmarks.many_scans import COMMAND_LINE, link_scan, sample_scan
from spineps_nipype.bids.made_datasets import describe_made

COMPARED: Final = 100
"""Scans at the start, and at the end, that are compared; a fifth of all if there are fewer."""
LOOK: Final = 2.0
"""Time between two looks at the main process [s]."""
CLOCK: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """What the main process was like at a time: wall and CPU seconds, MB, scans that are done."""

    wall: float
    cpu: float
    memory: float
    done: int


def write_dataset(folder: Path, number: int, *, tiny: bool) -> Path:
    """BIDS folder with so many links to one image."""
    dataset = folder / f"bids-{'tiny' if tiny else 'compact'}-{number}"
    source = folder / f"scan-{'tiny' if tiny else 'compact'}.nii.gz"
    if not source.is_file():
        if tiny:
            from tests.tiny_packages import write_scan

            write_scan(source)
        else:
            shutil.copyfile(sample_scan(), source)
    describe_made(dataset, "Links to one scan")
    for index in range(number):
        link_scan(dataset, index, source)
    return dataset


def tiny_models(folder: Path) -> list[str]:
    """Options that choose the networks of the tests."""
    from tests.tiny_packages import KINDS, write_packages

    if not (folder / "tiny_labeling").is_dir():
        write_packages(folder)
    models = [f"--model-{kind}={folder / f'tiny_{kind}'}" for kind in KINDS]
    # their image holds codes, not tissue
    return [*models, "--no-proc-sem-n4-bias-correction"]


def look(pid: int, start: float, done: int) -> Look | None:
    """State of a process; None when it is ending."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    if not resident:
        return None
    cpu = (int(fields[11]) + int(fields[12])) / CLOCK
    return Look(time.monotonic() - start, cpu, resident * os.sysconf("SC_PAGE_SIZE") / 1e6, done)


def scans_done(events: Path) -> int:
    """Scans that the record of a run calls done."""
    try:
        last = events.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
        return int(json.loads(last)["scans_done"])
    except (OSError, ValueError, KeyError):
        return 0


def watch(command: Sequence[str], out: Path) -> list[Look]:
    """Run a command and look at its process until it ends.

    Raises
    ------
    SystemExit
        If it fails.
    """
    with (out.with_suffix(".log")).open("w", encoding="utf-8") as log:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        looks: list[Look] = []
        while process.poll() is None:
            time.sleep(LOOK)
            records = sorted((out / "logs").glob("*/progress.jsonl"))
            seen = look(process.pid, start, scans_done(records[-1]) if records else 0)
            looks += [seen] if seen else []
    if process.returncode:
        raise SystemExit(f"The run failed; see {out.with_suffix('.log')}.")
    return looks


def report(looks: Sequence[Look], scans: int) -> str:
    """Figures of a run as a Markdown table."""
    part = min(COMPARED, scans // 5)
    done = np.array([seen.done for seen in looks])

    def between(values: Sequence[float], first: int, last: int) -> float:
        low, high = np.interp((first, last), done, values)
        return float(high - low)

    wall, cpu, memory = ([getattr(s, n) for s in looks] for n in ("wall", "cpu", "memory"))
    # the first two scans fill caches and load what the others find loaded
    first, last = (2, part + 2), (scans - 1 - part, scans - 1)
    rows = [f"| figure | first {part} | last {part} | last / first |", "|---|---|---|---|"]
    for name, values in (("wall s a scan", wall), ("CPU s of the main process a scan", cpu)):
        early, late = (between(values, *span) / part for span in (first, last))
        ratio = f"{late / early:.2f}" if early > 0 else "–"
        rows.append(f"| {name} | {early:.3f} | {late:.3f} | {ratio} |")
    slope = np.polyfit(done[done >= part], np.array(memory)[done >= part], 1)[0]
    rows.append(
        f"\nMain process: {memory[-1]:.0f} MB at the end, {1000 * slope:.0f} MB more for 1,000 "
        f"scans; all {scans} scans {wall[-1]:.0f} s."
    )
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, watch, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where data sets and results go")
    parser.add_argument("--scans", type=int, default=1000)
    parser.add_argument("--compact", action="store_true", help="the embedded networks")
    options, others = parser.parse_known_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    dataset = write_dataset(options.folder, options.scans, tiny=not options.compact)
    models = [] if options.compact else tiny_models(options.folder)
    out = options.folder / f"{dataset.name.replace('bids', 'out')}"
    work = options.folder / f"{dataset.name.replace('bids', 'work')}"
    for old in (out, work):
        shutil.rmtree(old, ignore_errors=True)
    out.mkdir()
    command = [sys.executable, "-c", COMMAND_LINE, str(dataset), str(out), "participant"]
    looks = watch([*command, "-w", str(work), *models, *(others or ["--nprocs", "1"])], out)
    print(report(looks, options.scans))
    return 0


if __name__ == "__main__":
    sys.exit(main())
