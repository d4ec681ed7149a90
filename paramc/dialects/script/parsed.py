"""A script as people paste it → its syntax tree: sessions, notebook lines and indented pieces included."""

import ast
import re
from typing import Final, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ReadError
from paramc.dialects.script.lines import Lines

LONGEST: Final = 1_000_000  # characters
WRAPPER: Final = "if True:\n"  # around a piece that is indented as a whole
_SHELL: Final = re.compile(r"(?m)^([ \t]*)[!%](?=\w)")  # lines of a notebook that are none of Python's
_SIGN: Final = re.compile(r"(?m)^(?:>>>|\.\.\.)(?: |$)")  # before the lines of an interactive session
_LINE: Final = re.compile(r"(?m)^.*$")


class Parsed(NamedTuple):
    """The tree, and where its nodes stand in the text."""

    tree: ast.Module
    lines: Lines


def parsed_script(text: str) -> Parsed:
    """The syntax tree of a script, every sign at its place. Raises ReadError for what is no Python."""
    if len(text) > LONGEST:
        raise ReadError(diagnose("PC701", reason=f"it is longer than {LONGEST} characters"))
    source = _SHELL.sub(r"\1#", text)
    if _SIGN.match(source.lstrip()):
        source = _LINE.sub(lambda line: _of_session(line[0]), source)
    first = next((line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    wraps = first[:1] in (" ", "\t")
    try:
        tree = ast.parse(WRAPPER + source if wraps else source)
    except SyntaxError as error:
        raise ReadError(diagnose("PC700", line=(error.lineno or 1) - wraps, why=(error.msg or "").lower())) from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise ReadError(
            diagnose("PC701", reason="it is nested too deeply, or holds signs that no script may")
        ) from error
    return Parsed(tree, Lines(text, shift=int(wraps)))


def _of_session(line: str) -> str:
    """A line of an interactive session as code of the same length, or as a comment where the interpreter wrote it."""
    match = _SIGN.match(line)
    return "    " + line[match.end() :] if match else f"#{line[1:]}" if line.strip() else line
