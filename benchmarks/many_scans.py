"""How the cost of looking at finished scans grows with their number: CPU seconds a scan.

    python benchmarks/many_scans.py FOLDER [--scans 20 60 180] [--write table.md]

One small scan (the MR sample of TPTBox) is segmented once. Its results then stand for those of
any number of scans, which are links to it, and the commands that only read results run on them:
a dry run, a run that has nothing left to do (with the pages of all subjects), and the group
level. Scheduling is a run of as many scans whose nodes do nothing. Each runs in a process of its
own; what start-up costs is left out of the cost of a further scan.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final

from spineps_nipype.bids.made_datasets import describe_made

MODEL_SUBJECT: Final = "sub-model"
COMMANDS: Final = {
    "dry run": ("participant", "--dry-run"),
    "run, all done": ("participant",),
    "group level": ("group",),
}
SCHEDULING: Final = "scheduling"
NUMBERS: Final = (20, 60, 180)
TEXTS: Final = frozenset({".json", ".js", ".html"})
SCHEDULER: Final = Path(__file__).parent / "timing" / "scheduling.py"
COMMAND_LINE: Final = "import sys; from spineps_nipype.workflows.cli import main; sys.exit(main())"


def sample_scan() -> Path:
    """The MR sample that TPTBox brings."""
    return next(Path(str(files("TPTBox") / "tests/sample_mri")).glob("*T2w.nii.gz"))


def segment_one(folder: Path) -> Path:
    """Results of one small scan, made once; returns their folder."""
    dataset, out = folder / "one", folder / "one-out"
    if not (out / MODEL_SUBJECT).is_dir():
        scan = dataset / MODEL_SUBJECT / "anat" / f"{MODEL_SUBJECT}_T2w.nii.gz"
        scan.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sample_scan(), scan)
        describe_made(dataset, "Links to one scan")
        segment(dataset, out, folder / "one-work", "participant")
    return out


def multiply(folder: Path, number: int) -> tuple[Path, Path]:
    """Dataset of so many links to the scan, and as many copies of its results."""
    dataset, out = folder / f"bids-{number}", folder / f"out-{number}"
    shutil.rmtree(out, ignore_errors=True)
    describe_made(dataset, "Links to one scan")
    scan = folder / "one" / MODEL_SUBJECT / "anat" / f"{MODEL_SUBJECT}_T2w.nii.gz"
    made = folder / "one-out"
    results = [p for p in sorted(made.rglob("*")) if p.is_file() and "logs" not in p.parts]
    for index in range(number):
        subject = link_scan(dataset, index, scan)
        for result in results:
            copy_result(result, out / str(result.relative_to(made)), subject)
    return dataset, out


def link_scan(dataset: Path, index: int, scan: Path) -> str:
    """Make a scan that of a further subject of a dataset; returns the subject."""
    subject = f"sub-{index:05d}"
    link = dataset / subject / "anat" / f"{subject}_T2w.nii.gz"
    if not link.is_file():
        link.parent.mkdir(parents=True)
        link.hardlink_to(scan)  # a symbolic one would be the same scan again
    return subject


def copy_result(result: Path, target: Path, subject: str) -> None:
    """A result of the scan under the name of another subject: a link, text as a copy."""
    target = Path(str(target).replace(MODEL_SUBJECT, subject))
    if target.exists():  # shared by all subjects
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if result.suffix in TEXTS:
        text = result.read_text(encoding="utf-8").replace(MODEL_SUBJECT, subject)
        target.write_text(text, encoding="utf-8")
    else:
        os.link(result, target)


def segment(dataset: Path, out: Path, work: Path, *words: str) -> float:
    """CPU seconds of a command of ``spineps-wf``."""
    level, *options = words
    if level == "participant":
        options += ["-w", str(work), "--nprocs", "1"]
    return cpu_seconds(["-c", COMMAND_LINE, str(dataset), str(out), level, *options])


def cpu_seconds(words: Sequence[str]) -> float:
    """CPU seconds of a Python process and of those that it waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise RuntimeError(f"{' '.join(words)} failed:\n{said}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def further(numbers: Sequence[int], seconds: Sequence[float]) -> str:
    """Cost of a further scan, and how much more it costs at the end than at the beginning.

    Growth is the cost of a scan among the last ones by that among the first ones beyond the
    smallest number; 1 is linear. With two numbers there is nothing to compare.
    """
    costs = [
        (more - less) / (n - m)
        for (m, less), (n, more) in pairwise(zip(numbers, seconds, strict=True))
    ]
    if not costs:
        return "– | –"
    growth = f"{costs[-1] / costs[0]:.2f} ×" if len(costs) > 1 and costs[0] > 0 else "–"
    return f"{1000 * costs[-1]:.0f} ms | {growth}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where data sets and results go")
    parser.add_argument("--scans", nargs="+", type=int, default=list(NUMBERS))
    parser.add_argument("--write", type=Path, help="file for the table (Markdown)")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    segment_one(options.folder)
    numbers = sorted(options.scans)
    rows = [
        f"| command | {' | '.join(f'{n} scans' for n in numbers)} | a further scan | growth |",
        "|---" * (len(numbers) + 3) + "|",
    ]
    measured: dict[str, list[float]] = {name: [] for name in (*COMMANDS, SCHEDULING)}
    for number in numbers:
        dataset, out = multiply(options.folder, number)
        found = {
            name: segment(dataset, out, options.folder / "work", *words)
            for name, words in COMMANDS.items()
        }
        nodes = options.folder / "nodes"
        found[SCHEDULING] = cpu_seconds([str(SCHEDULER), str(nodes), str(number)])
        for name, seconds in found.items():
            measured[name].append(seconds)
            print(f"{name}, {number} scans: {seconds:.1f} CPU s", flush=True)
    for name, several in measured.items():
        cells = " | ".join(f"{value:.1f}" for value in several)
        rows.append(f"| {name} | {cells} | {further(numbers, several)} |")
    print(*rows, sep="\n")
    if options.write:
        options.write.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
