"""Where words go: a terminal, or the pipe in its place."""

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Console:
    """What a verb is told about its surroundings.

    `columns`: cells of the terminal that standard output is, None for a pipe or a file. `colour` is for standard output,
    `error_colour` for standard error. `interactive`: somebody types the standard input.
    """

    standard_input: BinaryIO
    columns: int | None = None
    colour: bool = False
    error_colour: bool = False
    interactive: bool = False
