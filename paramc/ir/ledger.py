"""What the source said, key by key, and what paramc understood of it."""

from typing import Final, TypeAlias

from paramc.diagnostics.model import Span
from paramc.ir.base import Model

Plain: TypeAlias = str | int | float | bool | None
MOST_SIGNS: Final = 5  # beside a key and its value: quotation marks, a colon, a space


class Stated(Model):
    """One entry of the source, exactly as spelt.

    `key` and `raw` are substrings of the source; a text without a key (a prompt, a trailing line) has the key "".
    `paths` are the IR values that it set, its own first (none: not understood, but kept), `read` their canonical text
    when read. `gap` is what stands between it and the next entry. Without a span it is no part of a text: only the
    spelling of a value, which a writer puts where it belongs.
    """

    key: str
    raw: str
    span: Span | None = None
    paths: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    problem: str | None = None
    gap: str = ", "

    @property
    def raw_span(self) -> Span | None:
        """Where the source has `raw` as it is; None where it is folded or escaped there."""
        if self.span is None:
            return None
        beside = self.span.end - self.span.start - len(self.key) - len(self.raw)
        return Span(self.span.end - len(self.raw), self.span.end) if beside <= (MOST_SIGNS if self.key else 0) else None


class Implied(Model):
    """A value that the source left unsaid; `because` is the rule that filled it in."""

    path: str
    read: str
    because: str


Ledger: TypeAlias = tuple[Stated, ...]
DRAWING: Final = "graph"  # key of the entry that holds the whole graph that a job was read from
DRAWER: Final = "producer.dialect"  # which it states


def drawing(ledger: Ledger) -> str | None:
    """The graph that a job was read from, where it was read from one."""
    return next((stated.raw for stated in ledger if stated.key == DRAWING and DRAWER in stated.paths), None)
