"""What paramc has to say about an input: spans, diagnostics and the errors that carry them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "info"]
Applicability: TypeAlias = Literal["safe", "maybe", "manual"]


class Span(NamedTuple):
    """Half-open range [start, end) of code points of the source text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Label:
    """A place in the source and what is to be seen there."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Replacing `span` by `replacement` would mend the input; `safe` keeps its meaning."""

    span: Span
    replacement: str
    applicability: Applicability


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fact about the input. `code` is explained by `paramc explain`; `path` names the IR value concerned."""

    code: str
    name: str
    severity: Severity
    message: str
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    suggestion: Suggestion | None = None
    path: str | None = None
    target: str | None = None


class ParamcError(Exception):
    """Root of paramc's errors; `diagnostics` says what was wrong.

    ParamcError
    ├── SourceError     the bytes hold no readable settings
    ├── ReadError       strict mode: the UI itself refuses this text
    ├── UnknownName     no such dialect, target, sampler, code; the closest is offered
    ├── InvalidValue    a value that a path of the Job cannot take
    ├── Unsupported     a fate is worse than `at_least`
    ├── VerifyError     an artefact failed its own check (a bug of paramc)
    ├── RunError        the runner cannot go on: a model, memory or the device
    └── ServerError     a server does not answer, or not as servers of its kind do
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(f"{item.code} {item.message}" for item in diagnostics))
        self.diagnostics: Sequence[Diagnostic] = diagnostics


class SourceError(ParamcError):
    """The bytes hold no settings, or are no text and no image that paramc knows."""


class ReadError(ParamcError):
    """Strict mode: the UI itself refuses this text."""


class UnknownName(ParamcError):  # noqa: N818  # reads as the thing it reports
    """A dialect, target, sampler, code or option of that name does not exist."""


class InvalidValue(ParamcError):  # noqa: N818  # as above
    """A value that its path in the Job cannot take."""


class Unsupported(ParamcError):  # noqa: N818  # as above
    """The target cannot keep a setting as well as `at_least` demands."""


class VerifyError(ParamcError):
    """An artefact failed its own check: a bug of paramc, never shipped in silence."""


class RunError(ParamcError):
    """The runner cannot go on: a model is missing or wrong, memory is short, a library is not installed."""


class ServerError(ParamcError):
    """A server that was asked to paint does not answer, refuses, or says what none of its kind says."""
