"""What `paramc check` reports, and how severely: the command line, over `paramc.toml` or `[tool.paramc]`.

[check]                         # in a pyproject.toml: [tool.paramc.check]
select = ["PC4"]                # codes, their beginnings, names, or "ALL"
ignore = ["seed-missing"]
fail_on = "warning"             # error, warning, info or never

[check.severity]
cfg-burn = "error"

[check.thresholds.cfg-burn]
warn = 14
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from paramc.api import Loaded
from paramc.commands.outcome import EVERYTHING, refusal
from paramc.commands.parser import NEVER, Arguments, UsageError
from paramc.commands.sources import about
from paramc.diagnostics.codes import codes
from paramc.diagnostics.model import Diagnostic, Severity
from paramc.diagnostics.unknown import unknown_name
from paramc.ir.job import Job
from paramc.passes.lint import advise_job
from paramc.passes.lint.tables import Limits, lint_rules
from paramc.tables import NOTHING, Table, TableError, TableValue, as_row, read_table, section

if TYPE_CHECKING:
    from paramc.backends.description import Target

FILES: Final = ("paramc.toml", "pyproject.toml")
ALL: Final = "ALL"


class Checking(NamedTuple):
    """The `[check]` table, the command line laid over it."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "error"
    severity: Mapping[str, str] = NOTHING
    thresholds: Mapping[str, Limits] = NOTHING


@dataclass(frozen=True, slots=True)
class Judge:
    """What is reported of a job. `asked`: codes that the user names, of rules that do not run otherwise."""

    reported: frozenset[str]
    asked: frozenset[str]
    severities: Mapping[str, Severity]
    limits: Mapping[str, Limits]
    fail_on: str
    target: "Target | None" = None

    def __call__(self, loaded: Loaded) -> tuple[Diagnostic, ...]:
        """The diagnostics of a source that are to be reported, as severe as the user wants them."""
        found = (*loaded.diagnostics, *advise_job(loaded.job, self.limits, self.asked))
        if self.target and not any(item.severity == "error" for item in found):
            found += _losses(loaded.job, self.target)
        return tuple(self._weighed(item) for item in found if item.code in self.reported)

    def fails(self, diagnostics: tuple[Diagnostic, ...]) -> bool:
        """Is any of them as severe as the user tolerates no more?"""
        if self.fail_on == NEVER:
            return False
        bad = EVERYTHING[: EVERYTHING.index(cast(Severity, self.fail_on)) + 1]
        return any(item.severity in bad for item in diagnostics)

    def _weighed(self, item: Diagnostic) -> Diagnostic:
        severity = self.severities.get(item.code)
        return replace(item, severity=severity) if severity else item


def judge_of(arguments: Arguments) -> Judge:
    """What the command line and the configuration ask for. Raises Refused for a name that is no code."""
    chosen = _laid_over(_configured(arguments), arguments)
    selected = {word: _codes_of(word) for word in chosen.select}
    ignored = frozenset[str]().union(*(_codes_of(word) for word in chosen.ignore))
    reported = frozenset[str]().union(*selected.values()) if selected else frozenset(codes())
    named = frozenset[str]().union(*(found for word, found in selected.items() if len(found) == 1 or word == ALL))
    quiet = frozenset(rule.code for rule in lint_rules().values() if rule.asked)
    severities: dict[str, Severity] = {
        code: _severity(word) for name, word in chosen.severity.items() for code in _codes_of(name)
    }
    return Judge(
        reported=reported - ignored,
        asked=named & quiet,
        severities=severities,
        limits=dict(_limits(chosen.thresholds)),
        fail_on=chosen.fail_on if chosen.fail_on == NEVER else _severity(chosen.fail_on),
        target=_target(arguments),
    )


def _target(arguments: Arguments) -> "Target | None":
    """The target whose losses are reported as well. Raises Refused for one that does not exist."""
    if arguments.to is None:
        return None
    from paramc.backends.registry import find_target  # without `--to` no target is asked

    with about(None):
        return find_target(arguments.to)


def _losses(job: Job, target: "Target") -> tuple[Diagnostic, ...]:
    """What the target would not keep of the job as it is."""
    from paramc.backends.legalise import fate_diagnostics, report_fates  # as above
    from paramc.passes.complete import complete_job
    from paramc.passes.plan import plan_job

    whole = complete_job(job)
    return fate_diagnostics(report_fates(whole, plan_job(whole), target), target)


def _configured(arguments: Arguments) -> Checking:
    """The `[check]` table of the file that is named, or of the nearest one above the working folder."""
    if arguments.isolated:
        return Checking()
    if arguments.config is not None:
        return _checking(Path(arguments.config), _table(Path(arguments.config)))
    here = Path.cwd()
    for folder in (here, *here.parents):
        for name in FILES:
            path = folder / name
            table = _table(path) if path.is_file() else None
            if table:
                return _checking(path, table)
    return Checking()


def _table(path: Path) -> Table:
    """What the file says about paramc. Raises UsageError where it cannot be read."""
    try:
        table = read_table(path)
        return section(section(table, "tool", path), "paramc", path) if path.name == FILES[1] else table
    except TableError as error:
        raise UsageError(f"the configuration cannot be used: {error}") from error
    except OSError as error:
        raise UsageError(f"the configuration `{path}` cannot be read: {error.strerror or error}") from error


def _checking(path: Path, table: Table) -> Checking:
    try:
        return as_row(section(table, "check", path.name), Checking, path.name)
    except TableError as error:
        raise UsageError(f"the configuration cannot be used: {error}") from error


def _laid_over(configured: Checking, arguments: Arguments) -> Checking:
    select, ignore = (tuple(_words(words)) for words in (arguments.select, arguments.ignore))
    return configured._replace(
        select=select or configured.select,
        ignore=(*configured.ignore, *ignore),
        fail_on=arguments.fail_on or configured.fail_on,
        severity={**configured.severity, **dict(arguments.severities)},
    )


def _words(lists: list[str]) -> Iterator[str]:
    return (word.strip() for words in lists for word in words.split(",") if word.strip())


def _codes_of(word: str) -> frozenset[str]:
    """The codes that a word stands for. Raises Refused where there are none."""
    start = word.upper()
    found = frozenset(
        code for code, row in codes().items() if start == ALL or code.startswith(start) or row.name == word
    )
    if not found or start in ("P", ""):
        named = [*codes(), *(row.name for row in codes().values())]
        raise refusal(unknown_name("code or group of codes", word, named, "`paramc list codes` prints the codes"))
    return found


def _severity(word: str) -> Severity:
    for severity in EVERYTHING:
        if severity == word:
            return severity
    raise UsageError(f"`{word}` is no severity: {', '.join(EVERYTHING)}")


def _limits(thresholds: Mapping[str, Limits]) -> Iterator[tuple[str, Limits]]:
    """Thresholds by rule. Raises UsageError for a rule or a threshold that does not exist, or that is no number."""
    rules = lint_rules()
    for name, limits in thresholds.items():
        if name not in rules or not isinstance(limits, dict):
            raise UsageError(f"`{name}` is no rule with thresholds: {', '.join(_with_limits())}")
        for key, value in limits.items():
            if key not in rules[name].limits or not _is_number(value):
                raise UsageError(f"`{name}` has no threshold `{key} = {value}`: {', '.join(rules[name].limits)}")
        yield name, limits


def _with_limits() -> list[str]:
    return [name for name, rule in lint_rules().items() if rule.limits]


def _is_number(value: TableValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
