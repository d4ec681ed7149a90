"""What is noted of a script while it is read: values by path, entries of the ledger, what is to be said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Span
from paramc.dialects.description import Dialect
from paramc.dialects.script.lines import Lines
from paramc.dialects.script.pictures import Painting, relatives
from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.values import Made, Set
from paramc.ir.ledger import Stated
from paramc.ir.places import Draft, place_of

CONTROLS: Final = "controls.controlnet[n]."


@dataclass(slots=True)
class Notes:
    """A script, what it calls and sets, and the Job so far; `before` is how many calls go before the painting."""

    dialect: Dialect
    meanings: Meanings
    lines: Lines
    calls: Sequence[Made]
    sets: Sequence[Set]
    draft: Draft = field(default_factory=Draft)
    ledger: list[Stated] = field(default_factory=list)
    said: list[Diagnostic] = field(default_factory=list)
    before: int = 0

    def unread(self, name: str, place: Span | None, code: str) -> None:
        text = self.lines.text(place) if place else ""
        line = self.lines.line_of(place) if place else 1
        self.said.append(diagnose(code, place, "not read", name=name, line=line))
        if place is not None:
            self.ledger.append(Stated(key=name, raw=text, span=place, problem=code))

    def state(self, name: str, place: Span, *paths: str) -> None:
        self.ledger.append(Stated(key=name, raw=self.lines.text(place), span=place, paths=paths))

    def first_line(self, call: Made) -> Span:
        """The first line of a call."""
        text = self.lines.text(call.span)
        return Span(call.span.start, call.span.start + len(text.partition("\n")[0]))

    def put(self, path: str, value: object, number: int = 0) -> None:
        self.draft.put(place_of(path), number, value)

    def get(self, path: str, number: int = 0) -> object:
        return self.draft.get(place_of(path), number)

    def methods(self, painting: Painting) -> Iterator[Made]:
        """The methods called before on a pipeline and its parts, and on those that it shares its parts with."""
        made = list(relatives(painting.pipeline, self.meanings))
        return (call for maker in made for call in maker.calls if call.when < self.before)

    def units(self) -> int:
        """How many units steer so far."""
        return len({number for part, number in self.draft.parts if part == place_of(f"{CONTROLS}unit").part})
