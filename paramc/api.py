"""The public verbs: read, parse, lower, compile, convert, check, diff, fields, prompt."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, UnknownName, Unsupported, VerifyError
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.paths import leaves, plain
from paramc.resources import GRAMMARS, TARGETS
from paramc.source.model import Source

if TYPE_CHECKING:
    from paramc.backends.report import Artifact, Grade
    from paramc.dialects.description import Dialect
    from paramc.dialects.found import FieldValue, OptionValue
    from paramc.dialects.prompt import PromptReading
    from paramc.ir.plan import Plan
    from paramc.passes.resolve import Catalogue

PASSES = (
    "extract", "sniff", "read", "upgrade", "resolve", "family", "check", "plan", "legalise", "emit", "verify",
)  # fmt: skip
"""The passes in order; `paramc list passes` prints them."""
Observer: TypeAlias = Callable[[str, object], None]
"""Is told the name of a pass and what it hands on."""


TEXTS = "infotext"  # the engine that reads settings texts


class Loaded(NamedTuple):
    """A source with the Job that was read from it, and what was to be said on the way."""

    source: Source
    job: Job
    diagnostics: tuple[Diagnostic, ...]


class Difference(NamedTuple):
    """A value in which two jobs differ; None on the side that has the field's default."""

    path: str
    left: str | None
    right: str | None


def unobserved(name: str, value: object) -> None:
    """An observer that takes no notice."""


def load(
    source: Source,
    *,
    dialect: str | None = None,
    strict: bool = False,
    grammars: tuple[Path, ...] = (GRAMMARS,),
    catalogue: "Catalogue | None" = None,
    family: str | None = None,
    observe: Observer = unobserved,
) -> Loaded:
    """Sniff, read, upgrade, resolve and detect the family of one source.

    Raises ReadError in strict mode where the UI itself refuses the text, UnknownName for an unknown dialect.
    """
    from paramc.dialects.reading import read_job
    from paramc.passes.family import find_family
    from paramc.passes.sniff import sniff
    from paramc.passes.upgrade import upgrade_job

    observe("extract", source)
    name, noticed = (dialect, ()) if dialect else sniff(source.text, grammars)
    observe("sniff", name)
    job, found = read_job(source.text, find_dialect(name, grammars), strict=strict)
    observe("read", job)
    job = upgrade_job(job, find_dialect(job.producer.dialect, grammars))
    observe("upgrade", job)
    if catalogue is not None:
        from paramc.passes.resolve import resolve_job

        job = resolve_job(job, catalogue)
        observe("resolve", job)
    job = job.model_copy(update={"family": find_family(job, family)})
    observe("family", job)
    return Loaded(source, job, (*source.diagnostics, *noticed, *found))


def read(path: str | PathLike[str], *, dialect: str | None = None, strict: bool = False) -> Job:
    """The Job in a file: an image with settings inside, or a text. Raises SourceError when it holds none."""
    from paramc.source.detect import open_file

    return load(open_file(Path(path)), dialect=dialect, strict=strict).job


def parse(text: str, *, dialect: str | None = None, strict: bool = False) -> Job:
    """The Job in a settings text; `dialect` to insist on one, `strict` for the UI's own reading, losses included."""
    from paramc.source.detect import open_text

    return load(open_text(text), dialect=dialect, strict=strict).job


def lower(job: Job) -> "Plan":
    """The operations that make the job's picture."""
    from paramc.passes.complete import complete_job
    from paramc.passes.plan import plan_job

    return plan_job(complete_job(job))


def compile(  # noqa: A001  # what a compiler does
    job: Job,
    target: str,
    *,
    at_least: "Grade | None" = None,
    options: Mapping[str, str] | None = None,
    targets: tuple[Path, ...] = (TARGETS,),
    observe: Observer = unobserved,
) -> "Artifact":
    """The job as `target` says it, with a fate for every setting.

    Raises Unsupported when a fate is worse than `at_least`, UnknownName for an unknown target or option.
    """
    from paramc.backends.legalise import fate_diagnostics, legalise, report_fates
    from paramc.backends.registry import choices, engine, find_target
    from paramc.backends.report import GRADES, Artifact
    from paramc.passes.complete import complete_job
    from paramc.passes.plan import plan_job

    chosen = find_target(target, targets)
    emit, verify = engine(chosen)
    job = complete_job(job)
    plan = plan_job(job)
    observe("plan", plan)
    asked = choices(chosen, options or {})
    report = report_fates(job, plan, chosen, asked)
    losses = fate_diagnostics(report, chosen)
    if at_least is not None and GRADES.index(report.worst) > GRADES.index(at_least):
        worse = [fate for fate in report.fates if GRADES.index(fate.grade) > GRADES.index(at_least)]
        summary = diagnose("PC604", target=chosen.name, at_least=at_least, count=len(worse), key=worse[0].key)
        raise Unsupported(summary, *losses)
    legal = legalise(plan, chosen)
    observe("legalise", legal)
    files = emit(job, legal, chosen, asked, report)
    wrong = verify(job, chosen, files)
    if any(item.severity == "error" for item in wrong):
        raise VerifyError(*wrong)
    return Artifact(chosen.name, files, report, (*losses, *wrong))


def convert(
    text: str,
    to: str,
    *,
    dialect: str | None = None,
    strict: bool = False,
    at_least: "Grade | None" = None,
    options: Mapping[str, str] | None = None,
) -> "Artifact":
    """A settings text as another target says it: `parse`, then `compile`."""
    return compile(parse(text, dialect=dialect, strict=strict), to, at_least=at_least, options=options)


def check(job: Job) -> tuple[Diagnostic, ...]:
    """What is wrong with a job, whatever the target."""
    from paramc.passes.check import check_job

    return check_job(job)


def diff(a: Job, b: Job) -> tuple[Difference, ...]:
    """The values in which two jobs differ, in the order of the Job's fields."""
    left, right = ({path: plain(value) for path, value in leaves(job)} for job in (a, b))
    paths = dict.fromkeys((*left, *right))
    return tuple(
        Difference(path, left.get(path), right.get(path)) for path in paths if left.get(path) != right.get(path)
    )


def fields(
    text: str, dialect: str = "a1111", *, grammars: tuple[Path, ...] = (GRAMMARS,), **options: "OptionValue"
) -> "dict[str, FieldValue]":
    """Key → value as the UI's own reader gives them: defaults and compatibility included, in its order, as text.

    options: `infotext_styles`, `styles` [(name, prompt, negative)…], `infotext_skip_pasting`, `auto_backcompat`,
    `use_old_hires_fix_width_height`, with the UI's defaults. Raises ReadError where the UI's reader fails.
    """
    from paramc.dialects.ui_fields import ui_fields

    return ui_fields(text, _of_texts(dialect, grammars), **options)


def prompt(
    text: str, dialect: str = "a1111", strict: bool = False, *, version: str | None = None, parser: str | None = None
) -> "PromptReading":
    """A prompt as `dialect` understands it: `.runs()`, `.schedule(steps)`, `.branches()`, `.networks()`, `.text`.

    `version` is that of the program, `parser` one of its modes; without them, the newest and the usual one.
    """
    from paramc.dialects.language import language_of
    from paramc.dialects.prompt import PromptReading
    from paramc.dialects.version import parse_version

    language = language_of(_of_texts(dialect, (GRAMMARS,)), parse_version(version) if version else None, parser)
    return PromptReading(text, language, strict=strict)


def _of_texts(name: str, grammars: tuple[Path, ...]) -> "Dialect":
    """The dialect called `name`. Raises UnknownName for one whose sources are no settings texts."""
    dialect = find_dialect(name, grammars)
    if dialect.engine != TEXTS:
        raise UnknownName(
            diagnose("PC310", name=name, kind="dialect of settings texts", hint="`paramc list dialects` prints all")
        )
    return dialect
