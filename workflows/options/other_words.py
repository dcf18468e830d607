"""Words of other BIDS Apps on the command line: understood, or answered.

Who comes from fMRIPrep, MRIQC, SPINEPS or TotalSegmentator writes what works there. Words that
mean the same are taken, and words that a run does without are left out, both with a note; those
that mean nothing here are answered with the reason; and a word that nobody knows with the nearest
one. Words that this program gives up go into `SYNONYMS` or `NOT_NEEDED`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from .value_types import Parser

LEVELS: Final = ("participant", "group")
TAKE_OPTIONS: Final = ("--sbatch-args", "--gpu-sbatch-args")
"""Options whose values look like options."""


class Synonym(NamedTuple):
    """A word that means the same as options of ours.

    Parameters
    ----------
    ours
        Our words for it; its value, if it has one, follows the last of them.
    source
        Where it comes from.
    """

    ours: tuple[str, ...]
    source: str


SYNONYMS: Final = {
    "--nthreads": Synonym(("--nprocs",), "fMRIPrep"),
    "--n-cpus": Synonym(("--nprocs",), "fMRIPrep, BIDS Apps"),
    "--ncpus": Synonym(("--nprocs",), "BIDS Apps"),
    "--n-procs": Synonym(("--nprocs",), "MRIQC"),
    "--n-jobs": Synonym(("--nprocs",), "BIDS Apps"),
    "--ants-nthreads": Synonym(("--omp-nthreads",), "MRIQC"),
    "--mem-mb": Synonym(("--mem",), "fMRIPrep"),
    "--use-plugin": Synonym(("--nipype-plugin-file",), "fMRIPrep, MRIQC"),
    "--participants-label": Synonym(("--participant-label",), "BIDS Apps"),
    "--subject-label": Synonym(("--participant-label",), "BIDS Apps"),
    "--skip-bids-validator": Synonym(("--skip-bids-validation",), "BIDS Apps"),
    "--no-sub": Synonym(("--notrack",), "MRIQC"),
    "--md-only-boilerplate": Synonym(("--boilerplate-only",), "fMRIPrep"),
    "--cpu": Synonym(("--device", "cpu"), "SPINEPS"),
    "--no-n4": Synonym(("--no-proc-sem-n4-bias-correction",), "SPINEPS"),
    "--no-crop": Synonym(("--no-proc-sem-crop-input",), "SPINEPS"),
    "--save-debug": Synonym(("--save-debug-data",), "SPINEPS"),
    "--enforce-12-thoracic": Synonym(("--proc-lab-force-no-tl-anomaly",), "SPINEPS"),
    "--batch-size": Synonym(("--proc-inst-batch-size",), "SPINEPS"),
    "--step-size": Synonym(("--proc-sem-step-size",), "SPINEPS"),
}
"""Words that are taken for others, spelled with hyphens."""
NOT_NEEDED: Final = {
    "--bids-database-dir": "every run lists the dataset anew, so that no scan is missed",
}
"""Words with a value that a run does without, and why."""
ANSWERS: Final = {
    "--output-spaces": "results lie on the grid of the scan; there are no templates",
    "--fs-license-file": "FreeSurfer is not used; leave it out",
    "--fs-no-reconall": "FreeSurfer is not used; leave it out",
    "--anat-only": "anatomical scans are segmented anyway; leave it out",
    "--task-id": "name tasks in a file: --bids-filter-file",
    "--run-id": "name runs in a file: --bids-filter-file",
    "--run-uuid": "every run has its own folder in OUTPUT_DIR/logs; leave it out",
    "--sloppy": "there is no such mode; --crop-box limits the work to a part of the scan",
    "--fast": "there is no such mode; docs/performance.md says what makes a run faster",
    "--random-seed": "results do not depend on chance; leave it out",
    "--output-layout-bids": "write --output-layout bids",
    "--rawdata-name": "BIDS_DIR is the folder that holds sub-*",
    "--derivative-name": "OUTPUT_DIR may be any folder",
    "--fetch-model": "nothing is downloaded in a run; use spineps-wf-models fetch",
}
"""Words that mean nothing here, and what to do instead."""


def understood(parser: Parser, argv: Sequence[str]) -> list[str]:
    """Arguments in the words of this program, with dataset, output and level in front.

    ``--participant_label`` is spelled ``--participant-label``. A word that is unknown, or that
    means nothing here, ends the program with a message.
    """
    words = _places_first(parser, list(_translated(parser, _with_hyphens(argv))))
    if len(words) > 3 and words[2] in LEVELS and words[3] in LEVELS:
        parser.error(f"one level a call: run {words[2]} first, then {words[3]}")
    return words


def tell_not_needed(parser: Parser, name: str) -> None:
    """Say that a word of `NOT_NEEDED` has no effect."""
    print(f"{parser.prog}: {name} is left out: {NOT_NEEDED[name]}", file=sys.stderr)


def _with_hyphens(argv: Sequence[str]) -> list[str]:
    """Arguments with hyphens in place of underscores in the names of options."""
    spelled: list[str] = []
    for argument in argv:
        if spelled and spelled[-1] in TAKE_OPTIONS:  # argparse would read an option of our own
            spelled[-1] += f"={argument}"
            continue
        name, equals, value = argument.partition("=")
        spelled.append(name.replace("_", "-") + equals + value if name[:2] == "--" else argument)
    return spelled


def _translated(parser: Parser, argv: Sequence[str]) -> Iterator[str]:
    """The same arguments, with words of others replaced."""
    known = parser._option_string_actions
    words = iter(argv)
    for argument in words:
        name, equals, value = argument.partition("=")
        if name[:2] != "--" or name == "--" or name in known:
            yield argument
        elif name in SYNONYMS:
            *others, last = SYNONYMS[name].ours
            print(f"{parser.prog}: {name} is read as {' '.join([*others, last])}", file=sys.stderr)
            yield from [*others, last + equals + value]
        elif name in NOT_NEEDED:
            tell_not_needed(parser, name)
            if not equals:
                next(words, None)
        elif name in ANSWERS:
            parser.error(f"argument {name}: {ANSWERS[name]}")
        else:
            near = get_close_matches(name, [*known, *SYNONYMS, *NOT_NEEDED], n=1, cutoff=0.6)
            hint = f"; did you mean {near[0]}?" if near else "; --help lists all options"
            parser.error(f"there is no option {name}{hint}")


def _places_first(parser: Parser, argv: list[str]) -> list[str]:
    """Arguments with dataset, output and level in front, where options come before them.

    An option that takes several values would swallow them otherwise.
    """
    if not argv or not argv[0].startswith("-"):
        return argv
    taken = _sure_values(parser, argv)
    for end in range(2, len(argv)):
        places = range(end - 2, end + 1)
        free = not any(argv[i].startswith("-") or i in taken for i in places)
        if argv[end] in LEVELS and free:
            return [*argv[end - 2 : end + 1], *argv[: end - 2], *argv[end + 1 :]]
    return argv


def _sure_values(parser: Parser, argv: Sequence[str]) -> set[int]:
    """Positions of arguments that can only be the value of the option before them."""
    taken: set[int] = set()
    for position, argument in enumerate(argv[:-1]):
        action: argparse.Action | None = parser._option_string_actions.get(argument)
        if action is not None and action.nargs != 0:
            taken.add(position + 1)
    return taken
