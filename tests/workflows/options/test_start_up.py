"""Commands whose surroundings fail: standard streams, the current folder, the temporary folder."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from spineps_nipype.workflows import cli
from spineps_nipype.workflows.options.run_options import Folders, RunOptions
from spineps_nipype.workflows.options.start_up import LenientStream, output_is_lost, run_command

LIST = ("spineps_nipype.workflows.commands.models", "list")
COMMANDS = (
    ("spineps_nipype.workflows.cli", "--help"),
    ("spineps_nipype.workflows.commands.convert", "--help"),
    ("spineps_nipype.workflows.commands.sc_epi", "-h"),
    LIST,
)
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def run(shell: str, words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell line that ends with it."""
    line = shell.format(command=" ".join([sys.executable, "-m", *words]))
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=folder, timeout=120
    )


@needs_full
@pytest.mark.parametrize("words", COMMANDS)
def test_full_standard_output(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run("{command} > /dev/full", words, tmp_path)
    assert "standard output could not be written: No space left on device." in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if words == LIST:
        assert done.returncode == 1


@pytest.mark.parametrize("words", [LIST])
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-", "| true"])
def test_closed_standard_streams(words: tuple[str, ...], closed: str, tmp_path: Path) -> None:
    done = run("set -o pipefail; {command} " + closed, words, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", COMMANDS)
def test_current_folder_that_was_deleted(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(f"mkdir gone; cd gone; rmdir {tmp_path}/gone; {{command}}", words, tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Change to another folder (cd)" in done.stderr


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from spineps_nipype.workflows.options.start_up import run_command\n"
        f"run_command('x', lambda: open({str(tmp_path / 'f')!r}, 'w').fileno() < 3)\n"
        f"sys.exit(os.stat({str(tmp_path / 'f')!r}).st_size)"
    )
    done = subprocess.run(["bash", "-c", f'{sys.executable} -c "$0" <&- >&- 2>&-', code])
    assert done.returncode == 0


def test_a_command_looks_for_garbage_seldom_and_not_at_its_end() -> None:
    code = (
        "import atexit, gc\n"
        "from spineps_nipype.workflows.options.start_up import run_command\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
        "before = gc.get_threshold()[0]\n"
        "run_command('x', lambda: 0)\n"
        "print(gc.get_threshold()[0] == before)\n"
        "run_command('x', lambda: 0, own_process=True)\n"
        "print(gc.get_threshold()[0] > before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True", "True"]


def test_a_stream_that_works_is_untouched(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout

    def body() -> int:
        print("words")
        assert isinstance(sys.stdout, LenientStream)
        assert not output_is_lost()
        return 3

    assert run_command("program", body) == 3
    assert sys.stdout is before
    assert capsys.readouterr() == ("words\n", "")


def test_the_status_of_a_run_whose_words_are_lost_is_kept() -> None:
    read, write = os.pipe()
    os.close(read)
    before = sys.stdout
    with open(write, "w") as stream:
        sys.stdout = stream
        try:
            assert run_command("program", lambda: print("words") or 0) == 0
        finally:
            sys.stdout = before


def test_no_folder_for_temporary_files(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert run_command("program", lambda: len(tempfile.gettempdir())) == 1
    assert "Set TMPDIR to one that can be written." in capsys.readouterr().err
    folders = Folders(tmp_path / "bids", tmp_path / "out")
    assert folders.output_dir in cli._writable(RunOptions(folders))


@pytest.mark.parametrize("module", ["cli", "commands.convert", "commands.sc_epi"])
@pytest.mark.parametrize("name", ["ümläut", "spine"])
def test_names_are_utf8_in_every_locale(tmp_path: Path, name: str, module: str) -> None:
    """A dataset below a folder with letters that the locale does not know."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "a.nii.gz").touch()
    words = {
        "cli": f"{folder} {folder}/out group",
        "commands.convert": f"--from spineps --to totalspineseg {folder}/a.nii.gz {folder}/b.nii",
        "commands.sc_epi": f"-i {folder}/a.nii.gz -o {folder}/b.nii.gz",
    }[module]
    ascii_only = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 {command} "
    done = run(ascii_only + words, [f"spineps_nipype.workflows.{module}"], tmp_path)
    assert "Traceback" not in done.stderr
    assert name in done.stdout + done.stderr
    assert "UTF-8" not in done.stderr


@pytest.mark.parametrize("place", ["bids", "out", "work"])
def test_a_folder_whose_name_is_not_utf8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    folders = {name: str(tmp_path / name) for name in ("bids", "out", "work")}
    folders[place] = os.fsdecode(os.fsencode(folders[place]) + b"_M\xfcller")
    Path(folders["bids"]).mkdir()
    with pytest.raises(SystemExit) as stop:
        cli.main([folders["bids"], folders["out"], "participant", "-w", folders["work"]])
    assert stop.value.code == 2
    assert f"{place}_M\\udcfcller' is not UTF-8; rename the folder" in capsys.readouterr().err


def test_a_name_that_is_not_utf8_anywhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("program", lambda: len("a\udcfc".encode())) == 1
    assert "The name 'a\\udcfc' is not UTF-8. Rename" in capsys.readouterr().err


def test_a_letter_that_the_terminal_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    assert run_command("program", lambda: print("Müller \u2026 \udcfc") or 0) == 0
    assert raw.getvalue() == b"M\xfcller \\u2026 \\udcfc\n"
