"""The dictionary that a UI's own reader makes of a settings text: losses, defaults and compatibility included."""

from collections.abc import Mapping
from functools import cache, partial

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ReadError
from paramc.diagnostics.unknown import unknown_name
from paramc.dialects.compat import Compat, OldHires
from paramc.dialects.description import Dialect
from paramc.dialects.found import FieldValue, Found, OptionValue, Step
from paramc.dialects.infotext import read_like_ui
from paramc.dialects.language import language_of
from paramc.dialects.layout import reading
from paramc.dialects.modules import Modules, SecondModules
from paramc.dialects.settings import read_settings
from paramc.dialects.steps import Append, Emphasis, Fill, Rewrite, SetFields, SetPrompts, Skip
from paramc.dialects.styles import Styles
from paramc.dialects.typed import Imply, SetOptionalPrompts, SetSizes, SetTypedFields
from paramc.dialects.weights import BREAK
from paramc.tables import Table, TableError, as_row, section

_FILE = "history.toml"
_STEPS: Mapping[str, type[Step]] = {
    "append": Append,
    "compat": Compat,
    "emphasis": Emphasis,
    "fields": SetFields,
    "fill": Fill,
    "imply": Imply,
    "modules": Modules,
    "old_hires": OldHires,
    "optional_prompts": SetOptionalPrompts,
    "prompts": SetPrompts,
    "rewrite": Rewrite,
    "second_modules": SecondModules,
    "sizes": SetSizes,
    "skip": Skip,
    "styles": Styles,
    "typed_fields": SetTypedFields,
}


def ui_fields(text: str, dialect: Dialect, **options: OptionValue) -> dict[str, FieldValue]:
    """Keys and values as the UI's own reader gives them, in its order.

    `options` are settings of the UI that its reader looks at, those of `options` in history.toml. Raises ReadError
    where the UI itself fails, UnknownName for an option that it does not have.
    """
    prompts, read = read_like_ui(text, dialect)
    found = Found(
        prompt=prompts.prompt.text,
        negative=prompts.negative.text,
        pairs=read.pairs,
        line=text[read.pairs[0].key_start :] if read.pairs else "",
        how=reading(dialect),
        options=_chosen(dialect, options),
        reread=lambda line: read_settings(line, 0, dialect).pairs,
        weighs=partial(_weighs, dialect),
        uncommented=partial(_uncommented, dialect),
    )
    try:
        for step in _steps(dialect):
            step.apply(found)
    except (ValueError, ArithmeticError) as error:
        raise ReadError(diagnose("PC300", ui=dialect.title, why=str(error))) from error
    return found.fields


def _weighs(dialect: Dialect, prompt: str) -> bool:
    """Does the prompt weight anything? Raises ReadError for a malformed weight, as the UI does."""
    weights = language_of(dialect).weights
    # strict runs take quadratic time where brackets are deep, and whether anything weighs does not hang on the depth
    if problems := weights.problems(prompt):
        raise ReadError(problems[0])
    return any(weight != 1.0 and text != BREAK[0] for text, weight in weights.runs(prompt))


def _uncommented(dialect: Dialect, prompt: str) -> str:
    return language_of(dialect).comments.remove(prompt)


@cache
def _steps(dialect: Dialect) -> tuple[Step, ...]:
    where = f"{dialect.name}/{_FILE}"
    table = dialect.table(_FILE)
    rows, order = section(table, "steps", where), table.get("order", [])
    if not isinstance(order, list):
        raise TableError(f"{where}: `order` is not a list of steps")
    return tuple(_step(section(rows, str(name), where), f"{where}: steps.{name}") for name in order)


def _step(row: Table, where: str) -> Step:
    name = str(row.get("do"))
    if name not in _STEPS:
        raise TableError(f"{where}: no step is called `{name}`, known: {', '.join(_STEPS)}")
    return as_row({key: value for key, value in row.items() if key != "do"}, _STEPS[name], where)


@cache
def _defaults(dialect: Dialect) -> Mapping[str, OptionValue]:
    return section(dialect.table(_FILE), "options", f"{dialect.name}/{_FILE}")  # type: ignore[return-value]  # plain values


def _chosen(dialect: Dialect, options: Mapping[str, OptionValue]) -> Mapping[str, OptionValue]:
    defaults = _defaults(dialect)
    for name in options:
        if name not in defaults:
            raise unknown_name(f"option of {dialect.title}", name, defaults)
    return {**defaults, **options}
