"""Where messages of a run go."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from spineps_nipype.workflows.engine.run_log import run_log

OURS = logging.getLogger("spineps_nipype.test")


@pytest.mark.parametrize(("verbose", "shown"), [(0, ["loud"]), (1, ["loud", "soft"])])
def test_all_into_the_file_and_the_important_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verbose: int, shown: list[str]
) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    with run_log(tmp_path / "run.log", verbose):
        OURS.info("soft")
        OURS.warning("loud")
        logging.getLogger("nipype.workflow").error("theirs")
    assert (list(root.handlers), root.level) == before
    OURS.warning("afterwards")
    text = (tmp_path / "run.log").read_text()
    assert "INFO spineps_nipype.test: soft" in text
    assert "WARNING spineps_nipype.test: loud" in text
    assert "theirs" in text
    assert "afterwards" not in text
    out, printed = capsys.readouterr()
    assert out == ""
    for word in ("loud", "soft"):
        assert (word in printed) == (word in shown)
    assert "theirs" not in printed


def test_the_terminal_handler_of_nipype_is_silent_while_a_run_lasts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = logging.getLogger("nipype")
    before, handler = list(theirs.handlers), logging.StreamHandler()
    theirs.addHandler(handler)  # as Nipype does when it is imported
    try:
        with run_log(tmp_path / "run.log"):
            logging.getLogger("nipype.workflow").error("Traceback (most recent call last)")
        assert theirs.handlers == [*before, handler]
    finally:
        theirs.removeHandler(handler)
    assert capsys.readouterr() == ("", "")
    assert "Traceback" in (tmp_path / "run.log").read_text()


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_tracebacks_stand_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verbose: int
) -> None:
    path = tmp_path / "run.log"
    with run_log(path, verbose):
        try:
            raise ValueError("odd")
        except ValueError:
            OURS.exception("it failed")
    assert "Traceback" in path.read_text()
    printed = capsys.readouterr().err
    assert ("Traceback" in printed) == (verbose > 1)
    if verbose < 2:
        assert printed == f"ERROR: it failed (ValueError: odd; traceback: {path})\n"
