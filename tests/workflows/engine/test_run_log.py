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
    printed = capsys.readouterr().err
    for word in ("loud", "soft"):
        assert (word in printed) == (word in shown)
    assert "theirs" not in printed
