"""`paramc completion`: scripts for bash, zsh and fish, made from the parsers and the names of the data folders."""

from argparse import Action
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from paramc.commands.outcome import Outcome
from paramc.commands.parser import Arguments, parser_of
from paramc.commands.verbs import VERBS
from paramc.diagnostics.codes import codes
from paramc.presentation.console import Console
from paramc.resources import GRAMMARS, TARGETS

_INSTALL = {
    "bash": "paramc completion bash > ~/.local/share/bash-completion/completions/paramc",
    "zsh": "paramc completion zsh > DIR/_paramc, where DIR is a folder of $fpath",
    "fish": "paramc completion fish > ~/.config/fish/completions/paramc.fish",
}
_FOLDERS = {"grammars", "targets"}
_FREE = {"edits", "options", "family"}  # words that no list can foresee


class Word(NamedTuple):
    """An argument as shells see it: no `flags` for a place, `values` to choose from, or else what it `takes`."""

    flags: tuple[str, ...]
    about: str
    takes: Literal["nothing", "word", "file", "folder"]
    values: tuple[str, ...] = ()
    repeats: bool = False


def run(arguments: Arguments, console: Console) -> Outcome:
    """The script for one shell."""
    words = {verb: [_word(verb, action) for action in parser_of(verb).arguments] for verb in VERBS}
    match arguments.what:
        case "bash":
            lines = _bash(words)
        case "zsh":
            lines = _zsh(words)
        case _:
            lines = _fish(words)
    text = "\n".join(lines)
    return Outcome(f"# {_INSTALL[arguments.what]}\n{text}\n" if arguments.what != "zsh" else f"{text}\n")
