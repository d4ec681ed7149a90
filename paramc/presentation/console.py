"""Where words go: terminals, or the pipes in their place."""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from paramc.diagnostics.render import Pen


class Screen(NamedTuple):
    """`columns`: cells of a terminal, None for a pipe or a file; `colour`: whether it may be coloured.

    fine: it says that it has all colours, and not 256.
    """

    columns: int | None = None
    colour: bool = False
    fine: bool = False

    @property
    def pen(self) -> Pen:
        """What colours a text, or leaves it alone."""
        return Pen(self.colour)


def nobody(text: str) -> None:
    """Hears of nothing."""


class Console(NamedTuple):
    """What a verb is told about its surroundings. `interactive`: somebody types the standard input.

    `notify` shows a text at once to those who watch the terminal, and to nobody else.
    """

    standard_input: BinaryIO
    output: Screen = Screen()
    errors: Screen = Screen()
    interactive: bool = False
    notify: Callable[[str], None] = nobody
