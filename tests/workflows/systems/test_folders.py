"""Folders of a run that cannot be its folders are refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.errors import OutputError
from spineps_nipype.workflows.options.run_options import Folders
from spineps_nipype.workflows.systems.scan_jobs import check_folders


@pytest.mark.parametrize("below", ["", "below", "far/below"])
@pytest.mark.parametrize("which", ["output", "work"])
def test_a_folder_that_is_a_file_or_below_one(tmp_path: Path, which: str, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "bids").mkdir()
    places = {"output": tmp_path / "out", "work": tmp_path / "work", which: file / below}
    folders = Folders(tmp_path / "bids", places["output"], places["work"])
    with pytest.raises(OutputError, match=f"{which} folder .* {file} is a file") as caught:
        check_folders(folders)
    assert caught.value.file == file / below


def test_folders_in_the_dataset(tmp_path: Path) -> None:
    bids = tmp_path / "bids"
    (bids / "sub-1").mkdir(parents=True)
    for place in (bids, bids / "sub-1" / "out", bids / "derivatives"):
        with pytest.raises(OutputError, match="lies in the dataset"):
            check_folders(Folders(bids, place, tmp_path / "work"))
        with pytest.raises(OutputError, match="lies in the dataset"):
            check_folders(Folders(bids, tmp_path / "out", place))
    check_folders(Folders(bids, bids / "derivatives" / "spineps", tmp_path / "work"))
