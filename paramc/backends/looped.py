"""A sweep as one script: the scripts of its cells, told apart, and what differs between them put into a loop.

The scripts of two cells of one sweep differ in constants and perhaps in the scheduler that is set. Constants that vary
become lists, in the order of the axes; what uses them is the body of the loop, everything before it is done once.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, NamedTuple

from paramc.backends.description import Target
from paramc.backends.literals import INDENT, LINE, Value, call, columns, shown
from paramc.backends.template import templates_of
from paramc.ir.sweep import Sweep

TEMPLATE: Final = "sweep.py.j2"
SCHEDULER: Final = "pipe.scheduler"  # what the templates call the part that a sampler decides
CHOSEN: Final = "scheduler"  # the name of one of them in the loop
PIPE: Final = "pipe"
SAVE: Final = "save"
NEEDED: Final = {"itertools": (), "PIL": ("Image", "ImageDraw", "ImageFont")}  # by the loop and the sheet


_ARGUMENT = re.compile(r"( +)(\w+=[\w.]+)\((.+)\),")


class Unlike(Exception):  # noqa: N818  # reads as what happened
    """The scripts differ in more than a loop can say."""


class LoopAxis(NamedTuple):
    """A list that is walked: its name, the variables that take its values, and these in order."""

    name: str
    variables: tuple[str, ...]
    values: tuple[Value, ...]

    @property
    def is_constant(self) -> bool:
        """Is it written at the top? Schedulers are made where there is a pipeline."""
        return self.name.isupper()

    @property
    def variable(self) -> str:
        """What stands behind `for`."""
        return ", ".join(self.variables)

    @property
    def target(self) -> str:
        """The same among others."""
        return self.variable if len(self.variables) == 1 else f"({self.variable})"


@dataclass(frozen=True, slots=True)
class Looped:
    """The parts of the script, source text but for the axes and labels. `picture`: the name of one that is finished."""

    head: str
    modules: Mapping[str, tuple[str, ...]]
    constants: str
    axes: tuple[LoopAxis, ...]
    labels: tuple[tuple[str, ...], ...]
    setup: str
    schedulers: tuple[str, ...]
    body: str
    picture: str


@dataclass(frozen=True, slots=True)
class _Script:
    """A script taken apart. `scheduler` is where among the statements one is set, and how; -1 for nowhere."""

    head: tuple[str, ...]
    modules: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str]  # with the remarks above them
    values: Mapping[str, Value]
    statements: tuple[str, ...]
    place: int
    scheduler: str


def loop_script(sources: Sequence[str], sweep: Sweep, target: Target) -> str:
    """The script of a whole sweep, from the scripts of its cells in their order. Raises Unlike."""
    parts = looped(sources, sweep)
    names = ", ".join(shown(axis.name) for axis in sweep.axes)
    return templates_of(target.folder).get_template(TEMPLATE).render(loop=parts, names=names, count=sweep.count)


def looped(sources: Sequence[str], sweep: Sweep) -> Looped:
    """The loop over scripts, one for each cell in the order of the sweep. Raises Unlike where none can say them all."""
    scripts = [_without_records(_taken_apart(source)) for source in sources]
    first = scripts[0]
    if any(_shape(script) != _shape(first) for script in scripts):
        raise Unlike("statements")
    varied = [name for name in first.values if any(script.values[name] != first.values[name] for script in scripts)]
    cells = [{name: script.values[name] for name in varied} for script in scripts]
    if any(script.scheduler != first.scheduler for script in scripts):
        varied.append(CHOSEN)
        cells = [cell | {CHOSEN: script.scheduler} for cell, script in zip(cells, scripts, strict=True)]
    axes = _axes(varied, cells, sweep, taken=_words(first))
    made = next((axis.values for axis in axes if axis.variables == (CHOSEN,)), ())
    setup, body, picture = _parted(first, varied)
    return Looped(
        head="\n".join(dict.fromkeys(chain.from_iterable(script.head for script in scripts))).rstrip(),
        modules=_merged([*(script.modules for script in scripts), NEEDED]),
        constants="\n".join(text for name, text in first.constants.items() if name not in varied),
        axes=axes,
        labels=tuple(axis.titles for axis in reversed(sweep.axes)),
        setup="\n".join(setup).rstrip(),
        schedulers=tuple(_item(str(source)) for source in made),
        body="\n".join(_indented(text, varied) for text in body),
        picture=picture,
    )


def _without_records(script: _Script) -> _Script:
    """The script without constants that nothing in it uses: the settings of one cell are not those of the sweep."""
    used = {*re.findall(r"\w+", "\n".join(script.statements))}
    constants = {name: text for name, text in script.constants.items() if name in used}
    values = {name: value for name, value in script.values.items() if name in used}
    return replace(script, constants=constants, values=values)


def _shape(script: _Script) -> tuple[object, ...]:
    return (script.statements, script.place, tuple(script.constants))


def _words(script: _Script) -> set[str]:
    """Every name that the script may use."""
    return {*re.findall(r"\w+", "\n".join(script.statements)), *script.values}


def _axes(
    varied: Sequence[str], cells: Sequence[Mapping[str, Value]], sweep: Sweep, taken: set[str]
) -> tuple[LoopAxis, ...]:
    """One list for each axis, the quickest last; one list of whole cells where a constant follows two axes."""
    by_place = dict(zip(sweep.places(), cells, strict=True))
    start = (0,) * len(sweep.axes)
    axes: list[LoopAxis] = []
    for number, axis in reversed([*enumerate(sweep.axes)]):
        points = [by_place[(*start[:number], step, *start[number + 1 :])] for step in range(len(axis.points))]
        own = [name for name in varied if any(point[name] != points[0][name] for point in points)]
        follows = all(cell[name] == points[place[number]][name] for place, cell in by_place.items() for name in own)
        if not own or not follows:
            return (_axis(varied, cells, taken),)
        axes.append(_axis(own, points, taken))
    return tuple(axes)


def _axis(names: Sequence[str], points: Sequence[Mapping[str, Value]], taken: set[str]) -> LoopAxis:
    if CHOSEN in names and len(names) > 1:
        raise Unlike(CHOSEN)
    whole = "_".join(names)
    plural = f"{whole}s" if CHOSEN in names else f"{whole}S"
    name = f"{whole}_VALUES" if plural in taken or whole.endswith("S") else plural
    values = tuple(point[names[0]] if len(names) == 1 else tuple(point[each] for each in names) for point in points)
    return LoopAxis(name, tuple(each.lower() for each in names), values)


def _parted(script: _Script, varied: Sequence[str]) -> tuple[list[str], list[str], str]:
    """What is done once, what is done for each picture, and what that is called.

    Loading is done once where nothing that varies has a part in it. All that follows is done anew, since random numbers
    are used up by every picture.
    """
    *statements, last = (_Statement(text) for text in script.statements)
    scheduler = f"\n{SCHEDULER} = {CHOSEN if CHOSEN in varied else script.scheduler}"
    if script.place >= 0:
        statements.insert(script.place, _Statement(scheduler, sets_scheduler=True))
    loaded = max((place for place, statement in enumerate(statements) if statement.loads), default=-1)
    spoiled = _spoiled(statements[: loaded + 1], {*varied})
    once = [
        statement.is_definition or (place <= loaded and not (statement.reads | statement.writes) & spoiled)
        for place, statement in enumerate(statements)
    ]
    if any(statement.is_definition and statement.reads & {*varied} for statement in statements):
        raise Unlike("functions")
    body = [statement.text for statement, first in zip(statements, once, strict=True) if not first]
    setup = [statement.text for statement, first in zip(statements, once, strict=True) if first]
    return setup, [body[0].lstrip("\n"), *body[1:]] if body else [], _saved(last.text)


def _spoiled(statements: Sequence["_Statement"], names: set[str]) -> set[str]:
    """The names whose values depend on `names`; what is loaded into a thing spoils the thing from its beginning on."""
    while True:
        writing = [statement for statement in statements if statement.reads & names]
        more = {name for statement in writing for name in statement.writes} - names
        if not more:
            return names
        names = names | more
        names |= {name for statement in statements if statement.writes & names for name in statement.writes}


class _Statement:
    """A statement with the remarks above it: the names that it reads, and those whose values it makes or changes."""

    def __init__(self, text: str, *, sets_scheduler: bool = False) -> None:
        self.text = text
        (node,) = ast.parse(text).body
        self.is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
        names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
        stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        changed = set() if sets_scheduler else {*_changed(node)}
        self.reads = {name.id for name in names if isinstance(name.ctx, ast.Load)}
        self.writes = set() if self.is_definition else stored | changed
        self.loads = PIPE in changed and not self.is_definition


def _changed(node: ast.stmt) -> Iterator[str]:
    """The names of things whose methods are called without asking for a result."""
    for each in ast.walk(node):
        match each:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
                yield name
            case _:
                continue


def _saved(text: str) -> str:
    """The picture that the last statement writes into a file; the first where it writes several."""
    match ast.parse(text).body:
        case [ast.Expr(value=ast.Call(func=ast.Attribute(value=picture, attr=attribute)))] if attribute == SAVE:
            return ast.unparse(picture)
        case [
            ast.For(
                iter=ast.Call(args=[ast.Name(id=pictures)]),
                body=[ast.Expr(value=ast.Call(func=ast.Attribute(attr=attribute)))],
            )
        ] if attribute == SAVE:
            return f"{pictures}[0]"
        case _:
            raise Unlike("ending")


def _code(text: str) -> str:
    """Without remarks."""
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))


def _indented(text: str, varied: Sequence[str]) -> str:
    """A statement in the loop, with variables instead of constants, laid out anew where it became too long."""
    for name in varied:
        text = re.sub(rf"\b{name}\b", name.lower(), text)
    *before, code = text.split("\n") if _is_line(text) else text.split("\n", 0)
    if "\n" not in code and columns(INDENT + code) > LINE:
        code = _exploded(code)
    lines = [f"{INDENT}{line}" if line else line for line in (*before, *code.split("\n"))]
    fitted = [part for line in lines for part in _fitted(line)]
    if any(columns(line) > LINE for line in fitted):
        raise Unlike("a long line")
    return "\n".join(fitted)


def _fitted(line: str) -> list[str]:
    """A line, or an argument that is a call too long for one, over three."""
    found = _ARGUMENT.fullmatch(line) if columns(line) > LINE else None
    return [f"{found[1]}{found[2]}(", f"{found[1]}{INDENT}{found[3]}", f"{found[1]}),"] if found else [line]


def _is_line(text: str) -> bool:
    """Is the statement on one line, remarks above it aside?"""
    return "\n" not in _code(text).strip("\n")


def _exploded(text: str) -> str:
    """The outermost call of a statement with an argument a line."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    found = max(calls, key=lambda node: (node.end_col_offset or 0) - node.col_offset, default=None)
    if found is None or not text.isascii():
        raise Unlike("a long line")
    arguments = [ast.get_source_segment(text, node) or "" for node in (*found.args, *found.keywords)]
    before, after = text[: found.func.end_col_offset], text[found.end_col_offset :]
    first, *others = call(before, arguments, after, indent=INDENT).split("\n")
    return "\n".join((first, *(line.removeprefix(INDENT) for line in others)))


def _item(source: str) -> str:
    """A scheduler in the list of them."""
    node = ast.parse(source).body[0]
    match node:
        case ast.Expr(value=ast.Call(func=made, args=[], keywords=keywords)):
            arguments = [ast.get_source_segment(source, keyword) or "" for keyword in keywords]
            return call(ast.unparse(made), arguments, ",", indent=INDENT)
        case _:
            raise Unlike("schedulers")


def _merged(tables: Sequence[Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for table in tables:
        for module, offered in table.items():
            names[module] = tuple(dict.fromkeys((*names.get(module, ()), *offered)))
    return names


def _taken_apart(source: str) -> _Script:
    lines = source.split("\n")
    nodes = ast.parse(source).body
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    head = lines[: imports[0].lineno - 1]
    constants: dict[str, str] = {}
    values: dict[str, Value] = {}
    statements: list[str] = []
    place, scheduler = -1, ""
    end = imports[-1].end_lineno or 0
    for node in nodes[nodes.index(imports[-1]) + 1 :]:
        text = "\n".join(lines[end : node.end_lineno])
        end = node.end_lineno or end
        name = _constant(node)
        if name is not None and isinstance(node, ast.Assign):
            constants[name] = text.strip("\n")
            values[name] = ast.literal_eval(node.value)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == SCHEDULER:
            if place >= 0:
                raise Unlike("two schedulers")
            place, scheduler = len(statements), ast.get_source_segment(source, node.value) or ""
        else:
            statements.append(text)
    return _Script(tuple(_bullets(head)), _modules(imports), constants, values, tuple(statements), place, scheduler)


def _constant(node: ast.stmt) -> str | None:
    """The name of a constant that holds a plain value."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
            try:
                ast.literal_eval(value)
            except ValueError:
                return None
            return name
        case _:
            return None


def _bullets(head: Sequence[str]) -> Iterator[str]:
    """The lines of the head; those that go on with the one before belong to it."""
    kept: list[str] = []
    for line in head:
        if kept and line.startswith("#   "):
            kept[-1] += f"\n{line}"
        else:
            kept.append(line)
    return iter(kept)


def _modules(imports: Sequence[ast.stmt]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for node in imports:
        match node:
            case ast.Import(names=names):
                found |= {alias.name: () for alias in names}
            case ast.ImportFrom(module=str() as module, names=names):
                found[module] = tuple(alias.name for alias in names)
            case _:
                continue
    return found
