"""The command line: words in; standard output, standard error and an exit code out."""

import gc
import os
import sys

from paramc.commands.verbs import KEPT, RESUMED, VERBS, overview

TYPE_CHECKING = False  # `--help` waits for every import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from paramc.commands.outcome import Outcome
    from paramc.commands.parser import Arguments
    from paramc.diagnostics.model import Diagnostic
    from paramc.presentation.console import Console, Screen

FINE, USAGE, NOT_WRITTEN, OUR_BUG, INTERRUPTED = 0, 2, 4, 70, 130
RENDERED = 50  # diagnostics of one source that people see


def main(words: "Sequence[str] | None" = None) -> int:
    """Do what the words of the command line say, the process's own by default. Gives the exit code."""
    if words is not None:
        return _guarded(list(words))
    # A process of a moment has nothing to collect: looking for it takes a quarter of its time, half of that at the end.
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # or every installed distribution is asked for some
    code = _guarded(sys.argv[1:])
    gc.freeze()
    return code


def _guarded(words: list[str]) -> int:
    try:
        return _run(words)
    except KeyboardInterrupt:
        _put(sys.stderr, KEPT if RESUMED.intersection(words[:1]) else "")
        return INTERRUPTED
    except Exception as error:
        return _bug(error, words)


def _run(words: list[str]) -> int:
    if not words:
        return _put(sys.stderr, overview()) or USAGE
    verb, *rest = words
    if verb in {"-h", "--help"}:
        return _put(sys.stdout, overview())
    if verb == "--version":
        from paramc import __version__

        return _put(sys.stdout, f"paramc {__version__}\n")
    return _do(verb, rest) if verb in VERBS else _finish(_unknown_verb(verb))


def _do(verb: str, words: list[str]) -> int:
    from paramc.commands.parser import UsageError, parser_of, wants_json

    parser = parser_of(verb)
    options = words[: words.index("--")] if "--" in words else words
    if "-h" in options or "--help" in options:
        return _put(sys.stdout, parser.format_help())
    try:
        arguments = parser.read(words)
        return _finish(_outcome(verb, arguments), as_json=arguments.format == "json")
    except UsageError as error:
        return _finish(_misused(verb, error), as_json=wants_json(words))


def _outcome(verb: str, arguments: "Arguments") -> "Outcome":
    """What the verb gives, its refusals included."""
    from paramc.commands.outcome import Outcome, Refused
    from paramc.diagnostics.codes import diagnose
    from paramc.tables import TableError

    try:
        return _verb(verb)(arguments, _console())
    except Refused as refusal:
        return Outcome(said=(refusal.said,), code=refusal.code)
    except TableError as error:
        if not (arguments.grammars or arguments.targets):
            raise
        return _refusal(diagnose("PC804", reason=error))


def _verb(verb: str) -> "Callable[[Arguments, Console], Outcome]":
    match verb:
        case "show":
            from paramc.commands.show import run
        case "check":
            from paramc.commands.check import run
        case "convert":
            from paramc.commands.convert import run
        case "run":
            from paramc.commands.run import run
        case "bench":
            from paramc.commands.bench import run
        case "grid":
            from paramc.commands.grid import run
        case "submit":
            from paramc.commands.submit import run
        case "doctor":
            from paramc.commands.doctor import run
        case "embed":
            from paramc.commands.embed import run
        case "scan":
            from paramc.commands.scan import run
        case "diff":
            from paramc.commands.diff import run
        case "fields":
            from paramc.commands.fields import run
        case "prompt":
            from paramc.commands.prompt import run
        case "explain":
            from paramc.commands.explain import run
        case "list":
            from paramc.commands.listing import run
        case "models":
            from paramc.commands.models import run
        case "schema":
            from paramc.commands.schema import run
        case _:
            from paramc.commands.completion import run
    return run


def _console() -> "Console":
    from io import BytesIO

    from paramc.presentation.console import Console

    if sys.stdin is None:  # closed by the parent process
        return Console(BytesIO(), _screen(sys.stdout), _screen(sys.stderr), notify=_notify)
    return Console(sys.stdin.buffer, _screen(sys.stdout), _screen(sys.stderr), sys.stdin.isatty(), _notify)


def _notify(text: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        _put(sys.stderr, text)


def _screen(stream: "TextIO | None") -> "Screen":
    from paramc.presentation.console import Screen

    if stream is None or not stream.isatty():
        return Screen()
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    fine = os.environ.get("COLORTERM") in ("truecolor", "24bit")
    return Screen(os.get_terminal_size(stream.fileno()).columns or 80, not plain, fine)


def _finish(outcome: "Outcome", *, as_json: bool = False) -> int:
    """Write what a verb gave, files first: nobody shall read of one that could not be written."""
    from paramc.resources import write_atomically

    for output in outcome.files:
        try:
            write_atomically(output.path, _encoded(output.text) if output.data is None else output.data)
        except OSError as error:
            return _finish(_not_written(output.path, error), as_json=as_json)
    if as_json:
        return _put(sys.stdout, _document(outcome)) or _put(sys.stderr, outcome.trace) or outcome.code
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    text = _shown(outcome.text) if on_terminal and not outcome.laid_out else outcome.text
    failed = _put(sys.stdout, text)
    written = (_shown(f"written: {output.path}") for output in outcome.files)
    _put(sys.stderr, "".join((outcome.trace, *_rendered(outcome), outcome.remarks, *written)))
    return failed or outcome.code


def _document(outcome: "Outcome") -> str:
    """Everything as one JSON document."""
    from dataclasses import asdict

    from paramc.diagnostics.json import to_plain
    from paramc.presentation.document import json_text

    diagnostics = [
        {**to_plain(item, said.text), "source": said.place} for said in outcome.said for item in said.diagnostics
    ]
    report = {"report": asdict(outcome.report)} if outcome.report else {}
    written = {"written": [str(output.path) for output in outcome.files]} if outcome.files else {}
    return json_text({"result": outcome.result, **report, **written, "diagnostics": diagnostics})


def _rendered(outcome: "Outcome") -> "Iterator[str]":
    """The diagnostics for people."""
    from paramc.diagnostics.render import render

    colour = _screen(sys.stderr).colour
    for said in outcome.said:
        listed = [item for item in said.diagnostics if item.severity in said.shown]
        yield from (render(item, said.text, said.place, colour=colour) for item in listed[:RENDERED])
        if len(listed) > RENDERED:
            yield f"{len(listed) - RENDERED} more: `--format json` has them all\n"


def _refusal(problem: "Diagnostic", code: int = USAGE) -> "Outcome":
    from paramc.commands.outcome import Outcome, Said

    return Outcome(said=(Said((problem,)),), code=code)


def _not_written(file: object, error: OSError) -> "Outcome":
    from paramc.diagnostics.codes import diagnose

    return _refusal(diagnose("PC802", file=file, reason=error.strerror or error), NOT_WRITTEN)


def _unknown_verb(verb: str) -> "Outcome":
    from paramc.diagnostics.unknown import unknown_name

    return _refusal(unknown_name("command", verb, VERBS).diagnostics[0])


def _misused(verb: str, error: Exception) -> "Outcome":
    from paramc.diagnostics.codes import diagnose

    return _refusal(diagnose("PC800", message=error, verb=verb))


def _bug(error: Exception, words: list[str]) -> int:
    """Say that the fault is ours, and what to report."""
    if os.environ.get("PARAMC_DEBUG"):
        from traceback import format_exc

        _put(sys.stderr, format_exc())
    from paramc.commands.parser import wants_json
    from paramc.diagnostics.codes import diagnose

    problem = diagnose("PC810", kind=type(error).__name__, message=error)
    return _finish(_refusal(problem, OUR_BUG), as_json=wants_json(words))


def _shown(text: str) -> str:
    """An artefact as a terminal may have it: nothing that it would obey, and a line end."""
    from paramc.diagnostics.render import escaped

    return "".join(f"{escaped(line)}\n" for line in text.removesuffix("\n").split("\n"))


def _encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate, which it cannot say, is spelled out."""
    return text.encode("utf-8", "backslashreplace")


def _put(stream: "TextIO | None", text: str) -> int:
    """Write to a stream that may be closed, or whose reader may have gone. Gives the exit code."""
    if stream is None or not text:
        return FINE
    try:
        stream.buffer.write(_encoded(text))
        stream.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or the interpreter complains when it leaves
    except OSError as error:
        return NOT_WRITTEN if stream is sys.stderr else _finish(_not_written("standard output", error))
    return FINE
