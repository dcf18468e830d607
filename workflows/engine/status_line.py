"""What a run shows on a terminal or writes into a log: lines that stay, and one that moves."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final, TextIO

from tqdm import tqdm

REFRESH: Final = 1.0
"""Time between two updates of the moving line [s]."""
FORMAT: Final = "[{percentage:3.0f}%] {desc} {bar}"


class StatusLine:
    """Lines of a run; on a terminal the last of them moves, elsewhere there is no moving line.

    Parameters
    ----------
    stream
        Where the lines go. That it is full or closed stops no run.
    """

    def __init__(self, stream: TextIO) -> None:
        self.moves = stream.isatty()
        self._stream, self._shown = stream, 0.0
        # Silent until there is something to say: tqdm would draw an empty bar at once.
        self._bar = tqdm(
            total=1.0,
            file=stream,
            bar_format=FORMAT,
            leave=False,
            dynamic_ncols=True,
            delay=1e-9,
            disable=not self.moves,
        )

    @property
    def is_due(self) -> bool:
        """Whether the moving line is older than `REFRESH`."""
        return self.moves and time.monotonic() - self._shown >= REFRESH

    def show(self, fraction: float, text: str) -> None:
        """Write the moving line anew.

        Parameters
        ----------
        fraction
            Share of the work that is done, from 0 to 1.
        text
            What stands beside it.
        """
        self._shown = time.monotonic()
        self._bar.n = fraction
        with suppress(OSError, ValueError):
            self._bar.set_description_str(text, refresh=True)

    def say(self, text: str) -> None:
        """Write lines that stay."""
        with suppress(OSError, ValueError):
            tqdm.write(text, file=self._stream)
            self._stream.flush()

    def end(self) -> None:
        """Remove the moving line."""
        with suppress(OSError, ValueError):
            self._bar.close()
