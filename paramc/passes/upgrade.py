"""Job → Job: what this producer, in this version, meant by saying nothing."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Final, NamedTuple

from paramc.dialects.description import Dialect
from paramc.dialects.version import parse_version
from paramc.ir.base import Model
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.ledger import Implied
from paramc.ir.paths import plain
from paramc.ir.places import Place, View, place_of
from paramc.ir.prompt import Prompt
from paramc.ir.stages import Enlarge
from paramc.tables import NOTHING, TableError, as_row, section

FILE: Final = "upgrade.toml"
ANY: Final = "*"
UNSET: Final = "unset"


class Rule(NamedTuple):
    """A row of upgrade.toml; the head of the file explains each word."""

    path: str
    value: object
    because: str
    before: str = ""
    since: str = ""
    unversioned: bool = False
    where: Mapping[str, list[str]] = NOTHING
    contains: Mapping[str, str] = NOTHING
    unless_stated: tuple[str, ...] = ()
    off: bool = False

    @property
    def place(self) -> Place:
        """Where the value goes."""
        return place_of(self.path)

    @property
    def home(self) -> Place:
        """The part that the value belongs to."""
        return _home(self.path)


def upgrade_job(job: Job, dialect: Dialect) -> Job:
    """The job with every value that it leaves unsaid filled in as its producer's version meant it.

    Only a missing seed stays None: the image cannot be repeated. A second run changes nothing.
    """
    if isinstance(job.task, Enlarge):
        return job  # nothing was sampled
    known = {path for stated in job.ledger for path in stated.paths} | {item.path for item in job.implied}
    implied = implied_values(job, dialect, own_fields(job))
    filled = {path: rule for path, rule in implied.items() if path not in known and _is_unsaid(job, rule)}
    if not filled:
        return job
    upgraded = job.replace({path: rule.value for path, rule in filled.items()})
    reasons = tuple(Implied(path=path, read=plain(rule.value), because=rule.because) for path, rule in filled.items())
    return upgraded.model_copy(update={"implied": job.implied + reasons})


def implied_values(job: Job, dialect: Dialect, stated: Collection[str]) -> dict[str, Rule]:
    """What each path means where it is left unsaid, whether it is or not.

    stated: the paths that have a field of their own.
    """
    found: dict[str, Rule] = {}
    view = View(job)
    for rule in rules(dialect):
        if rule.path not in found and _applies(rule, view, stated):
            found[rule.path] = rule
    return found


def own_fields(job: Job) -> frozenset[str]:
    """The paths that the source states in a field of their own."""
    return frozenset(stated.paths[0] for stated in job.ledger if stated.paths)


@cache
def rules(dialect: Dialect) -> tuple[Rule, ...]:
    """The rules of a dialect, in order."""
    where = f"{dialect.name}/{FILE}"
    table = section(dialect.table(FILE), "rules", where)
    listed = (as_row(row, Rule, f"{where}: {name}") for name, row in table.items())
    return tuple(_checked(rule, where) for rule in listed if not rule.off)


def _checked(rule: Rule, where: str) -> Rule:
    for version in (rule.before, rule.since):
        if version and parse_version(version) is None:
            raise TableError(f"{where}: `{version}` is no version")
    return rule._replace(value=Size(*rule.value)) if isinstance(rule.value, tuple) else rule


def _applies(rule: Rule, view: View, stated: Collection[str]) -> bool:
    return (
        _is_of_version(rule, view.job.producer.version)
        and _has_place(view, rule)
        and all(_is_one_of(view.value(place_of(path)), words) for path, words in rule.where.items())
        and all(text in _text(view.value(place_of(path))) for path, text in rule.contains.items())
        and not any(path in stated for path in rule.unless_stated)
    )


def _has_place(view: View, rule: Rule) -> bool:
    parent = view.value(rule.home)
    return isinstance(parent, Model) and rule.place.names[-1] in parent.__dict__


def _is_of_version(rule: Rule, version: tuple[int, ...] | None) -> bool:
    if not rule.before and not rule.since:
        return True
    if version is None:
        return rule.unversioned
    before, since = parse_version(rule.before), parse_version(rule.since)
    return (before is None or version < before) and (since is None or version >= since)


def _is_one_of(value: object, words: Collection[str]) -> bool:
    if value is None:
        return UNSET in words
    return ANY in words or (value if isinstance(value, str) else plain(value)) in words


def _is_unsaid(job: Job, rule: Rule) -> bool:
    """Is the value there None, or what its field has by default?"""
    value = rule.place.value(job)
    parent = rule.home.value(job)
    name = rule.place.names[-1]
    return value is None or (isinstance(parent, Model) and value == type(parent).model_fields[name].default)


@cache
def _home(path: str) -> Place:
    place = place_of(path)
    return Place(place.part, place.names[:-1])


def _text(value: object) -> str:
    return value.text if isinstance(value, Prompt) else ""
