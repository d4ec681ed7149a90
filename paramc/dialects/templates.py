"""Prompt templates: what a text of Dynamic Prompts is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple, TypeAlias, cast

from lark import Lark, Token

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Span
from paramc.dialects.grammar import load_grammar
from paramc.dialects.template_pairing import TemplatePairing
from paramc.resources import GRAMMARS

GRAMMAR: Final = GRAMMARS / "dynamicprompts" / "template.lark"
MODES: Final = "~!@"
COMMA: Final = ","
MOST_REMARKS: Final = 20
REMEMBERED: Final = 1000  # templates: values of wildcards are read again and again


class Option(NamedTuple):
    """One of several texts, with its share."""

    weight: float
    nodes: "Nodes"


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """From `low` to `high` of the options (None: all), without repetition. `mode` is how, where it is not as usual."""

    options: Sequence[Option]
    mode: str = ""
    low: int = 1
    high: int | None = 1
    separator: str = COMMA


@dataclass(frozen=True, slots=True, eq=False)
class Wildcard:
    """One line of the files that `name` fits, with variables that hold inside of it."""

    name: str
    mode: str
    variables: Sequence[tuple[str, str]]
    spelt: Token


@dataclass(frozen=True, slots=True, eq=False)
class Assign:
    """A variable gets a value: worked out `at_once` or whenever it is used, and not if it is to `keep` one it has."""

    name: str
    value: "Nodes"
    at_once: bool
    keep: bool


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """The value of a variable, or else the `default`."""

    name: str
    default: "Nodes"


@dataclass(frozen=True, slots=True, eq=False)
class Wrap:
    """`inside`, put where `around` has three dots."""

    around: "Nodes"
    inside: "Nodes"


Node: TypeAlias = Token | Pick | Wildcard | Assign | Use | Wrap
Nodes: TypeAlias = Sequence[Node]


class TemplateReader:
    """Callbacks of the grammar: nodes from tokens."""

    def start(self, children: Sequence[Nodes]) -> Nodes:
        return children[0]

    def body(self, children: Nodes) -> Nodes:
        return children

    def option(self, children: Sequence[Token | Nodes]) -> Option:
        nodes = cast("Nodes", children[-1])
        if nodes and isinstance(nodes[0], Token):
            nodes = (Token(nodes[0].type, nodes[0].lstrip(), nodes[0].start_pos), *nodes[1:])
        return Option(float(cast("Token", children[0]).strip()[:-2]) if len(children) > 1 else 1.0, nodes)

    def choice(self, children: Sequence[Token | Option]) -> Pick:
        heads = {child.type: str(child) for child in children if isinstance(child, Token)}
        options = [child for child in children if isinstance(child, Option)]
        low, high = _bounds(heads.get("COUNT", "1").strip().removesuffix("$$"))
        separator = heads["SEPARATOR"][:-2] if "SEPARATOR" in heads else COMMA
        return Pick(options, heads.get("MODE", ""), low, high, separator)

    def wildcard(self, children: Sequence[Token]) -> Wildcard:
        inner = children[0][2:-2]
        mode = inner[0] if inner[0] in MODES else ""
        name, _, given = inner.removeprefix(mode).rstrip(")").partition("(")
        pairs = (item.partition("=") for item in given.split(",") if "=" in item)
        return Wildcard(name.strip(), mode, [(key.strip(), value.strip()) for key, _, value in pairs], children[0])

    def assign(self, children: Sequence[Token | Nodes]) -> Assign:
        head = str(children[0])
        return Assign(_variable(head), cast("Nodes", children[1]), head.endswith("!"), "?" in head)

    def use(self, children: Sequence[Token]) -> Use:
        return Use(_variable(children[0]), ())

    def fallback(self, children: Sequence[Token | Nodes]) -> Use:
        return Use(_variable(str(children[0])), cast("Nodes", children[1]))

    def wrap(self, children: Sequence[Token | Nodes]) -> Wrap:
        return Wrap(cast("Nodes", children[1]), cast("Nodes", children[3]))


@lru_cache(maxsize=REMEMBERED)
def read_template(text: str) -> Nodes:
    """What the text is made of; any text can be."""
    return cast("Nodes", _grammar().parse(text))


def remark_template(nodes: Nodes) -> Iterator[Diagnostic]:
    """The signs for which the program refuses the whole template; they are text here."""
    for sign, _ in zip(_strays(nodes), range(MOST_REMARKS), strict=False):
        start = sign.start_pos or 0
        yield diagnose("PC228", Span(start, start + len(sign)), "text here", sign=sign.strip())


@cache
def _grammar() -> Lark:
    return load_grammar(GRAMMAR, lexer="basic", postlex=TemplatePairing(), callbacks=TemplateReader())


def _strays(nodes: Nodes) -> Iterator[Token]:
    waiting = [iter(nodes)]
    while waiting:
        node = next(waiting[-1], None)
        match node:
            case None:
                waiting.pop()
            case Token() if node.type == "STRAY":
                yield node
            case Pick():
                waiting.extend(iter(option.nodes) for option in reversed(node.options))
            case Assign():
                waiting.append(iter(node.value))
            case Use():
                waiting.append(iter(node.default))
            case Wrap():
                waiting += (iter(node.inside), iter(node.around))
            case _:
                pass


def _bounds(spelt: str) -> tuple[int, int | None]:
    low, dash, high = spelt.partition("-")
    if not dash:
        return int(low), int(low)
    bounds = int(low or 1), int(high) if high else None
    return bounds if bounds[1] is None else (min(bounds[0], bounds[1]), max(bounds[0], bounds[1]))


def _variable(head: str) -> str:
    return head[2:].rstrip("?=!:} ").strip()
