"""Lark grammars of the dialect folders, built once and remembered in the user's cache."""

from functools import cache
from pathlib import Path
from typing import Literal
from zlib import crc32

from lark import Lark
from lark.exceptions import LarkError
from lark.lark import PostLex

from paramc.dialects.lexer import PLAIN
from paramc.resources import GRAMMARS, cache_folder
from paramc.tables import TableError


@cache
def load_grammar(
    path: Path,
    *,
    start: str = "start",
    lexer: Literal["basic", "contextual"] = "contextual",
    postlex: PostLex | None = None,
    callbacks: object = None,
) -> Lark:
    """The LALR parser of the grammar at `path`; `%import` looks in the folder above it, then in ours.

    The methods of `callbacks` are called with the children of the rules of their names, as soon as these are read.
    Raises TableError for a file that is no grammar.
    """
    folder = cache_folder()
    # Folders of one name in two places would take turns in spoiling each other's entry.
    key = f"{path.parent.name}-{path.stem}-{start}-{lexer}-{crc32(bytes(path)):08x}"
    try:
        return Lark.open(
            str(path),
            parser="lalr",
            lexer=lexer,
            start=start,
            postlex=postlex,
            transformer=callbacks,
            propagate_positions=False,
            maybe_placeholders=False,
            _plugins=PLAIN,
            import_paths=[str(path.parent.parent), str(GRAMMARS)],
            cache=str(folder / f"grammar-{key}.lark") if folder else False,
        )
    except LarkError as error:
        raise TableError(f"{path}: {error}") from error
