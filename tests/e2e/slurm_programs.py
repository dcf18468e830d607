"""SLURM's commands, written down as they are called, and failing when a test says so."""

from __future__ import annotations

import shutil
from pathlib import Path

WRAPPER = """\
#!/bin/bash
printf '%s\\t' "$@" >> '{folder}/{name}.calls'
echo >> '{folder}/{name}.calls'
if [ -s '{folder}/{name}.fails' ]; then
    head -n 1 '{folder}/{name}.fails' | tee -a '{folder}/{name}.failed' >&2
    sed -i 1d '{folder}/{name}.fails'
    exit 1
fi
output=$('{program}' "$@")
status=$?
[ -n "$output" ] && echo "$output"
word=$(cat '{folder}/cancel' 2>/dev/null)
if [ '{name}' = sbatch ] && [ -n "$word" ] && [[ "$*" == *"$word"* ]]; then
    rm '{folder}/cancel'
    '{scancel}' "$output"
fi
exit $status
"""


class SlurmPrograms:
    """Wrappers of sbatch and squeue in a folder for the front of PATH.

    Parameters
    ----------
    folder
        Folder that is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in ("sbatch", "squeue"):
            text = WRAPPER.format(
                folder=folder,
                name=name,
                program=shutil.which(name),
                scancel=shutil.which("scancel"),
            )
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def fail(self, name: str, message: str, times: int = 1) -> None:
        """Let a program fail with a message."""
        (self.folder / f"{name}.fails").write_text(f"{message}\n" * times)

    def failed(self, name: str) -> int:
        """How often a program has failed because a test said so."""
        file = self.folder / f"{name}.failed"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def cancel(self, word: str) -> None:
        """Cancel the next job in whose submission a word occurs."""
        (self.folder / "cancel").write_text(word)

    def calls(self, name: str) -> list[list[str]]:
        """Words of each call of a program."""
        file = self.folder / f"{name}.calls"
        if not file.exists():
            return []
        return [line.rstrip("\t").split("\t") for line in file.read_text().splitlines()]

    def jobs(self, since: int = 0) -> dict[str, list[str]]:
        """Words of each submission by the name of the job, after so many calls of sbatch."""
        named = {}
        for words in self.calls("sbatch")[since:]:
            name = next(word for word in words if word.startswith("--job-name="))
            named[name.partition("=")[2]] = words
        return named
