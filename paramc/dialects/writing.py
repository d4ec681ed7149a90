"""Runs as text that reads back as the same runs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from paramc.dialects.embeddings import BARE
from paramc.dialects.weights import BREAK, Run


class Writing(NamedTuple):
    """How a language spells runs: `escape` before each of the characters `escaped`, `weighted` around a weight.

    With `glue`, the runs stand without white space at their ends, and it stands between them. `embedding` is how a
    textual inversion is named.
    """

    escaped: str
    escape: str
    weighted: str
    new_chunk: str
    glue: str | None = None
    embedding: str = BARE

    def write(self, runs: Sequence[Run]) -> str:
        """The text of `runs`; a weight is the shortest decimal that reads back to the same number.

        The name of the break as a word can only be written where the text beside it has the opposite weight.
        """
        if self.glue is None:
            return "".join(self._pieces(runs))
        stripped = [(text.strip(), weight) for text, weight in runs if text.strip()]
        return self.glue.join(self._pieces(stripped))

    def _pieces(self, runs: Sequence[Run]) -> Iterator[str]:
        beside = [None, *runs, None]
        spaced = self.escape and self.escape not in self.escaped  # it would escape the bracket behind it
        for index, (text, weight) in enumerate(runs):
            if (text, weight) == BREAK:
                yield self.new_chunk
            elif text == BREAK[0]:
                yield self.weighted.format(text=text, weight=decimal(-weight))
            elif text:
                swallowed = (text[0].isspace() and beside[index] == BREAK) or (
                    text[-1].isspace() and beside[index + 2] == BREAK
                )
                piece = self._weighted(text, weight, always=swallowed)
                yield f"{piece} " if spaced and piece.endswith(self.escape) and beside[index + 2] else piece

    def _weighted(self, text: str, weight: float, *, always: bool) -> str:
        escaped = "".join(self.escape + sign if sign in self.escaped else sign for sign in text)
        return self.weighted.format(text=escaped, weight=decimal(weight)) if always or weight != 1 else escaped


def decimal(number: float) -> str:
    """The shortest decimal without exponent that reads back to `number`."""
    shortest = repr(float(number)).removesuffix(".0")
    if "e" not in shortest:
        return shortest
    from decimal import Decimal  # rarely needed

    return f"{Decimal(shortest):f}"
