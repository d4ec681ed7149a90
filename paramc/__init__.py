"""A compiler for image-generation settings: pasted settings in; scripts, graphs and settings texts out.

Everything here loads on first use; `import paramc` costs nothing.
"""

from importlib import import_module

TYPE_CHECKING = False  # as in the typing module, whose import would take longer than all of `paramc --help`
if TYPE_CHECKING:
    from paramc.api import check, compile, convert, diff, fields, lower, parse, prompt, read, rephrase, run  # noqa: A004  # a verb of ours
    from paramc.backends.report import Artifact, Fate, Grade, Report
    from paramc.diagnostics.model import (
        Diagnostic,
        InvalidValue,
        ParamcError,
        ReadError,
        RunError,
        SourceError,
        Span,
        UnknownName,
        Unsupported,
        VerifyError,
    )
    from paramc.ir.job import Job
    from paramc.ir.plan import Plan
    from paramc.ir.prompt import Prompt

__version__ = "0.1.0"
_HOMES = {
    "paramc.api": (
        "check",
        "compile",
        "convert",
        "diff",
        "fields",
        "lower",
        "parse",
        "prompt",
        "read",
        "rephrase",
        "run",
    ),
    "paramc.backends.report": ("Artifact", "Fate", "Grade", "Report"),
    "paramc.diagnostics.model": (
        "Diagnostic",
        "InvalidValue",
        "ParamcError",
        "ReadError",
        "RunError",
        "SourceError",
        "Span",
        "UnknownName",
        "Unsupported",
        "VerifyError",
    ),
    "paramc.ir.job": ("Job",),
    "paramc.ir.plan": ("Plan",),
    "paramc.ir.prompt": ("Prompt",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [  # noqa: RUF022  # in the order in which they are met
    "parse",
    "read",
    "lower",
    "compile",
    "convert",
    "run",
    "check",
    "diff",
    "fields",
    "prompt",
    "rephrase",
    "Job",
    "Prompt",
    "Plan",
    "Artifact",
    "Report",
    "Fate",
    "Grade",
    "Diagnostic",
    "Span",
    "ParamcError",
    "SourceError",
    "ReadError",
    "UnknownName",
    "InvalidValue",
    "Unsupported",
    "VerifyError",
    "RunError",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'paramc' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
