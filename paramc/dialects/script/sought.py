"""What a value of a script came from: the text behind embeddings, the file behind a picture, seeds of generators."""

from collections.abc import Iterator

from paramc.dialects.script.amounts import whole
from paramc.dialects.script.pictures import name_of
from paramc.dialects.script.pieces import PIECES, text_of
from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.told import texts_of
from paramc.dialects.script.values import Made, Named, origins


def ancestors(*values: object) -> Iterator[Made]:
    """The calls that values come from, the nearest first, with what those were told."""
    waiting, seen = list(origins(*values)), set[int]()
    while waiting:
        made = waiting.pop(0)
        if id(made) not in seen:
            seen.add(id(made))
            yield made
            waiting += origins(made.owner, *made.arguments, *made.keywords.values())


def text_behind(value: object, meanings: Meanings, *, negative: bool) -> tuple[str | None, str]:
    """The text that embeddings were made from, and the class that made them."""
    waiting, seen = list(origins(value)), set[int]()
    while waiting:
        made = waiting.pop(0)
        if id(made) in seen or made.name.rpartition(".")[2] in meanings.loaders:
            continue
        seen.add(id(made))
        listed = text_of(made.arguments, meanings.listed(PIECES, "language")[0])
        if listed is not None:
            return listed, PIECES
        texts = texts_of(made, negative=negative)
        if texts:
            return texts[0], name_of(Named(made.owner.name)) if isinstance(made.owner, Made) else made.name
        waiting += origins(made.owner, *made.arguments, *made.keywords.values())
    return None, ""


def file_behind(value: object, meanings: Meanings) -> str | None:
    """The file that a picture was read from."""
    openers = set(meanings.listed("pictures", "open"))
    for made in ancestors(value[0] if isinstance(value, list) and value else value):
        if {made.name, made.name.rpartition(".")[2]} & openers and made.arguments:
            return made.arguments[0] if isinstance(made.arguments[0], str) else None
    return None


def seeded_by(value: object, meanings: Meanings) -> list[Made]:
    """The calls that gave generators their seeds, in order."""
    items = value if isinstance(value, list) else [value]
    seeders = meanings.listed("noise", "seed")
    return [made for item in items for made in origins(item) if made.name.rpartition(".")[2] in seeders]


def drawn_on(seeded: Made, meanings: Meanings) -> str:
    """Where a generator draws: on the graphics card unless it says another device."""
    card = meanings.listed("noise", "card")[0]
    made = seeded.owner
    device = [*made.arguments, made.keywords.get("device")][0] if isinstance(made, Made) else None
    if device is None and isinstance(made, Made) and not made.arguments:
        return "cpu"
    return "cpu" if isinstance(device, str) and not device.startswith(card) else card


def first_seed(seeded: list[Made]) -> int | None:
    """The seed of the first of them that was told any."""
    return next((whole(made.arguments[0]) for made in seeded if made.arguments), None)
