"""Axes of a sweep as they are written on a command line: `seed=1..4`, `sampler=euler,heun`, `prompt:cat=dog,fox`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Final, NamedTuple

from lark import Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import InvalidValue, UnknownName
from paramc.dialects.grammar import load_grammar
from paramc.dialects.names import FILE as NAMES
from paramc.dialects.names import Names, names_of
from paramc.dialects.registry import find_dialect
from paramc.ir.edits import edit_with_text
from paramc.ir.job import Job
from paramc.ir.names import is_known
from paramc.ir.paths import value_at
from paramc.ir.prompt import Prompt
from paramc.ir.sweep import MOST_CELLS, MOST_POINTS, Axis, Point, Replacement, Setting, Sweep, Value
from paramc.ir.wishes import full_path, meant
from paramc.resources import GRAMMARS

SHOWN: Final = 60  # characters of an axis that a message repeats
PLAINEST: Final = "a1111"  # whose names of samplers are understood where a program has none of its own
PROMPTS: Final = ("prompt", "negative")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class _Written(NamedTuple):
    """An axis as it is written; `old` is the text of a prompt that gives way, empty where a value is set."""

    name: str
    old: str
    values: tuple[str, ...]


def read_sweep(texts: Sequence[str], job: Job) -> Sweep:
    """The sweep of a job along the axes that the texts say. Raises InvalidValue, and UnknownName for a sampler."""
    sweep = Sweep(axes=tuple(read_axis(text, job) for text in texts))
    check_sweep(sweep, job)
    return sweep


def read_axis(text: str, job: Job) -> Axis:
    """One axis; labels of samplers are those of the program that the job comes from. Raises as above."""
    written = _parsed(text)
    if written.old:
        return Axis(name=written.old, points=tuple(_replacements(written)))
    path = _placed(full_path(written.name), job)
    if path is None:
        hint = meant(written.name) or "`paramc schema job` lists the paths"
        raise InvalidValue(diagnose("PC312", where=_short(written.name), piece=_short(written.name), hint=hint))
    return Axis(name=written.name, points=tuple(_point(path, value, job) for value in written.values))


def _placed(path: str | None, job: Job) -> str | None:
    """The path in the second pass, where the first one starts from no picture and so has no such value."""
    home, _, name = (path or "").partition(".")
    if (
        home == "task"
        and name not in type(job.task).model_fields
        and job.hires
        and name in type(job.hires).model_fields
    ):
        return f"stages.hires.{name}"
    return path


def check_sweep(sweep: Sweep, job: Job) -> None:
    """Raises InvalidValue for more cells than anybody wants, a path on two axes, and a text that no prompt has."""
    if sweep.count > MOST_CELLS:
        raise InvalidValue(diagnose("PC832", what="the sweep", count=sweep.count, most=MOST_CELLS))
    seen: dict[str, str] = {}
    for axis in sweep.axes:
        for path in _set_by(axis):
            if path in seen:
                raise InvalidValue(diagnose("PC834", path=path, one=seen[path], other=axis.name))
            seen[path] = axis.name
    for axis in sweep.axes:
        for edit in axis.points[0].edits if axis.points else ():
            if isinstance(edit, Replacement) and not _occurs(edit, job) and not {*edit.paths} & {*seen}:
                raise InvalidValue(diagnose("PC833", text=_short(edit.old), where=" or ".join(edit.paths)))


def _set_by(axis: Axis) -> tuple[str, ...]:
    edits = (edit for point in axis.points for edit in point.edits)
    return tuple(dict.fromkeys(edit.path for edit in edits if isinstance(edit, Setting)))


def _occurs(edit: Replacement, job: Job) -> bool:
    prompts = (value_at(job, path) for path in edit.paths)
    return any(isinstance(prompt, Prompt) and edit.old in prompt.text for prompt in prompts)


def _parsed(text: str) -> _Written:
    grammar = load_grammar(GRAMMARS / "shared" / "axis.lark")
    try:
        return _Reading().transform(grammar.parse(text))
    except UnexpectedInput as error:
        at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        rest = "" if at_end else text[error.pos_in_stream :]
        raise InvalidValue(diagnose("PC830", axis=_short(text), rest=_short(rest) or "the end")) from error
    except VisitError as error:
        if isinstance(error.orig_exc, InvalidValue):
            raise error.orig_exc from None
        raise


class _Reading(Transformer[Token, _Written]):
    """Tree → axis."""

    def start(self, parts: list[Token | tuple[str, ...]]) -> _Written:
        """Name, what gives way, values."""
        names = [_unquoted(part) for part in parts if isinstance(part, Token)]
        values = tuple(value for part in parts if isinstance(part, tuple) for value in part)
        demand_few(len(values), names[0])
        return _Written(names[0], names[1] if len(names) > 1 else "", values)

    @v_args(inline=True)
    def text(self, token: Token) -> tuple[str, ...]:
        """One value."""
        return (_unquoted(token),)

    @v_args(inline=True)
    def span(self, *numbers: Token) -> tuple[str, ...]:
        """All numbers of a range, its end included where the step meets it."""
        first, last, step = map(Decimal, (*numbers, "1")[:3])
        if not step:
            raise InvalidValue(diagnose("PC830", axis="..".join(numbers[:2]), rest=f"step {numbers[2]}"))
        count = int(abs(last - first) / abs(step)) + 1
        demand_few(count, "..".join(numbers[:2]))
        stride = abs(step) if last >= first else -abs(step)
        return tuple(plain_number(first + place * stride) for place in range(count))


def plain_number(number: Decimal) -> str:
    """Its digits, without an exponent or zeros that say nothing."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def demand_few(count: int, name: str) -> None:
    """Raises InvalidValue for more points than an axis may have."""
    if count > MOST_POINTS:
        raise InvalidValue(diagnose("PC832", what=f"`{_short(name)}`", count=count, most=MOST_POINTS))


def sampler_edits(path: str, label: str, names: Names) -> tuple[Setting, ...]:
    """A sampler by its label, with the schedule that its name may carry. Raises UnknownName."""
    pair = names.meant(label)
    if not is_known(pair.sampler):
        raise _unknown(label, "sampler", names.closest_sampler(label))
    found = [(path, pair.sampler), (f"{path.removesuffix('sampler')}schedule", pair.schedule)]
    return tuple(Setting(path=where, value=value) for where, value in found if value is not None)


def schedule_edits(path: str, label: str, names: Names) -> tuple[Setting, ...]:
    """A schedule by its label. Raises UnknownName."""
    schedule = names.schedule(label)
    if not is_known(schedule):
        raise _unknown(label, "schedule", names.closest_schedule(label))
    return (Setting(path=path, value=schedule),)


def setting(job: Job, path: str) -> Setting:
    """What a job has at a path. Raises InvalidValue for what is no single value."""
    value = value_at(job, path)
    plain = value.text if isinstance(value, Prompt) else value
    if not isinstance(plain, Value | None):
        raise InvalidValue(diagnose("PC311", where=path, value=_short(str(value)), why="no axis goes along it"))
    return Setting(path=path, value=plain)


def _replacements(written: _Written) -> Iterator[Point]:
    if written.name not in PROMPTS:
        raise InvalidValue(
            diagnose(
                "PC312", where=written.name, piece=written.old, hint="texts are replaced in `prompt` and `negative`"
            )
        )
    for value in written.values:
        yield Point(label=value, edits=(Replacement(paths=(written.name,), old=written.old, new=value),))


def _point(path: str, text: str, job: Job) -> Point:
    return Point(label=text, edits=_edits(path, text, job))


def _edits(path: str, text: str, job: Job) -> tuple[Setting, ...]:
    return _labelled(job, path, text) or (setting(edit_with_text(job, path, text), path),)


def labelled_edits(job: Job, path: str, text: str) -> tuple[Setting, ...]:
    """What a label of a sampler or a schedule sets; nothing for other values, and for labels that no table knows."""
    with suppress(UnknownName):
        return _labelled(job, path, text)
    return ()


def _labelled(job: Job, path: str, text: str) -> tuple[Setting, ...]:
    match path.rpartition(".")[2]:
        case "sampler":
            return sampler_edits(path, text, _names(job))
        case "schedule":
            return schedule_edits(path, text, _names(job))
        case _:
            return ()


def _names(job: Job) -> Names:
    dialect = find_dialect(job.producer.dialect)
    return names_of(dialect if dialect.path(NAMES) else find_dialect(PLAINEST))


def _unknown(label: str, kind: str, near: str | None) -> UnknownName:
    hint = f"did you mean `{near}`?" if near else f"`paramc list {kind}s` prints the known ones"
    return UnknownName(diagnose("PC310", name=_short(label), kind=kind, hint=hint))


def _unquoted(token: Token) -> str:
    if token.type != "STRING":
        return token.rstrip()
    return _ESCAPED.sub(r"\1", token[1:-1])


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
