"""What a value of a script came from: the text behind embeddings, the file behind a picture, seeds of generators."""

from collections.abc import Iterator

from paramc.dialects.script.amounts import whole
from paramc.dialects.script.pieces import PIECES, text_of
from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.told import texts_of
from paramc.dialects.script.values import CALLED, INDEXED, Made, Piece, origins


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
    """The text that embeddings were made from, and the class or function that made them."""
    waiting: list[tuple[Made, int]] = [(made, 0) for made in origins(value)]
    seen = set[int]()
    while waiting:
        made, index = waiting.pop(0)
        if id(made) in seen or made.name.rpartition(".")[2] in meanings.loaders:
            continue
        seen.add(id(made))
        listed = text_of(made.arguments, meanings.listed(PIECES, "language")[0])
        if listed is not None:
            return listed, PIECES
        encoder = _encoder(made, meanings)
        texts = texts_of(made, index, negative=negative) if encoder else []
        if texts:
            return texts[0], encoder
        further = origins(made.owner, *made.arguments, *made.keywords.values())
        waiting += [(item, _place(made) or index) for item in further]
    return None, ""


def _encoder(made: Made, meanings: Meanings) -> str:
    """The class or function that makes embeddings or tokens of texts; empty for any other call."""
    last = made.name.rpartition(".")[2]
    if made.name != CALLED:
        holder = made.owner.name if isinstance(made.owner, Made) else ""
        named = [name for name in (last, holder.rpartition(".")[2]) if meanings.word("encoders", name)]
        return named[0] if named else last if last in meanings.listed("calls", "encode") else ""
    owner = made.owner.name if isinstance(made.owner, Made) else ""
    name = next((part for part in reversed(owner.split(".")) if part not in meanings.loaders), "")
    known = meanings.word("encoders", name) or any(sign in name for sign in meanings.listed("calls", "tokenizers"))
    return name if known else ""


def _place(made: Made) -> int:
    """Which item of a list an index takes."""
    if made.name != INDEXED or not made.arguments:
        return 0
    key = made.arguments[0]
    return whole(key.lower if isinstance(key, Piece) else key) or 0


def file_behind(value: object, meanings: Meanings) -> str | None:
    """The file or address that a picture was read from."""
    openers = set(meanings.listed("pictures", "open"))
    fetches = set(meanings.listed("pictures", "fetch"))
    found: str | None = None
    for made in ancestors(value[0] if isinstance(value, list) and value else value):
        told = made.arguments[0] if made.arguments else None
        if isinstance(told, str) and {made.name, made.name.rpartition(".")[2]} & openers:
            return told
        if isinstance(told, str) and made.name in fetches and found is None:
            found = told
    return found


def seeded_by(value: object, meanings: Meanings, before: int) -> list[Made]:
    """The calls that gave generators their seeds, in order, as far as they come before a call."""
    items = value if isinstance(value, list) else [value]
    found = [_seeder(made, meanings, before) for item in items for made in origins(item)]
    return [made for made in found if made is not None]


def _seeder(made: Made, meanings: Meanings, before: int) -> Made | None:
    """The last call that seeded a generator."""
    seeders = meanings.listed("noise", "seed")
    if made.name.rpartition(".")[2] in seeders:
        return made
    later = [call for call in made.calls if call.name in seeders and call.when < before]
    return later[-1] if later else None


def drawn_on(seeded: Made, meanings: Meanings) -> str:
    """Where a generator draws: on the graphics card where it says so, or where nobody knows what it says."""
    card = meanings.listed("noise", "card")[0]
    made = seeded.owner
    if not isinstance(made, Made) or made.name not in meanings.listed("noise", "generators"):
        return "cpu"  # the generator that every program has
    device = [*made.arguments, made.keywords.get("device")][0]
    if device is None:
        return "cpu"
    return "cpu" if isinstance(device, str) and not device.startswith(card) else card


def first_seed(seeded: list[Made]) -> int | None:
    """The seed of the first of them that was told any."""
    return next((whole(made.arguments[0]) for made in seeded if made.arguments), None)
