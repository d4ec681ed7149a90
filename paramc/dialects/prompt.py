"""Prompts: text → IR, the passes over a text one by one, and all of them in their order."""

from typing import NamedTuple, TypeAlias

from lark import Token

from paramc.diagnostics.arguments import demand
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, InvalidValue, Span
from paramc.dialects.description import Dialect
from paramc.dialects.edits import Choice, Nodes, Schedule, Switch, levels
from paramc.dialects.language import Language, language_of
from paramc.dialects.networks import Untagged
from paramc.dialects.version import Version
from paramc.dialects.weights import Runs
from paramc.ir.base import trusted
from paramc.ir.prompt import DEEPEST_BODY, Alternate, Body, Branch, Edit, Literal, Opaque, Part, Prompt

MOST_STEPS = 100_000  # an alternation has an entry for each


def read_prompt(text: str, dialect: Dialect, *, version: Version | None = None) -> Prompt:
    """A positive prompt: its networks, and its branches with their edits. The text may be any text.

    `version` of the program that reads it; without one, the newest.
    """
    language = language_of(dialect, version)
    untagged = language.networks.split(text)
    return trusted(Prompt)(
        text=text,
        networks=tuple(language.networks.network(tag) for tag in untagged.tags),
        branches=tuple(
            trusted(Branch)(
                weight=part.weight,
                text=part.text,
                body=_body(language, untagged, part.text, part.start),
                span=untagged.origin(part.start, part.start + len(part.text)),
            )
            for part in language.branches.split(untagged.text)
        ),
    )


def read_negative(text: str, dialect: Dialect, *, version: Version | None = None) -> Prompt:
    """A negative prompt: edits only. Tags and AND are words in it."""
    language = language_of(dialect, version)
    whole = Untagged(text, (), (), ())
    body = _body(language, whole, text, 0)
    return trusted(Prompt)(text=text, branches=(trusted(Branch)(text=text, body=body, span=Span(0, len(text))),))


def expand(
    text: str,
    dialect: Dialect,
    steps: int,
    hires_steps: int | None = None,
    legacy: bool = False,
    *,
    version: Version | None = None,
) -> Schedule:
    """(last step, text) pairs of one branch; steps count model calls from 1. See Edits.schedule."""
    return language_of(dialect, version).edits.schedule(text, steps, hires_steps, legacy=legacy)


def weigh(text: str, dialect: Dialect, *, strict: bool = False, version: Version | None = None) -> Runs:
    """The runs of an expanded text. See Weights.runs."""
    return language_of(dialect, version).weights.runs(text, strict=strict)


NetworkArguments: TypeAlias = dict[str, list[str] | dict[str, str]]


class PromptReading:
    """A text as one program's passes understand it, each pass on its own and on the text as given."""

    def __init__(self, text: str, language: Language, *, strict: bool = False) -> None:
        self._source = text
        self._language = language
        self._strict = strict

    @property
    def text(self) -> str:
        """The text without its network tags."""
        return self._language.networks.split(self._source).text

    def networks(self) -> dict[str, list[NetworkArguments]]:
        """The network tags by kind: `items` are all arguments, of which some are `positional` and others `named`."""
        found: dict[str, list[NetworkArguments]] = {}
        for tag in self._language.networks.split(self._source).tags:
            arguments: NetworkArguments = {
                "items": list(tag.items),
                "positional": list(tag.positional),
                "named": dict(tag.named),
            }
            found.setdefault(tag.kind, []).append(arguments)
        return found

    def branches(self) -> tuple[tuple[str, float], ...]:
        """(text, weight) of the parts between ANDs."""
        return tuple((part.text, part.weight) for part in self._language.branches.split(self._source))

    def schedule(self, steps: int, hires_steps: int | None = None, legacy: bool = False) -> Schedule:
        """(last step, text) pairs of a pass of `steps` model calls, or of the second pass of `hires_steps`.

        `legacy` counts as before A1111 1.6.0. Raises InvalidValue for a number of steps beyond MOST_STEPS.
        """
        for name, number in (("steps", steps), ("hires_steps", 0 if hires_steps is None else hires_steps)):
            demand(name, number, int, "a whole number")
            if not 0 <= number <= MOST_STEPS:
                raise InvalidValue(diagnose("PC314", argument=name, wanted=f"0 to {MOST_STEPS}", value=number))
        return self._language.edits.schedule(self._source, steps, hires_steps, legacy=legacy)

    def runs(self) -> Runs:
        """(text, weight) pairs; ("BREAK", -1) starts a new chunk. Raises ReadError in strict mode, see Weights.runs."""
        return self._language.weights.runs(self._source, strict=self._strict)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is remarkable about the text as a positive prompt."""
        from paramc.dialects.prompt_remarks import remark_prompt  # only where somebody asks

        return remark_prompt(self._source, self._language)

    def __repr__(self) -> str:
        return f"PromptReading({self._source!r}, {self._language.name!r})"


def _body(language: Language, untagged: Untagged, text: str, start: int) -> Body:
    return _parts(_Place(text, start, untagged), language.edits.read(text).nodes, 0)


class _Place(NamedTuple):
    """A branch: its text, where that begins in the untagged text, and where this came from."""

    text: str
    start: int
    untagged: Untagged

    def origin(self, span: Span) -> Span:
        return self.untagged.origin(self.start + span.start, self.start + span.end)


def _parts(place: _Place, nodes: Nodes, depth: int) -> Body:
    return tuple(_part(place, node, depth) for node in nodes)


def _part(place: _Place, node: Token | Switch | Choice, depth: int) -> Part:
    if isinstance(node, Token):
        return trusted(Literal)(text=str(node))
    span = place.origin(node.span)
    inside = depth + levels(node)
    if inside > DEEPEST_BODY:
        return trusted(Opaque)(text=place.text[slice(*node.span)], reason="nested too deeply", span=span)
    match node:
        case Switch():
            before, after = _parts(place, node.before, inside), _parts(place, node.after, inside)
            return trusted(Edit)(before=before, after=after, when=node.when, fraction=node.dotted, span=span)
        case Choice():
            options = tuple(_parts(place, option, inside) for option in node.options)
            return trusted(Alternate)(options=options, span=span)
