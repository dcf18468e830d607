from __future__ import annotations

import pytest

from spineps_nipype.core.verdicts import worst


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("pass", "fail", "look"), "fail"),
        (("look", "pass"), "look"),
        (("pass",), "pass"),
        (("n/a", None, "pass"), "pass"),
        (("n/a", ""), None),
        ((), None),
    ],
)
def test_the_worst_of_some_verdicts(said: tuple[str | None, ...], expected: str | None) -> None:
    assert worst(said) == expected
