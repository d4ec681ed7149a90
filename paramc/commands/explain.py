"""`paramc explain`: what a code, a term of the field, a sampler, a schedule, a model family or a feature is."""

from collections.abc import Callable, Iterator, Sequence

from paramc.commands.outcome import Outcome, refusal
from paramc.commands.parser import Arguments
from paramc.diagnostics.codes import codes
from paramc.diagnostics.model import UnknownName
from paramc.diagnostics.unknown import unknown_name
from paramc.ir.features import features
from paramc.ir.names import samplers, schedules, upscalers
from paramc.passes.lint.tables import advice, lint_rules
from paramc.presentation.console import Console
from paramc.presentation.layout import entries
from paramc.presentation.terms import keys_of, labels_of, meaning, path_of, terms

SOURCES = {
    "MC": "model cards",
    "LIB": "diffusers",
    "UI": "the programs themselves",
    "CO": "habit of the community",
    "spec": "what the programs are known to do",
    "measured": "measured against the programs",
}


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
    example = row.trigger.rstrip("\n") or (f"paramc {row.command}" if row.command else "")
    pairs = [
        ("code", code),
        ("name", row.name),
        ("severity", row.severity),
        ("message", row.message),
        ("meaning", row.explain.strip().replace("\n", " ")),
        ("help", row.help),
        *_rule(code),
        ("example", example),
    ]
    return [(label, text) for label, text in pairs if text]


def _rule(code: str) -> Iterator[tuple[str, str]]:
    """Where a lint comes from, when it runs, and the thresholds that a project may move."""
    named = next(((name, rule) for name, rule in lint_rules().items() if rule.code == code), None)
    if named is None:
        return
    name, rule = named
    yield "source", SOURCES.get(rule.source, rule.source)
    if rule.bases or rule.families:
        yield "models", " ".join((*rule.bases, *rule.families))
    if rule.needed:
        yield "needs", f"the model family, with at least {rule.needed} confidence"
    if rule.limits:
        yield "limits", f"{', '.join(f'{key} = {value:g}' for key, value in rule.limits.items())} (thresholds.{name})"


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
        ("names", _labels("sampler", name)),
    ]


def _schedule(name: str) -> list[tuple[str, str]]:
    row = schedules().get(name)
    names = _labels("schedule", name) if row else ""
    return [("schedule", name), ("title", row.title), *([("names", names)] if names else [])] if row else []


def _labels(kind: str, name: str) -> str:
    """What the programs call it, one line for each name."""
    found = labels_of(kind, name)
    return "\n".join(f"`{label}` in {titles}" for label, titles in found.items()) or "only paramc's own"


def _term(name: str) -> list[tuple[str, str]]:
    path = path_of(name)
    if path is None:
        return []
    term = terms().get(path)
    if not meaning(path):
        return []
    called = (f"`{'`, `'.join(keys)}` in {titles}" for titles, keys in keys_of(path).items())
    pairs = [
        ("value", path),
        ("terms", ", ".join(term.words) if term else ""),
        ("meaning", meaning(path)),
        ("names", "\n".join(called)),
        ("traps", "\n".join(term.traps) if term else ""),
    ]
    return [(label, text) for label, text in pairs if text]


def _family(name: str) -> list[tuple[str, str]]:
    row = advice().get(name)
    if row is None:
        return []
    samplings = (f"{sampler} {schedule}".strip() for sampler, schedule in row.sampling)
    pairs = [
        ("family", name),
        ("weights", row.repo),
        ("sizes", ", ".join(f"{width}x{height}" for width, height in row.sizes)),
        ("steps", _range(row.steps)),
        ("guidance", _range(row.cfg)),
        ("distilled", _range(row.distilled)),
        ("samplers", ", ".join(samplings)),
        ("source", SOURCES.get(row.source, row.source)),
    ]
    return [(label, text) for label, text in pairs if text]


def _range(values: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:g}" for value in values))


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
    "term": _term,
    "family": _family,
    "sampler": _sampler,
    "schedule": _schedule,
    "upscaler": _upscaler,
    "feature": _feature,
}


def _unknown(name: str) -> UnknownName:
    rows = codes()
    words = [word for path, term in terms().items() for word in (path, *term.words)]
    named = (row.name for row in rows.values())
    known = [*rows, *named, *words, *samplers(), *schedules(), *upscalers(), *advice(), *features()]
    kind = "code, term, sampler, schedule, upscaler, family or feature"
    return unknown_name(kind, name, known, "`paramc list codes` prints the codes")
