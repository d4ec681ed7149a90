"""What the reading of a settings text finds: prompts, pairs in source order, and everything else by its place."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from paramc.diagnostics.model import Diagnostic, Span

Part: TypeAlias = Literal["prompt", "negative", "label", "key", "value", "stray", "trailing", "gap"]


class Pair(NamedTuple):
    """One `key: value` of the text. `raw` is the value as spelt, quotes included; `value` what it says."""

    key: str
    raw: str
    value: str
    key_start: int
    value_start: int

    @property
    def key_span(self) -> Span:
        return Span(self.key_start, self.key_start + len(self.key))

    @property
    def value_span(self) -> Span:
        return Span(self.value_start, self.value_start + len(self.raw))

    @property
    def span(self) -> Span:
        return Span(self.key_start, self.value_start + len(self.raw))

    @property
    def dropped(self) -> bool:
        """Is it without a value? The UI then acts as if the key were absent."""
        return not self.raw

    @property
    def size(self) -> tuple[str, str] | None:
        """Width and height of a value like `512x768`, which the UI splits over `key-1` and `key-2`."""
        width, x, height = self.value.partition("x")
        return (width, height) if x and width.isdecimal() and height.isdecimal() else None


class Passage(NamedTuple):
    """A prompt. `span` covers it without label and outer white space: replacing that range replaces the prompt.

    `text` is what the UI reads there: each line stripped, leading empty lines gone. An absent prompt has an empty span.
    """

    text: str
    span: Span


class Scanned(NamedTuple):
    """A settings text read to the last character.

    `labels` are the places of the words that open the negative prompt, none when it is absent; `stray` is what stands
    among the fields and belongs to none; `trailing` are lines after the fields that are no fields.
    """

    source: str
    prompt: Passage
    negative: Passage
    pairs: tuple[Pair, ...]
    labels: tuple[Span, ...] = ()
    stray: tuple[Span, ...] = ()
    trailing: tuple[Span, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    def parts(self) -> Iterator[tuple[Part, Span]]:
        """The whole source, piece by piece and without overlap; a `gap` holds only white space and punctuation."""
        reached = 0
        for part, span in self._marked():
            if reached < span.start:
                yield "gap", Span(reached, span.start)
            if reached < span.end:
                yield part, Span(max(reached, span.start), span.end)
                reached = span.end
        if reached < len(self.source):
            yield "gap", Span(reached, len(self.source))

    def _marked(self) -> list[tuple[Part, Span]]:
        places: dict[Part, Sequence[Span]] = {
            "prompt": [self.prompt.span],
            "negative": [self.negative.span],
            "label": self.labels,
            "key": [pair.key_span for pair in self.pairs],
            "value": [pair.value_span for pair in self.pairs],
            "stray": self.stray,
            "trailing": self.trailing,
        }
        marked: list[tuple[Part, Span]] = [
            (part, span) for part, spans in places.items() for span in spans if span.start < span.end
        ]
        return sorted(marked, key=lambda item: item[1])
