"""What a verb hands over, to be written by cli.py."""

from pathlib import Path
from typing import Final, NamedTuple

from paramc.backends.report import Report
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import (
    Diagnostic,
    InvalidValue,
    ParamcError,
    Severity,
    UnknownName,
    Unsupported,
    VerifyError,
)
from paramc.source.model import Source

FINE: Final = 0
ERRORS_FOUND: Final = 1
USAGE: Final = 2
BELOW_GRADE: Final = 3
NOT_WRITTEN: Final = 4
OUR_BUG: Final = 70
LOUD: Final[tuple[Severity, ...]] = ("error", "warning")
EVERYTHING: Final[tuple[Severity, ...]] = ("error", "warning", "info")


class Said(NamedTuple):
    """Diagnostics about one source, or about the command line where there is none.

    `shown`: the severities that people are bothered with; JSON has them all.
    """

    diagnostics: tuple[Diagnostic, ...]
    source: Source | None = None
    shown: tuple[Severity, ...] = LOUD

    @property
    def text(self) -> str:
        """The text that their places are in."""
        return self.source.text if self.source else ""

    @property
    def place(self) -> str:
        """The name of that text."""
        return self.source.place if self.source else ""

    @property
    def code(self) -> int:
        """The exit code that they ask for."""
        return ERRORS_FOUND if any(item.severity == "error" for item in self.diagnostics) else FINE


class Output(NamedTuple):
    """A file to be written, whole or not at all: its text, or its bytes where it is none."""

    path: Path
    text: str
    data: bytes | None = None


class Outcome(NamedTuple):
    """The result as `text`, and as `result` for `--format json`: anything that JSON can say.

    `trace` and `remarks` go to standard error, the latter only for people. `laid_out`: the text was made for the screen
    and is safe to print; any other is an artefact, whose every byte counts when it goes to a pipe.
    """

    text: str = ""
    result: object = None
    said: tuple[Said, ...] = ()
    report: Report | None = None
    trace: str = ""
    remarks: str = ""
    laid_out: bool = True
    files: tuple[Output, ...] = ()
    code: int = FINE


class Refused(Exception):  # noqa: N818  # reads as what happened
    """A verb cannot go on: what is to be said, and the exit code."""

    def __init__(self, said: Said, code: int) -> None:
        super().__init__("; ".join(item.message for item in said.diagnostics))
        self.said = said
        self.code = code


def not_written(place: Path, error: OSError) -> Refused:
    """That a file could not be written, or a folder not be made, and why."""
    problem = diagnose("PC802", file=error.filename or place, reason=error.strerror or error)
    return Refused(Said((problem,)), NOT_WRITTEN)


def refusal(error: ParamcError, source: Source | None = None) -> Refused:
    """An error of the library with the source that it speaks of, so that its places can be shown."""
    return Refused(Said(tuple(error.diagnostics), source, EVERYTHING), code_of(error))


def code_of(error: ParamcError) -> int:
    """The exit code of an error."""
    match error:
        case UnknownName() | InvalidValue():
            return USAGE
        case Unsupported():
            return BELOW_GRADE
        case VerifyError():
            return OUR_BUG
        case _:
            return ERRORS_FOUND
