"""`paramc completion`: scripts for bash, zsh and fish, made from the parsers and the names in the data folders."""

from argparse import Action
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from paramc.commands.outcome import Outcome
from paramc.commands.parser import Arguments, parser_of
from paramc.commands.verbs import VERBS
from paramc.diagnostics.codes import codes
from paramc.presentation.console import Console
from paramc.resources import GRAMMARS, TARGETS

_FOLDERS = {"grammars", "targets"}
_FREE = {"edits", "options", "family", "name"}  # no list can foresee them


class Word(NamedTuple):
    """An argument as shells see it: without `flags` a place; a word is one of `values`, or anything without them."""

    flags: tuple[str, ...]
    about: str
    takes: Literal["nothing", "word", "file", "folder"]
    values: tuple[str, ...] = ()
    repeats: bool = False


Words: TypeAlias = Mapping[str, Sequence[Word]]


def run(arguments: Arguments, console: Console) -> Outcome:
    """The script for one shell."""
    words = {verb: [_word(verb, action) for action in parser_of(verb).arguments] for verb in VERBS}
    script = {"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.what]
    text = "\n".join(script(words)) + "\n"
    return Outcome(text, text)


def _word(verb: str, action: Action) -> Word:
    repeats = action.nargs == "*" or action.default == []
    values = tuple(str(choice) for choice in action.choices or _known(verb, action.dest))
    if action.nargs == 0:
        takes: Literal["nothing", "word", "file", "folder"] = "nothing"
    elif action.dest in _FOLDERS:
        takes = "folder"
    else:
        takes = "word" if values or action.dest in _FREE else "file"
    return Word(tuple(action.option_strings), action.help or "", takes, values, repeats)


def _known(verb: str, dest: str) -> tuple[str, ...]:
    """The names that an argument without fixed choices is known to take."""
    match verb, dest:
        case _, "to":
            return _names(TARGETS, "target.toml")
        case _, "dialect":
            return _names(GRAMMARS, "dialect.toml")
        case "explain", "what":
            return tuple(codes())
        case _:
            return ()


def _names(root: Path, file: str) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in root.glob(f"*/{file}")))


def _bash(words: Words) -> Iterator[str]:
    yield "# paramc completion bash > ~/.local/share/bash-completion/completions/paramc"
    yield "_paramc() {"
    yield "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} values= flags= files="
    yield "    if ((COMP_CWORD == 1)); then"
    yield f'        mapfile -t COMPREPLY < <(compgen -W "{" ".join(words)} --help --version" -- "$word")'
    yield "        return"
    yield "    fi"
    yield "    case ${COMP_WORDS[1]} in"
    for verb, listed in words.items():
        yield f"    {verb})"
        yield f'        flags="{" ".join(flag for word in listed for flag in word.flags)}"'
        places = [word for word in listed if not word.flags]
        yield f'        values="{" ".join(value for word in places for value in word.values)}"'
        yield f"        files={'-f' if any(word.takes == 'file' for word in places) else ''}"
        yield "        case $previous in"
        for word in listed:
            if word.flags and word.takes != "nothing":
                files = {"file": "-f", "folder": "-d", "word": ""}[word.takes]
                yield f'        {"|".join(word.flags)}) flags= values="{" ".join(word.values)}" files={files} ;;'
        yield "        esac ;;"
    yield "    esac"
    yield "    [[ $word == -* ]] || flags="
    yield '    mapfile -t COMPREPLY < <(compgen $files -W "$values $flags" -- "$word")'
    yield "}"
    yield "complete -o filenames -F _paramc paramc"


def _zsh(words: Words) -> Iterator[str]:
    yield "#compdef paramc"
    yield "# paramc completion zsh > DIR/_paramc, DIR being a folder of $fpath"
    yield "_paramc() {"
    yield "    local -a verbs=("
    yield from (f"        {_quoted(f'{verb}:{VERBS[verb]}')}" for verb in words)
    yield "    )"
    yield "    if ((CURRENT == 2)); then _describe command verbs; return; fi"
    yield "    local verb=$words[2]"
    yield "    shift words"
    yield "    ((CURRENT--))"
    yield "    case $verb in"
    for verb, listed in words.items():
        yield f"    {verb}) _arguments \\"
        yield from (f"        {spec} \\" for word in listed for spec in _zsh_specs(word))
        yield "        ;;"
    yield "    esac"
    yield "}"
    yield '_paramc "$@"'


def _zsh_specs(word: Word) -> Iterator[str]:
    files = {"file": "_files", "folder": "_files -/"}.get(word.takes, " ")
    action = f"({' '.join(word.values)})" if word.values else files
    about = word.about.replace("[", "(").replace("]", ")").replace(":", ";")
    if not word.flags:
        yield _quoted(f"{'*' if word.repeats else ''}:{about}:{action}")
    for flag in word.flags:
        star = "*" if word.repeats else ""
        yield _quoted(f"{star}{flag}[{about}]" + ("" if word.takes == "nothing" else f":{word.takes}:{action}"))


def _fish(words: Words) -> Iterator[str]:
    yield "# paramc completion fish > ~/.config/fish/completions/paramc.fish"
    yield "complete -c paramc -n __fish_use_subcommand -l version -d 'print the version'"
    for verb, listed in words.items():
        yield f"complete -c paramc -n __fish_use_subcommand -f -a {verb} -d {_fished(VERBS[verb])}"
        for word in listed:
            here = f"complete -c paramc -n '__fish_seen_subcommand_from {verb}'"
            flags = "".join(f" -{'l' if flag.startswith('--') else 's'} {flag.lstrip('-')}" for flag in word.flags)
            values = f" -a {_fished(' '.join(word.values))}" if word.values else ""
            takes = {"nothing": "", "word": " -x", "file": " -r", "folder": " -x -a '(__fish_complete_directories)'"}
            if flags or values:
                kind = takes[word.takes] if word.flags else " -f"
                yield f"{here}{flags}{kind}{values} -d {_fished(word.about)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fished(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
