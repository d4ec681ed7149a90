"""Job → settings text: as the program itself writes it, or as the source spelt it with only what changed written anew."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from paramc.backends.description import Target
from paramc.backends.registry import Choices
from paramc.backends.report import File
from paramc.backends.wording import Said, Wording, beside_sampler, said_text
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.codecs import quoted
from paramc.dialects.description import Dialect
from paramc.dialects.fields import NOTES, OPAQUE, Fields, Match, fields_of
from paramc.dialects.layout import reading
from paramc.dialects.read_infotext import SEPARATOR, read_infotext
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.paths import leaves, plain, value_at
from paramc.ir.plan import Plan
from paramc.passes.upgrade import implied_values, own_fields, upgrade_job

BETWEEN: Final = ", "
_INDEX = re.compile(r"\[(\d+)\]")
FIRST: Final = -2  # rank of the prompt; the negative prompt has −1, fields the number of their row
LAST: Final = 1_000_000  # rank of lines after the fields


def write_infotext(job: Job, dialect: Dialect) -> str:
    """The settings text of a job.

    A job that was read from a text of this very dialect gets that text back, with only the changed values written anew;
    any other is written in the program's own order and spelling.
    """
    from_text = any(stated.span for stated in job.ledger)
    return _revised(job, dialect) if from_text and job.producer.dialect == dialect.name else _composed(job, dialect)


def emit(job: Job, plan: Plan, target: Target, choices: Choices) -> tuple[File, ...]:
    """The settings text as the only file of the artefact."""
    text = write_infotext(job, find_dialect(target.name))
    return (File("parameters.txt", text + "\n"),)


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """What the text, read back, does not say as the job has it."""
    return lost_values(job, find_dialect(target.name), files[0].text.removesuffix("\n"))


def lost_values(job: Job, dialect: Dialect, text: str) -> tuple[Diagnostic, ...]:
    """One diagnostic for each value of the job that `text` does not give back."""
    back = upgrade_job(read_infotext(text, dialect)[0], dialect)
    asked, found = ({path: plain(value) for path, value in leaves(one)} for one in (job, back))
    lost = (path for path in dict.fromkeys((*asked, *found)) if asked.get(path) != found.get(path))
    return tuple(
        diagnose("PC340", path=path, target=dialect.name, where=path, value=_short(asked.get(path, "unset")), title=dialect.title)
        for path in lost
        if not path.startswith("producer.")
    )


def _composed(job: Job, dialect: Dialect) -> str:
    """The text in the program's own order; entries of the ledger without a place of their own lend their spelling."""
    fields = fields_of(dialect)
    mine = job if job.producer.dialect == dialect.name else _of_dialect(job, dialect)
    wording = Wording(mine, fields, _implied(mine, dialect, _said_by_rule(mine, fields)))
    spelling = {stated.paths: stated for stated in job.ledger if stated.paths and not stated.span and _is_kept(stated, job)}
    ranks = _ranks(fields)
    place = ranks[fields.unknown_before]
    due = [said for said in wording.all() if wording.is_due(said)]
    lines = [
        *(_spelt(said, spelling) for said in due if ranks[said.row.key] < place),
        *(_as_written(stated.key, stated.raw) for stated in job.ledger if stated.key and not stated.paths and not stated.problem),
        *(_spelt(said, spelling) for said in due if ranks[said.row.key] >= place),
    ]
    prompts = [_spelt_prompt(job, "prompt"), *_negative(job, dialect)]
    return "\n".join((*prompts, BETWEEN.join(lines))).strip()


def _of_dialect(job: Job, dialect: Dialect) -> Job:
    """The job as if this dialect's program had made it; the version of another says nothing here."""
    producer = job.producer.model_copy(update={"dialect": dialect.name, "version": None, "raw_version": None})
    return job.model_copy(update={"producer": producer})


def _implied(job: Job, dialect: Dialect, stated: Collection[str]) -> dict[str, object]:
    return {path: rule.value for path, rule in implied_values(job, dialect, stated).items()}


def _said_by_rule(job: Job, fields: Fields) -> frozenset[str]:
    """The paths that get a field of their own whatever their value."""
    rows = (row for row in fields.rows if row.write == "always" and not (row.kind == "schedule" and fields.names.joined))
    return frozenset(row.places[0].text() for row in rows if row.places[0].value(job) is not None)


def _ranks(fields: Fields) -> dict[str, int]:
    return {row.key: index for index, row in enumerate(fields.rows)}


def _spelt(said: Said, spelling: Mapping[tuple[str, ...], Stated]) -> str:
    stated = spelling.get(said.paths)
    return _as_written(stated.key, stated.raw) if stated else said_text(said.key, said.text)


def _as_written(key: str, raw: str) -> str:
    return key if key == raw else f"{key}{SEPARATOR}{raw}"


def _spelt_prompt(job: Job, path: str) -> str:
    """A prompt as its source spelt it, white space included, while it is unchanged."""
    prompt = job.prompt if path == "prompt" else job.negative
    stated = next((stated for stated in job.ledger if stated.paths == (path,)), None)
    return stated.raw if stated and _is_kept(stated, job) else prompt.text


def _negative(job: Job, dialect: Dialect) -> Iterator[str]:
    if job.negative.text or fields_of(dialect).empty_negative:
        yield f"{reading(dialect).negative}{SEPARATOR}{_spelt_prompt(job, 'negative')}"


def _is_kept(stated: Stated, job: Job) -> bool:
    """Does the job still have what the entry said?"""
    return all(plain(value_at(job, path)) == read for path, read in zip(stated.paths, stated.read, strict=True))


@dataclass(slots=True)
class _Line:
    """An entry on its way into the text. `rank` is its place in the program's own order."""

    key: str
    raw: str
    gap: str
    rank: int
    separator: str = SEPARATOR

    @property
    def text(self) -> str:
        return f"{self.key}{self.separator}{self.raw}" if self.key else self.raw


class _Revision:
    """The source of a job, entry by entry, with what changed since."""

    def __init__(self, job: Job, dialect: Dialect) -> None:
        self.job, self.fields = job, fields_of(dialect)
        self.negative_label = reading(dialect).negative
        self.wording = Wording(job, self.fields, _implied(job, dialect, own_fields(job)))
        self.ranks = _ranks(self.fields)
        self.covered: set[str] = set()
        self.keys: set[str] = set()
        self.lines: list[_Line] = []

    def text(self) -> str:
        """The text with only what changed written anew."""
        for stated in self.job.ledger:
            if stated.span:
                self._keep_or_rewrite(stated)
        self._add_prompts()
        for said in list(self.wording.all()):
            if self._is_missing(said):
                self._insert(_Line(said.key, quoted(said.text), "", self.ranks[said.row.key]))
        return "".join(line.text + line.gap for line in self.lines)

    def _keep_or_rewrite(self, stated: Stated) -> None:
        match = self.fields.match(stated.key) if stated.paths and stated.key else None
        width = stated.span.end - stated.span.start - len(stated.key) - len(stated.raw) if stated.span else 0
        line = _Line(stated.key, stated.raw, stated.gap, self._rank(stated, match), SEPARATOR[:width])
        if not _is_kept(stated, self.job):
            if not match:
                line.raw = self._prompt(stated.paths[0])
            elif not self._rewrite(line, stated, match):
                self._drop(line)
                return
            if not line.raw and not match:
                self._drop(line)
                return
        self.covered.update(stated.paths)
        self.keys.add(line.key)
        self.lines.append(line)

    def _rank(self, stated: Stated, match: Match | None) -> int:
        if match:
            return self.ranks.get(match.field.key, self.ranks["ControlNet {n}"])
        if stated.paths == ("prompt",):
            return FIRST
        if stated.paths == ("negative",):
            return FIRST + 1
        return self.ranks[self.fields.unknown_before] - 1 if stated.key else LAST
