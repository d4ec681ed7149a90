"""The numbers that a field can take. Reading keeps whatever a source says; only edits are held to the ranges."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Final

from pydantic import Field
from pydantic.fields import FieldInfo

from paramc.ir.base import Model
from paramc.ir.prompt import Prompt

LARGEST: Final = 16384  # pixels of a side
LEAST, MOST, ABOVE = "minimum", "maximum", "exclusiveMinimum"  # as JSON Schema names them


def within(least: float | None = None, most: float | None = None, *, above: float | None = None) -> FieldInfo:
    """What to annotate a field with whose numbers lie in [least, most], or in (above, most]; the schema shows it."""
    limits = {LEAST: least, MOST: most, ABOVE: above}
    found: FieldInfo = Field(json_schema_extra={name: limit for name, limit in limits.items() if limit is not None})
    return found


FRACTION: Final = within(0, 1)
COUNT: Final = within(0)
POSITIVE: Final = within(1)
STEPS: Final = within(1, 10_000)
GUIDANCE: Final = within(-1000, 1000)
FACTOR: Final = within(above=0)
SIDES: Final = within(8, LARGEST)  # a latent cell at least
DERIVED_SIDES: Final = within(0, LARGEST)
LAYER: Final = within(-32, -1)
SEED: Final = within(-1)  # those beyond 64 bits are for `check` to name


def misfits(model: Model) -> Iterator[tuple[str, str]]:
    """(path, why) of the numbers in a model that their fields cannot take."""
    for name, value in model.__dict__.items():
        yield from misfit(type(model), name, value)


def misfit(owner: type[Model], name: str, value: object) -> Iterator[tuple[str, str]]:
    """The same for one field of `owner`; the numbers in a prompt are its text's."""
    if isinstance(value, Prompt):
        return
    items = value if isinstance(value, tuple) else (value,)
    extra = owner.model_fields[name].json_schema_extra
    for item in items:
        if isinstance(item, Model):
            yield from ((f"{name}.{path}", why) for path, why in misfits(item))
        elif why := _why(item, extra if isinstance(extra, dict) else {}):
            yield name, why


def _why(number: object, limits: Mapping[str, object]) -> str:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return ""
    if isinstance(number, float) and not isfinite(number):
        return "it is no finite number"
    least, most, above = (limits.get(name) for name in (LEAST, MOST, ABOVE))
    if isinstance(least, int | float) and number < least:
        return f"the least is {least}"
    if isinstance(most, int | float) and number > most:
        return f"the most is {most}"
    return f"it must be more than {above}" if isinstance(above, int | float) and number <= above else ""
