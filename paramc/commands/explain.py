"""`paramc explain`: what a code, a sampler, a schedule or a feature is."""

from collections.abc import Callable

from paramc.commands.outcome import Outcome, refusal
from paramc.commands.parser import Arguments
from paramc.diagnostics.codes import codes, diagnose
from paramc.diagnostics.model import UnknownName
from paramc.ir.features import features
from paramc.ir.names import samplers, schedules, upscalers
from paramc.presentation.console import Console
from paramc.presentation.layout import entries


def run(arguments: Arguments, console: Console) -> Outcome:
    """Every meaning that the name has. Raises Refused with the closest names when it has none."""
    name = arguments.what.strip().strip("`")
    found = [(kind, pairs) for kind, explain in _KINDS.items() if (pairs := explain(name))]
    if not found:
        raise refusal(_unknown(name))
    text = "\n".join(entries(pairs, console.output) for _, pairs in found)
    return Outcome(text, [{"kind": kind, **dict(pairs)} for kind, pairs in found])


def _code(name: str) -> list[tuple[str, str]]:
    wanted = name.casefold()
    match = next((item for item in codes().items() if wanted in (item[0].casefold(), item[1].name)), None)
    if match is None:
        return []
    code, row = match
    example = row.trigger or (f"paramc {row.command}" if row.command else "")
    pairs = [
        ("code", code),
        ("name", row.name),
        ("severity", row.severity),
        ("message", row.message),
        ("meaning", row.explain.strip().replace("\n", " ")),
        ("help", row.help),
        ("example", example),
    ]
    return [(label, text) for label, text in pairs if text]


def _sampler(name: str) -> list[tuple[str, str]]:
    row = samplers().get(name)
    if row is None:
        return []
    return [
        ("sampler", name),
        ("title", row.title),
        ("calls", f"{row.calls} of the model for each step"),
        ("noise", f"{row.draws} noise in every step" if row.draws else "none after the start"),
        ("schedule", f"{row.automatic} unless another is named"),
    ]


def _schedule(name: str) -> list[tuple[str, str]]:
    row = schedules().get(name)
    return [("schedule", name), ("title", row.title)] if row else []


def _upscaler(name: str) -> list[tuple[str, str]]:
    row = upscalers().get(name)
    return [("upscaler", name), ("title", row.title)] if row else []


def _feature(name: str) -> list[tuple[str, str]]:
    row = features().get(name)
    if row is None:
        return []
    paths = [("paths", " ".join(row.paths))] if row.paths else []
    return [("feature", name), ("meaning", row.about), *paths]


_KINDS: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "code": _code,
    "sampler": _sampler,
    "schedule": _schedule,
    "upscaler": _upscaler,
    "feature": _feature,
}


def _unknown(name: str) -> UnknownName:
    from difflib import get_close_matches  # only on the way to an error

    rows = codes()
    known = [*rows, *(row.name for row in rows.values()), *samplers(), *schedules(), *upscalers(), *features()]
    near = get_close_matches(name, known, 1, 0.6)
    hint = f"did you mean `{near[0]}`?" if near else "`paramc list codes` prints the codes"
    return UnknownName(diagnose("PC310", name=name, kind="code, sampler, schedule, upscaler or feature", hint=hint))
