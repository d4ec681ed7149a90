"""Lark grammars of the dialect folders, built once and remembered in the user's cache."""

from functools import cache
from pathlib import Path
from typing import Literal

from lark import Lark
from lark.lark import PostLex

from paramc.resources import GRAMMARS, cache_folder


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
    """
    folder = cache_folder()
    key = f"{path.parent.name}-{path.stem}-{start}-{lexer}"
    return Lark.open(
        str(path),
        parser="lalr",
        lexer=lexer,
        start=start,
        postlex=postlex,
        transformer=callbacks,
        propagate_positions=False,
        maybe_placeholders=False,
        import_paths=[str(path.parent.parent), str(GRAMMARS)],
        cache=str(folder / f"grammar-{key}.lark") if folder else False,
    )
