"""Functions and methods of Python's own that can be followed without a run: none reaches beyond the values of the
script that it is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from json import loads
from posixpath import join
from textwrap import dedent
from typing import Final

LONGEST: Final = 100_000  # characters or items of one value
MOST_COMPARED: Final = 1000  # items of a list that one is looked for in


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A function of Python's that is safe to follow.

    takes_anything: its arguments need not be known. makes_empty: without arguments it makes a new container.
    """

    give: Callable[..., object]
    takes_anything: bool = False
    ignores_keywords: bool = False
    makes_empty: bool = False


def _range(*bounds: int) -> list[int]:
    return list(islice(range(*bounds), LONGEST))


def _zip(*items: Sequence[object], strict: bool = False) -> list[object]:
    return [list(group) for group in zip(*items, strict=strict)]


def _enumerate(items: Sequence[object], start: int = 0) -> list[object]:
    return [[index, item] for index, item in enumerate(items, start)]


def _product(*items: Sequence[object]) -> list[object]:
    return [list(group) for group in islice(product(*items), LONGEST)]


def _join(glue: str, items: Sequence[str]) -> str:
    if sum(map(len, items)) + len(glue) * len(items) > LONGEST:
        raise ValueError("the text would be too long")
    return glue.join(items)


def _same(value: object, *_: object) -> object:
    return value


def _joined_path(*parts: str) -> str:
    """As pathlib joins: a part that is absolute begins anew, and no slash ends the path."""
    joined = join(*parts)
    return joined.rstrip("/") or joined[:1]


def _replaced(text: str, old: str, new: str) -> str:
    if old == "" or len(text) + text.count(old) * len(new) > LONGEST:
        raise ValueError("the text would be too long")
    return text.replace(old, new)


def _data(text: str) -> object:
    if len(text) > LONGEST:
        raise ValueError("the text is too long")
    return loads(text)


def _extended(items: list[object], more: Sequence[object]) -> None:
    if len(items) + len(more) > LONGEST:
        raise ValueError("the list would be too long")
    items.extend(more)


def _updated(table: dict[object, object], more: Mapping[object, object]) -> None:
    if len(table) + len(more) > LONGEST:
        raise ValueError("the table would be too long")
    table.update(more)


BUILTINS: Final[Mapping[str, BuiltIn]] = {
    "range": BuiltIn(_range),
    "tqdm": BuiltIn(_same, True, True),
    "tqdm.tqdm": BuiltIn(_same, True, True),
    "tqdm.auto.tqdm": BuiltIn(_same, True, True),
    "tqdm.notebook.tqdm": BuiltIn(_same, True, True),
    "tqdm.trange": BuiltIn(_range, False, True),
    "tqdm.auto.trange": BuiltIn(_range, False, True),
    "copy.copy": BuiltIn(_same, True),
    "copy.deepcopy": BuiltIn(_same, True),
    "pathlib.Path": BuiltIn(_joined_path),
    "os.path.join": BuiltIn(_joined_path),
    "os.path.expanduser": BuiltIn(_same),
    "os.path.abspath": BuiltIn(_same),
    "list": BuiltIn(list, True, makes_empty=True),
    "tuple": BuiltIn(list, True),
    "dict": BuiltIn(dict, True, makes_empty=True),
    "sorted": BuiltIn(sorted),
    "zip": BuiltIn(_zip, True),
    "enumerate": BuiltIn(_enumerate, True),
    "itertools.product": BuiltIn(_product, True),
    "len": BuiltIn(len, True),
    "int": BuiltIn(int),
    "float": BuiltIn(float),
    "str": BuiltIn(str),
    "bool": BuiltIn(bool),
    "round": BuiltIn(round),
    "abs": BuiltIn(abs),
    "min": BuiltIn(min),
    "max": BuiltIn(max),
    "sum": BuiltIn(sum),
    "reversed": BuiltIn(lambda items: list(reversed(items)), True),
    "set": BuiltIn(list, True, makes_empty=True),
    "repr": BuiltIn(repr),
    "textwrap.dedent": BuiltIn(dedent),
    "json.loads": BuiltIn(_data),
    "os.getenv": BuiltIn(lambda _, default: default),
    "os.environ.get": BuiltIn(lambda _, default: default),
}
METHODS: Final[Mapping[tuple[type, str], Callable[..., object]]] = {
    (str, "strip"): str.strip,
    (str, "lower"): str.lower,
    (str, "upper"): str.upper,
    (str, "join"): _join,
    (str, "split"): str.split,
    (str, "lstrip"): str.lstrip,
    (str, "rstrip"): str.rstrip,
    (str, "title"): str.title,
    (str, "capitalize"): str.capitalize,
    (str, "splitlines"): str.splitlines,
    (str, "startswith"): str.startswith,
    (str, "endswith"): str.endswith,
    (str, "removeprefix"): str.removeprefix,
    (str, "removesuffix"): str.removesuffix,
    (str, "replace"): _replaced,
    (dict, "items"): lambda table: [list(pair) for pair in table.items()],
    (dict, "keys"): list,
    (dict, "values"): lambda table: list(table.values()),
    (dict, "get"): dict.get,
    (dict, "copy"): dict.copy,
    (dict, "pop"): dict.pop,
    (list, "copy"): list.copy,
    (list, "pop"): list.pop,
    (list, "index"): lambda items, item: items.index(item, 0, MOST_COMPARED),
}
MUTATORS: Final[Mapping[tuple[type, str], Callable[..., object]]] = {  # their arguments need not be known
    (list, "append"): lambda items, item: _extended(items, [item]),
    (list, "extend"): _extended,
    (dict, "update"): _updated,
    (dict, "setdefault"): dict.setdefault,
}
