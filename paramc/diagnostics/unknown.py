"""Names that nothing has: refused, with the one that comes closest."""

from collections.abc import Iterable

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import UnknownName
from paramc.tables import nearest

LONGEST_SHOWN = 60  # characters


def unknown_name(kind: str, name: object, known: Iterable[str], otherwise: str = "") -> UnknownName:
    """That no `kind` is called `name`. Where nothing comes close it says `otherwise`, else all that is known."""
    words = tuple(known)
    hint = offer(name, words, otherwise or f"known: {', '.join(words) or 'none'}")
    return UnknownName(diagnose("PC310", name=shown(name), kind=kind, hint=hint))


def offer(name: object, known: Iterable[str], otherwise: str) -> str:
    """A question with the word that comes closest to `name`; `otherwise` where none does."""
    near = nearest(name, known) if isinstance(name, str) else None
    return f"did you mean `{near}`?" if near else otherwise


def shown(value: object) -> str:
    """A value as a message shows it: cut off where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
