"""Names from words of others, and names that are too long."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.core.safe_names import LONGEST, check_lengths, safe_below, safe_name
from spineps_nipype.errors import InputError

WORDS = st.text(st.characters() | st.sampled_from("/\\.\0 \n"), max_size=300)


@given(WORDS)
def test_a_safe_name_is_one_name_in_its_folder(text: str) -> None:
    name = safe_name(text)
    assert name
    assert len(name.encode()) <= LONGEST
    assert "/" not in name
    assert "\0" not in name
    assert name.isprintable()
    place = (Path("/out") / f"mask_{name}.nii.gz").resolve()
    assert place.parent == Path("/out")
    assert (Path("/out") / name).resolve().parent == Path("/out")
    assert safe_name(name) == name


@given(WORDS)
def test_a_safe_path_stays_below(text: str) -> None:
    place = safe_below(text)
    if place is not None:
        assert (Path("/data") / place).resolve().is_relative_to("/data")


@pytest.mark.parametrize("name", ["spinal_cord", "lvl1", "grey matter", "left-right", "C2/C3"])
def test_usual_words_stay_readable(name: str) -> None:
    assert safe_name(name) == name.replace("/", "-")


@pytest.mark.parametrize(("length", "fits"), [(240, True), (250, False), (300, False)])
def test_names_are_measured_while_they_are_written(
    tmp_path: Path, length: int, fits: bool
) -> None:
    path = tmp_path / "not yet" / ("a" * length)
    if fits:
        check_lengths({path: "results"}, Path("scan.nii.gz"))
        return
    with pytest.raises(InputError, match=r"name of its results .* allows 255.*scan\.nii\.gz"):
        check_lengths({path: "results"}, Path("scan.nii.gz"))


def test_paths_are_measured(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["b" * 200] * 21)
    with pytest.raises(InputError, match="path of its results"):
        check_lengths({path: "results"}, Path("scan.nii.gz"))
