"""The demo in one command; networks are left to the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.workflows.commands import demo


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What spineps-wf is asked to do; it does nothing, and says that all is done."""
    asked: list[list[str]] = []
    monkeypatch.setattr(demo, "run", lambda words: asked.append(words) or 0)
    return asked


def test_a_dataset_is_written_segmented_and_shown(
    runs: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main([str(tmp_path), "--nprocs", "2"]) == 0
    bids, out, work = (str(tmp_path / name) for name in ("bids", "out", "work"))
    assert runs == [
        [bids, out, "participant", "-w", work, "--nprocs", "2"],
        [bids, out, "group"],
    ]
    scans = {path.name for path in (tmp_path / "bids").glob("sub-*/anat/*.nii.gz")}
    assert scans == {"sub-mri_acq-sag_T2w.nii.gz", "sub-phantom_acq-sag_T2w.nii.gz"}
    assert "group.html" in capsys.readouterr().out


def test_its_status_is_that_of_the_run(
    monkeypatch: pytest.MonkeyPatch, runs: list[list[str]], tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "run", lambda words: runs.append(words) or 3)
    monkeypatch.setattr(demo, "_write", lambda _: None)
    assert demo.main([str(tmp_path)]) == 3
    assert len(runs) == 1  # without results there is no page of them


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert demo.main([str(tmp_path / "file")]) == 1
    assert "file" in capsys.readouterr().err
