"""A script as people paste it → its syntax tree: sessions, notebook lines and indented pieces included."""

import ast
import re
from typing import Final, NamedTuple
from warnings import catch_warnings

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ReadError
from paramc.dialects.script.lines import Lines

LONGEST: Final = 1_000_000  # characters
WRAPPER: Final = "if True:\n"  # around a piece that is indented as a whole
_SHELL: Final = re.compile(r"(?m)^([ \t]*)[!%](?=[\w%])")  # lines of a notebook that are none of Python's
_TIMED: Final = re.compile(r"(?m)^([ \t]*)%time(?:it)?(?=[ \t]+[^\s-])")  # before a statement
_RESULT: Final = re.compile(r"(?m)^([ \t]*\w+[ \t]*=[ \t]*)[!%](?=\w)\w")  # … and one whose result gets a name
_SIGN: Final = re.compile(r"(?m)^(?:>>>|\.\.\.)(?: |$)")  # before the lines of an interactive session
_LINE: Final = re.compile(r"(?m)^.*$")
_FENCE: Final = re.compile(r"(?m)^([ \t]*)(`{3,}|~{3,})[ \t]*\{?\.?(\w*).*$")  # of code in a page of Markdown
PYTHON: Final = ("python", "py", "python3", "ipython", "pycon", "Python")


class Parsed(NamedTuple):
    """The tree, and where its nodes stand in the text."""

    tree: ast.Module
    lines: Lines


def parsed_script(text: str) -> Parsed:
    """The syntax tree of a script, every sign at its place. Raises ReadError for what is no Python."""
    if len(text) > LONGEST:
        raise ReadError(diagnose("PC701", reason=f"it is longer than {LONGEST} characters"))
    source = _TIMED.sub(lambda magic: f"{magic[1]}0;".ljust(len(magic[0])), text)
    source = _RESULT.sub(r"\g<1>0#", _SHELL.sub(r"\1#", source))
    try:
        return _parsed(source, text)
    except ReadError:
        code = _fenced(source)
        if code is None:
            raise
        return _parsed(code, text)


def _parsed(source: str, text: str) -> Parsed:
    if _SIGN.match(source.lstrip()):
        source = _LINE.sub(lambda line: _of_session(line[0]), source)
    first = next((line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    wraps = first[:1] in (" ", "\t")
    try:
        with catch_warnings(action="ignore"):  # backslashes of prompts that no escape begins with
            tree = ast.parse(WRAPPER + source if wraps else source)
    except SyntaxError as error:
        raise ReadError(diagnose("PC700", line=(error.lineno or 1) - wraps, why=(error.msg or "").lower())) from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise ReadError(
            diagnose("PC701", reason="it is nested too deeply, or holds signs that no script may")
        ) from error
    return Parsed(tree, Lines(text, shift=int(wraps)))


def _fenced(page: str) -> str | None:
    """The code of a page of Markdown, all else made comments of the same length; None where no code is fenced."""
    fences = list(_FENCE.finditer(page))
    kinds = {fence[3] for fence in fences} & {*PYTHON}
    lines: list[str] = []
    open_with = ""
    is_code = found = False
    for line in page.split("\n"):
        fence = _FENCE.match(line)
        if fence is not None and not open_with:
            open_with, is_code = fence[2], fence[3] in kinds or (not kinds and not fence[3])
            found |= is_code
        elif fence is not None and line.strip().startswith(open_with) and not fence[3]:
            open_with = ""
        elif open_with and is_code:
            lines.append(line)
            continue
        lines.append(f"#{line[1:]}" if line.strip() else line)
    return "\n".join(lines) if found else None


def _of_session(line: str) -> str:
    """A line of an interactive session as code of the same length, or as a comment where the interpreter wrote it."""
    match = _SIGN.match(line)
    return "    " + line[match.end() :] if match else f"#{line[1:]}" if line.strip() else line
