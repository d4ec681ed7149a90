"""The calls of a script, grouped: which pipelines paint, what each one was made of, and what happens in between."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.values import CALLED, Made, Named, Part, origins


class Painting(NamedTuple):
    """One call of a pipeline. `before` are the calls since the painting before it."""

    call: Made
    pipeline: Made
    written: str  # the class of the pipeline in the script
    name: str  # … and the one that it stands for
    before: Sequence[Made]

    def taken(self) -> tuple[Made, ...]:
        """The calls that the picture comes from which it goes on with."""
        return origins(self.call.keywords.get("image"), *self.call.arguments[1:2], self.call.keywords.get("latents"))


def followers(first: Painting, others: Iterable[Painting], calls: Sequence[Made]) -> list[Painting]:
    """The paintings that take up what the first one painted, over as many of the calls as it takes."""
    reached = {id(first.call)}
    for made in calls[first.call.when + 1 :]:
        told = origins(made.owner, *made.arguments, *made.keywords.values())
        if any(id(item) in reached for item in told):
            reached.add(id(made))
    return [item for item in others if any(id(made) in reached for made in item.taken())]


def paintings(calls: Sequence[Made], meanings: Meanings) -> Iterator[Painting]:
    """Every call of a pipeline, in order."""
    start = 0
    for index, call in enumerate(calls):
        if call.name not in (CALLED, *meanings.listed("custom", "calls")) or not isinstance(call.owner, Made):
            continue
        pipeline = call.owner
        written = pipeline_class(pipeline, meanings)
        if written and written not in meanings.listed("calls", "lookers"):
            makers = list(relatives(pipeline, meanings))
            steered = any(meanings.listed("parts", "net")[0] in maker.keywords for maker in makers)
            name = meanings.class_of(written, model_of(makers, meanings), steered=steered)
            yield Painting(call, pipeline, written, name, calls[start:index])
            start = index + 1


def model_of(makers: Iterable[Made], meanings: Meanings) -> str:
    """What the first of the makers that names a model calls it, empty where none does."""
    return next((told for maker in makers if (told := file_of(maker, meanings))), "")


def file_of(maker: object, meanings: Meanings) -> str | None:
    """The file or repository that a loader was told."""
    if not isinstance(maker, Made) or maker.name.rpartition(".")[2] not in meanings.loaders:
        return None
    words = [word for word in meanings.listed("parts", "file") if word in maker.keywords]
    told = maker.arguments[0] if maker.arguments else maker.keywords[words[0]] if words else None
    return path_of(told, meanings)


def path_of(value: object, meanings: Meanings) -> str | None:
    """A path that a script writes, or has a file of a repository downloaded to."""
    if not isinstance(value, Made):
        return value if isinstance(value, str) and value else None
    if value.name not in meanings.listed("downloads", "names"):
        return None
    told: dict[str, object] = dict(zip(("repository", "file"), value.arguments, strict=False))
    named = {
        kind: value.keywords.get(meanings.listed("downloads", kind)[0]) for kind in ("repository", "folder", "file")
    }
    parts = [told.get(kind, item) for kind, item in named.items()]
    return "/".join(part for part in parts if isinstance(part, str)) or None


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
