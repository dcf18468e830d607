"""Files that people write, in the encodings and with the separators of their programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.bids.corrections import read_fixed_names
from spineps_nipype.bids.query import read_filter_file
from spineps_nipype.core.files import read_json
from spineps_nipype.core.text_files import parse_json, parse_table, read_text
from spineps_nipype.errors import InputError
from spineps_nipype.workflows.cli import build_parser
from spineps_nipype.workflows.options.config_file import parse_with_config

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
encodings = pytest.mark.parametrize("encoding", ENCODINGS)


@encodings
def test_filter_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "filter.json"
    path.write_text('{"t2w": {"acquisition": "säg"}}', encoding=encoding)
    assert read_filter_file(path) == {"T2w": {"acquisition": "säg"}}


@encodings
def test_configuration(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text("nprocs = 3\r\n", encoding=encoding)
    given = ["/b", "/o", "participant", "--config-file", str(path)]
    assert parse_with_config(build_parser(), given).nprocs == 3


@encodings
@pytest.mark.parametrize("separator", ["\t", ";", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_table_of_names(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    rows = ["scan name found", "sub-ä_T2w.nii.gz L1 T12", "", "sub-ä_T2w L2 L1"]
    path = tmp_path / "labels.tsv"
    path.write_bytes((end.join(rows).replace(" ", separator) + end).encode(encoding))
    assert read_fixed_names(path) == {"sub-ä_T2w": [(20, 19, None), (21, 20, None)]}


def test_decimal_commas_beside_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("scan;name;x;y;z\nsub-a_T2w;L1;1,5;-20,25;3\n")
    assert read_fixed_names(path) == {"sub-a_T2w": [(20, None, (1.5, -20.25, 3.0))]}


def test_foreign_bytes_and_deep_json_are_said(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes('{"t2w": {"acquisition": "säg"}}'.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8; save the file as UTF-8"):
        read_filter_file(path)
    with pytest.raises(InputError, match="save the file as UTF-8"):
        read_fixed_names(path)
    path.write_text("[" * 200_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(path)
    assert read_json(path) == {}


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(content)
    for read in (read_text, parse_json, lambda p: parse_table(p, ("scan", "name"))):
        try:
            read(path)
        except ValueError as fault:
            assert str(fault)  # noqa: PT017


@given(st.dictionaries(st.text(min_size=1), st.integers()), st.sampled_from(ENCODINGS))
def test_json_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, int], encoding: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "file.json"
    path.write_text(json.dumps(content), encoding=encoding)
    assert parse_json(path) == content
