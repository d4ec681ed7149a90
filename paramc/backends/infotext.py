"""Job → settings text: as the program itself writes it, or as the source spelt it with only changes written anew."""

from collections.abc import Iterator, Mapping
from typing import Final

from paramc.backends.description import Target
from paramc.backends.registry import Choices
from paramc.backends.report import File, Report
from paramc.backends.revision import BETWEEN, implied_by, is_kept, ranks_of, revised
from paramc.backends.wording import Said, Wording, said_text
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.description import Dialect
from paramc.dialects.fields import Fields, fields_of
from paramc.dialects.layout import reading
from paramc.dialects.read_infotext import PROMPT_TABLE, SEPARATOR, read_infotext
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.paths import leaves, plain, value_at
from paramc.ir.places import View
from paramc.ir.plan import Plan
from paramc.passes.upgrade import upgrade_job

SUFFIX: Final = ".txt"
LANGUAGE: Final = "text.language"
HISTORY: Final = "history"  # what older versions did otherwise
SAME: Final = "same"  # the dialect of the program that wrote the settings
ENGINE: Final = "infotext"
UNSET: Final = "unset"


def emit(job: Job, plan: Plan, target: Target, choices: Choices, report: Report) -> tuple[File, ...]:
    """The settings text as the only file of the artefact, named after its dialect."""
    dialect = chosen_dialect(job, target, str(choices.get("dialect", SAME)))
    text = write_infotext(job, dialect, anew=bool(choices.get("canonical", False)))
    return (File(dialect.name + SUFFIX, text),)


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """What the text, read back, does not say as the job has it."""
    return lost_values(job, find_dialect(files[0].name.removesuffix(SUFFIX), target.grammars), files[0].text)


def write_infotext(job: Job, dialect: Dialect, *, anew: bool = False) -> str:
    """The settings text of a job.

    A job that was read from a text of this very dialect gets that text back, with only the changed values written anew;
    any other, or every one where all is wanted `anew`, is written in the program's own order and spelling.
    """
    from_text = any(stated.span for stated in job.ledger) and job.producer.dialect == dialect.name
    return revised(job, dialect) if from_text and not anew else _composed(job, dialect)


def lost_values(job: Job, dialect: Dialect, text: str) -> tuple[Diagnostic, ...]:
    """One diagnostic for each value of the job that `text` does not give back; who wrote the job is left out."""
    stored = text.encode("utf-8", "replace").decode("utf-8")  # surrogates without a partner do not survive a file
    return differing_values(job, upgrade_job(read_infotext(stored, dialect)[0], dialect), dialect)


def differing_values(job: Job, back: Job, dialect: Dialect) -> tuple[Diagnostic, ...]:
    """One diagnostic for each value of the job that `back`, read from an artefact in `dialect`, has not."""
    asked, found = ({path: plain(value) for path, value in leaves(one)} for one in (job, back))
    kept = {LANGUAGE} if _read_alike(job.text.language, back.text.language, dialect) else set()
    open_ones = {item.path for item in back.implied if item.path not in asked}  # the job says nothing of them either
    differing = (path for path in dict.fromkeys((*asked, *found)) if asked.get(path) != found.get(path))
    return tuple(
        _lost(path, asked.get(path, UNSET), found.get(path), dialect)
        for path in differing
        if path not in kept and not (path in open_ones and value_at(job, path) is None)
        if not path.startswith("producer.")
    )


def _lost(path: str, value: str, found: str | None, dialect: Dialect) -> Diagnostic:
    if found is None:
        return diagnose("PC340", path=path, where=path, value=_short(value), title=dialect.title)
    return diagnose("PC341", path=path, where=path, value=_short(value), found=_short(found), title=dialect.title)


def _read_alike(name: str, other: str, dialect: Dialect) -> bool:
    """Do two programs of today read prompts alike?"""
    mine, theirs = (find_dialect(one, dialect.roots).table(PROMPT_TABLE) for one in (name, other))
    return {**mine, HISTORY: None} == {**theirs, HISTORY: None}


def chosen_dialect(job: Job, target: Target, wanted: str) -> Dialect:
    """The dialect to write; a job of a program that writes no settings texts is written for the target's own."""
    if wanted != SAME:
        return find_dialect(wanted, target.grammars)
    dialect = find_dialect(job.producer.dialect, target.grammars)
    return dialect if dialect.engine == ENGINE else find_dialect(target.name, target.grammars)


def _composed(job: Job, dialect: Dialect) -> str:
    """The text in the program's own order; entries of the ledger without a place of their own lend their spelling."""
    fields = fields_of(dialect)
    mine = job if job.producer.dialect == dialect.name else of_dialect(job, dialect)
    wording = Wording(View(mine), fields, implied_by(mine, dialect, said_by_rule(mine, fields)))
    placeless = (stated for stated in _lent(job, dialect) if stated.paths)
    spelling = {stated.paths: stated for stated in placeless if is_kept(stated, job)}
    ranks = ranks_of(fields)
    place = ranks[fields.unknown_before]
    due = [said for said in wording.all() if wording.is_due(said)]
    lines = [
        *(_spelt(said, spelling) for said in due if ranks[said.row.key] < place),
        *(_as_written(stated.key, stated.raw) for stated in job.ledger if _is_unknown(stated)),
        *(_spelt(said, spelling) for said in due if ranks[said.row.key] >= place),
    ]
    prompts = [_prompt(job, "prompt", dialect), *_negative(job, dialect)]
    return "\n".join((*prompts, BETWEEN.join(lines))).strip()


def of_dialect(job: Job, dialect: Dialect) -> Job:
    """The job as if this dialect's program had made it; the version of another says nothing here."""
    producer = job.producer.model_copy(update={"dialect": dialect.name, "version": None, "raw_version": None})
    return job.model_copy(update={"producer": producer})


def said_by_rule(job: Job, fields: Fields) -> frozenset[str]:
    """The paths that get a field of their own whatever their value."""
    always = (row for row in fields.rows if row.write == "always")
    rows = (row for row in always if not (row.kind == "schedule" and fields.names.joined))
    return frozenset(row.places[0].text() for row in rows if row.places[0].value(job) is not None)


def _is_unknown(stated: Stated) -> bool:
    return bool(stated.key) and not stated.paths and not stated.problem


def _spelt(said: Said, spelling: Mapping[tuple[str, ...], Stated]) -> str:
    stated = spelling.get(said.paths)
    return _as_written(stated.key, stated.raw) if stated else said_text(said.key, said.text)


def _as_written(key: str, raw: str) -> str:
    return key if key == raw else f"{key}{SEPARATOR}{raw}"


def _lent(job: Job, dialect: Dialect) -> Iterator[Stated]:
    """Entries without a place of their own; those of graphs and records are spelt as no settings text is."""
    if find_dialect(job.producer.dialect, dialect.roots).engine == ENGINE:
        yield from (stated for stated in job.ledger if not stated.span)


def _prompt(job: Job, path: str, dialect: Dialect) -> str:
    """A prompt as an entry without a place of its own spells it, while it is unchanged."""
    prompt = job.prompt if path == "prompt" else job.negative
    stated = next((stated for stated in _lent(job, dialect) if stated.paths == (path,)), None)
    return stated.raw if stated and is_kept(stated, job) else prompt.text


def _negative(job: Job, dialect: Dialect) -> Iterator[str]:
    if job.negative.text or fields_of(dialect).empty_negative:
        yield f"{reading(dialect).negative}{SEPARATOR}{_prompt(job, 'negative', dialect)}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
