"""The errors carry the codes of SPINEPS, on every way that they travel."""

from __future__ import annotations

import pickle
from enum import Enum
from pathlib import Path

import pytest

from spineps_nipype import errors
from spineps_nipype.errors import ErrCode, SpinepsError

CODES = {
    "SpinepsError": ErrCode.UNKNOWN,
    "InputError": ErrCode.SHAPE,
    "CompatibilityError": ErrCode.COMPATIBILITY,
    "EmptyResultError": ErrCode.EMPTY,
    "NoSeedError": ErrCode.UNKNOWN,
    "ModelError": ErrCode.UNKNOWN,
    "ResourceError": ErrCode.UNKNOWN,
    "OutputError": ErrCode.UNKNOWN,
}
CLASSES = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, SpinepsError)]


def test_codes_have_the_numbers_of_spineps() -> None:
    assert {code.name: code.value for code in ErrCode} == {
        "OK": 1,
        "ALL_DONE": 2,
        "COMPATIBILITY": 3,
        "UNKNOWN": 4,
        "EMPTY": 5,
        "SHAPE": 6,
    }


def test_codes_equal_words_and_codes_of_others() -> None:
    class Theirs(Enum):
        EMPTY = 5
        SHAPE = 7

    assert ErrCode.EMPTY == "EMPTY"
    assert ErrCode.EMPTY == Theirs.EMPTY
    assert ErrCode.SHAPE != Theirs.SHAPE
    assert ErrCode.EMPTY != 5
    assert hash(ErrCode.EMPTY) == 5
    assert str(ErrCode.EMPTY) == "ErrCode.EMPTY"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_every_error_has_its_code_and_keeps_its_words(kind: type[SpinepsError]) -> None:
    error = kind("It is flat.", file=Path("a.nii"), remedy="Give a volume.")
    assert error.code is CODES[kind.__name__]
    assert str(error) == "It is flat. [a.nii] Give a volume."
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.what, again.file, again.remedy) == (error.what, error.file, error.remedy)
    assert str(kind("Only this.")) == "Only this."
