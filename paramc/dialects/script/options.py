"""Options of a command line as a script declares them: what they are worth where nobody types any."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from paramc.diagnostics.model import Span
from paramc.dialects.script.values import Computed, Made, Named

PARSERS: Final = ("ArgumentParser",)
ADDS: Final = "add_argument"
PARSES: Final = {"parse_args": False, "parse_known_args": True, "parse_intermixed_args": False}  # gives the rest too?
DECLARED: Final = ("Option", "Argument", "Input", "Query", "Field", "field", "Form", "Body", "option", "argument")
HANDLER: Final = ("fn", "inputs")  # of a call that has a function run later on
_SWITCHES: Final[Mapping[str, bool]] = {"store_true": False, "store_false": True}
_TYPES: Final[Mapping[str, Callable[[str], object]]] = {"int": int, "float": float, "str": str}
_NOTHING: Final = object()


def is_parser(made: object) -> bool:
    """Is it a parser of arguments?"""
    return isinstance(made, Made) and made.name.rpartition(".")[2] in PARSERS


def values_of(parser: Made) -> dict[str, object]:
    """The value of every option by its name; of one that has to be typed only a run tells."""
    found: dict[str, object] = {}
    for call in _added(parser):
        if call.name == "set_defaults":
            found |= call.keywords
        names = [item for item in call.arguments if isinstance(item, str)]
        if call.name == ADDS and names:
            found[_name(names, call.keywords.get("dest"))] = _value(call, names)
    return found


def _added(parser: Made, depth: int = 0) -> Iterator[Made]:
    """The calls on a parser and on its groups."""
    for call in parser.calls:
        yield call
        if depth < 3:  # groups in groups
            yield from _added(call, depth + 1)


def _name(names: list[str], asked: object) -> str:
    if isinstance(asked, str):
        return asked
    chosen = next((name for name in names if name.startswith("--")), names[0])
    return chosen.lstrip("-").replace("-", "_")


def _value(call: Made, names: list[str]) -> object:
    told = call.keywords
    if "default" in told:
        return _typed(told["default"], told.get("type"), call.span)
    action = told.get("action")
    if isinstance(action, str) and action in _SWITCHES:
        return _SWITCHES[action]
    is_typed = told.get("required") is True or not names[0].startswith("-")
    return Computed(call.span) if is_typed and told.get("nargs") not in ("?", "*") else None


def _typed(value: object, kind: object, span: Span) -> object:
    """A default that is text goes through the type, as if it had been typed."""
    convert = _TYPES.get(kind.name) if isinstance(kind, Named) else None
    if convert is None or not isinstance(value, str):
        return value
    try:
        return convert(value)
    except ValueError:
        return Computed(span)


def default_of(value: object) -> object:
    """The default of a parameter, or that of the option which stands in its place."""
    if not isinstance(value, Made) or value.name.rpartition(".")[2] not in DECLARED:
        return value
    told = value.keywords.get("default", value.arguments[0] if value.arguments else _NOTHING)
    return Computed(value.span) if told is _NOTHING or told is ... else told


def handler_of(call: Made) -> tuple[object, list[object]]:
    """What a call has run later on, and what the fields hold that it will be told; None for a call of another kind."""
    told = dict(zip(HANDLER, call.arguments, strict=False)) | call.keywords
    fields = told.get(HANDLER[1])
    fields = fields if isinstance(fields, list) else [fields] if isinstance(fields, Made) else None
    return (told.get(HANDLER[0]), [_held(item) for item in fields]) if fields else (None, [])


def _held(field: object) -> object:
    """The value that a field of a page begins with."""
    return field.keywords.get("value", Computed(field.span)) if isinstance(field, Made) else field


def declared_by(decorator: object) -> tuple[str, object] | None:
    """Parameter and default that a decorator gives; None for one that gives none."""
    if not isinstance(decorator, Made) or decorator.name.rpartition(".")[2] not in DECLARED:
        return None
    names = [item for item in decorator.arguments if isinstance(item, str)]
    if not names:
        return None
    flag = decorator.keywords.get("is_flag") is True
    default = decorator.keywords.get("default", False if flag else Computed(decorator.span))
    return _name(names, names[-1] if not names[-1].startswith("-") else None), default
