"""The calls of a script, grouped: which pipelines paint, what each one was made of, and what happens in between."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.values import CALLED, Made, Named, Part, origins


class Painting(NamedTuple):
    """One call of a pipeline. `before` are the calls since the painting before it."""

    call: Made
    pipeline: Made
    name: str  # the class of the pipeline
    before: Sequence[Made]

    def follows(self, other: "Painting") -> bool:
        """Does this call take up what the other one painted?"""
        taken = [self.call.keywords.get("image"), *self.call.arguments[1:2], self.call.keywords.get("latents")]
        return any(reaches(value, other.call) for value in taken)


def reaches(value: object, call: Made) -> bool:
    """Does a value come from a call, over as many steps as it takes?"""
    waiting, seen = list(origins(value)), set[int]()
    while waiting:
        made = waiting.pop()
        if made is call:
            return True
        if id(made) not in seen:
            seen.add(id(made))
            waiting += origins(made.owner, *made.arguments, *made.keywords.values())
    return False


def paintings(calls: Sequence[Made], meanings: Meanings) -> Iterator[Painting]:
    """Every call of a pipeline, in order."""
    start = 0
    for index, call in enumerate(calls):
        if call.name != CALLED or not isinstance(call.owner, Made):
            continue
        pipeline = call.owner
        name = pipeline_class(pipeline, meanings)
        if name:
            yield Painting(call, pipeline, name, calls[start:index])
            start = index + 1


def pipeline_class(made: object, meanings: Meanings) -> str:
    """The class of a pipeline, empty for anything else. One that was only moved or copied is the same as before."""
    while isinstance(made, Made):
        owner, _, method = made.name.rpartition(".")
        name = owner.rpartition(".")[2] if method in meanings.loaders else method
        if any(sign in name for sign in meanings.pipelines):
            return name
        if made.owner is None or made.name == CALLED:
            return ""
        made = made.owner
    return ""


def relatives(pipeline: Made, meanings: Meanings) -> Iterator[Made]:
    """A pipeline and those that it shares its parts with, itself first."""
    made: Made | None = pipeline
    seen: set[int] = set()
    while made is not None and id(made) not in seen:
        seen.add(id(made))
        yield made
        shared = [made.keywords.get("**"), *made.arguments]
        parents = (part.of if isinstance(part, Part) else part for part in shared)
        made = next((item for item in parents if isinstance(item, Made) and _paints(item, meanings)), None)


def _paints(made: Made, meanings: Meanings) -> bool:
    return bool(pipeline_class(made, meanings))


def name_of(value: object) -> str:
    """The last name of a thing of a module, empty for anything else."""
    return value.last if isinstance(value, Named) else ""
