"""A target as its folder describes it: what it can say, how well, and what the user may choose."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, cast

from paramc.backends.report import GRADES, Grade
from paramc.backends.schedulers import SamplerRow, ScheduleRow, Schedulers, read_schedulers
from paramc.ir.control import ControlNet
from paramc.ir.features import features
from paramc.resources import GRAMMARS
from paramc.tables import NOTHING, Table, TableError, TableValue, as_row, read_table, rows, section

ANY = "*"


class Answer(NamedTuple):
    """How well a target keeps a feature. `code` and `why` are there when it is not kept as it is."""

    grade: Grade
    code: str = ""
    why: str = ""
    help: str = ""


class Rule(NamedTuple):
    """Another answer for `features` where the job's values are those of `when`, none of `unless` and over `above`.

    Keys are paths of the Job, of the very item that is in question where there are several of its kind, or `base`,
    `family`, `schedule` (the one that is run), `manner` (the dialect whose reading of texts is followed),
    `option.NAME`, of the plan `op.NAME`, `flag.NAME` (a quirk of a loop) and `unlike.KIND` (does anything of a kind of
    the target's steer?), and `unit.kind`, the kind of the unit in question, unset for ControlNets. Values are lists of
    texts, `*` standing for anything but unset; those of `above` are numbers. `under` names a condition of the target
    that has to hold beside.
    """

    features: tuple[str, ...]
    grade: Grade
    code: str = ""
    why: str = ""
    help: str = ""
    when: Mapping[str, list[str]] | None = None
    unless: Mapping[str, list[str]] | None = None
    above: Mapping[str, float] | None = None
    under: str = ""

    def beside(self, condition: "Condition") -> "Rule":
        """The rule where the condition holds as well."""
        return self._replace(
            when={**condition.when, **(self.when or {})}, unless={**condition.unless, **(self.unless or {})}
        )

    def among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the features that the rule is for; in its own, `*` stands for any letters."""
        patterns = tuple(name for name in self.features if ANY in name)
        if not patterns:
            return self.features
        return tuple(
            name for name in names if name in self.features or any(fnmatchcase(name, each) for each in patterns)
        )

    @property
    def answer(self) -> Answer:
        """The answer that the rule gives."""
        return Answer(self.grade, self.code, self.why, self.help)


class Condition(NamedTuple):
    """What several rules ask of a job, as they do."""

    when: Mapping[str, list[str]] = NOTHING
    unless: Mapping[str, list[str]] = NOTHING


class Option(NamedTuple):
    """What the user may choose: one of `choices`, or any text of `kind`.

    implies: by choice, what other options are where they are not chosen. judged_by: by choice, the target whose
    answers hold then.
    """

    default: str | int | float | bool
    about: str
    choices: tuple[str, ...] = ()
    implies: Mapping[str, Mapping[str, str]] = NOTHING
    judged_by: Mapping[str, str] = NOTHING

    @property
    def kind(self) -> str:
        """`text`, `integer`, `number` or `switch`."""
        return {bool: "switch", int: "integer", float: "number", str: "text"}[type(self.default)]


@dataclass(frozen=True, eq=False)
class Target:
    """One folder of `targets/`. `grammars` are the folders of the dialects that it may write."""

    name: str
    folder: Path
    grammars: tuple[Path, ...] = (GRAMMARS,)

    def writing(self, grammars: tuple[Path, ...]) -> "Target":
        """The target with other folders of dialects; itself when they are the same."""
        return self if grammars == self.grammars else replace(self, grammars=grammars)

    @cached_property
    def about(self) -> Table:
        """target.toml as it stands."""
        return read_table(self.folder / "target.toml")

    @property
    def title(self) -> str:
        """What people call it."""
        return str(self.about["title"])

    @property
    def engine(self) -> str:
        """Which writing engine serves it: `template`, `payload`, `graph`, `infotext`."""
        return str(self.about["engine"])

    @property
    def suffix(self) -> str:
        """File name suffix of the artefact, with the dot."""
        return str(self.about["suffix"])

    @property
    def dialect(self) -> str | None:
        """The dialect that reads what this target writes, when there is one."""
        value = self.about.get("dialect")
        return str(value) if value else None

    @cached_property
    def sdk(self) -> dict[str, str]:
        """Packages and version ranges that the artefact needs."""
        return {name: str(value) for name, value in section(self.about, "sdk", self.folder).items()}

    @cached_property
    def answers(self) -> dict[str, Answer]:
        """The answer to every feature. Raises TableError for a gap or an unknown feature."""
        given = section(self.about, "features", self.folder)
        known = features()
        table = {name: scheduled(row) for name, row in self.schedulers.overview().items()} if self.schedulers else {}
        for name in known:
            if name not in given and name not in table:
                raise TableError(f"{self.folder}/target.toml: feature `{name}` is not answered")
        where = f"{self.folder}/target.toml"
        return table | {name: _answer(value, f"{where}: {name}", name in known) for name, value in given.items()}

    @cached_property
    def schedulers(self) -> Schedulers | None:
        """The table that answers for samplers and schedules, where the target has one (`samplers = FILE`)."""
        file = self.about.get("samplers")
        return read_schedulers(self.folder / str(file)) if file else None

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Answers that depend on the job, in order; the first that fits counts."""
        given = section(self.about, "conditions", self.folder)
        where = f"{self.folder}/target.toml"
        conditions = {name: as_row(value, Condition, f"{where}: conditions.{name}") for name, value in given.items()}
        found = rows(self.about, "rules", Rule, self.folder)
        unknown = {rule.under for rule in found if rule.under} - conditions.keys()
        if unknown:
            raise TableError(f"{where}: no condition is called `{min(unknown)}`")
        return tuple(rule.beside(conditions[rule.under]) if rule.under else rule for rule in found)

    @cached_property
    def rules_of(self) -> Mapping[str, Sequence[Rule]]:
        """The rules for each feature that has any, in order."""
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for name in rule.among(self.answers):
                found.setdefault(name, []).append(rule)
        return found

    @cached_property
    def unlike(self) -> Mapping[str, tuple[str, ...]]:
        """Kinds of what steers and is no ControlNet: parts of its names, without hyphens."""
        given = section(self.about, "unlike", self.folder)
        return {kind: tuple(map(str, marks)) for kind, marks in given.items() if isinstance(marks, list)}

    def kind_of(self, unit: ControlNet) -> str | None:
        """The kind of what a unit steers through, by its names; None for a ControlNet."""
        named = f"{unit.preprocessor} {unit.model.name if unit.model else ''}".lower()
        plain = named.replace("-", "").replace("_", "")
        return next((kind for kind, marks in self.unlike.items() if any(mark in plain for mark in marks)), None)

    @cached_property
    def options(self) -> dict[str, Option]:
        """The choices by name."""
        given = section(self.about, "options", self.folder)
        where = f"{self.folder}/target.toml"
        return {name: as_row(value, Option, f"{where}: options.{name}") for name, value in given.items()}

    @cached_property
    def showcases(self) -> dict[str, dict[str, str]]:
        """Sets of options that deserve a column of their own in the support matrix, by what is chosen."""
        given = section(self.about, "showcases", self.folder)
        return {
            title: {name: str(value) for name, value in section(given, title, self.folder).items()} for title in given
        }

    @cached_property
    def legal(self) -> frozenset[str]:
        """The ops of a Plan that it can say; empty for targets that are written from the Job."""
        listed = self.about.get("ops", [])
        return frozenset(str(op) for op in listed) if isinstance(listed, list) else frozenset()


def scheduled(row: SamplerRow | ScheduleRow) -> Answer:
    """The answer that a row of a sampler table gives."""
    differs = "PC630" if isinstance(row, SamplerRow) else "PC631"
    code = {"exact": "", "inert": "", "close": "PC603"}.get(row.grade, differs)
    return Answer(row.grade, code, row.why)


def _answer(value: TableValue, where: str, known: bool) -> Answer:
    if not known:
        raise TableError(f"{where}: no such feature")
    answer = Answer(cast(Grade, value)) if isinstance(value, str) else as_row(value, Answer, where)
    if answer.grade not in GRADES:
        raise TableError(f"{where}: `{answer.grade}` is no grade")
    return answer
