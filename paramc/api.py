"""The public verbs: read, parse, lower, compile, convert, run, check, diff, fields, prompt."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, get_args

from paramc.diagnostics.arguments import demand, demand_one_of, demand_optional_text, demand_text
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError, UnknownName, Unsupported, VerifyError
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.paths import leaves, plain
from paramc.resources import GRAMMARS, TARGETS
from paramc.source.model import Source

if TYPE_CHECKING:
    from paramc.backends.description import Target
    from paramc.backends.registry import Choices
    from paramc.backends.report import Artifact, Grade, Report
    from paramc.dialects.description import Dialect
    from paramc.dialects.found import FieldValue, OptionValue
    from paramc.dialects.prompt import PromptReading
    from paramc.dialects.rephrase import Rephrased
    from paramc.dialects.variants import Variants
    from paramc.ir.plan import Plan
    from paramc.passes.resolve import Catalogue
    from paramc.runtime.execute.runner import NumberType, Ran, Runner
    from paramc.runtime.execute.runner import Source as NoiseSource
    from paramc.runtime.execute.thrift import Offload, Stored
    from paramc.runtime.execute.watch import Watch

TEXTS = "infotext"  # the engine that reads settings texts
RECORDS = "record"  # … and that of records
SHORT = 150  # characters: a text that no program cuts
PART = "painted_part"  # the option that says what part of a picture is painted alone
GRAPHS = "graph"  # the engine that writes graphs
PASSES = (
    "extract", "sniff", "read", "upgrade", "resolve", "family", "check", "plan", "legalise", "emit", "verify",
)  # fmt: skip
"""The passes in order; `paramc list passes` prints them."""
Observer: TypeAlias = Callable[[str, object], None]
"""Is told the name of a pass and what it hands on."""


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
    pick: int = 1,
    limit: int | None = None,
    observe: Observer = unobserved,
) -> Loaded:
    """Sniff, read, upgrade, resolve and detect the family of one source.

    `pick`: which result of a graph that makes several pictures, from 1. `limit`: characters that a graph may have.
    Raises ReadError in strict mode where the UI itself refuses the text, UnknownName for an unknown dialect.
    """
    from paramc.dialects.reading import read_job
    from paramc.passes.family import find_family
    from paramc.passes.sniff import sniff
    from paramc.passes.upgrade import upgrade_job

    observe("extract", source)
    name, noticed = (dialect, ()) if dialect else sniff(source.text, grammars, carrier=source.key)
    observe("sniff", name)
    job, found = read_job(
        source.text, find_dialect(name, grammars), strict=strict, source=source, pick=pick, limit=limit
    )
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

    demand("path", path, (str, PathLike), "a path")
    demand_optional_text(dialect=dialect)
    return load(open_file(Path(path)), dialect=dialect, strict=strict).job


def parse(text: str, *, dialect: str | None = None, strict: bool = False) -> Job:
    """The Job in a settings text; `dialect` to insist on one, `strict` for the UI's own reading, losses included.

    Raises UnknownName for an unknown dialect, in strict mode ReadError where the UI itself refuses the text.
    """
    from paramc.source.detect import open_text

    demand_text(text=text)
    demand_optional_text(dialect=dialect)
    demand("strict", strict, bool, "true or false")
    return load(open_text(text, verbatim=strict), dialect=dialect, strict=strict).job


def lower(job: Job, *, grammars: tuple[Path, ...] = (GRAMMARS,)) -> "Plan":
    """The operations that make the job's picture, in order; what the job leaves open is filled in first."""
    from paramc.passes.complete import complete_job
    from paramc.passes.plan import plan_job

    _demand_job(job=job)
    return plan_job(complete_job(job, grammars), grammars)


def compile(  # noqa: A001  # what a compiler does
    job: Job,
    target: str,
    *,
    at_least: "Grade | None" = None,
    options: Mapping[str, str] | None = None,
    targets: tuple[Path, ...] = (TARGETS,),
    grammars: tuple[Path, ...] = (GRAMMARS,),
    observe: Observer = unobserved,
) -> "Artifact":
    """The job as `target` says it, with a fate for every setting.

    Raises Unsupported when a fate is worse than `at_least`, UnknownName for an unknown target or option.
    """
    from paramc.backends.legalise import fate_diagnostics, legalise, report_fates
    from paramc.backends.registry import choices, engine, find_target
    from paramc.backends.report import GRADES, Artifact, reread
    from paramc.passes.complete import complete_job
    from paramc.passes.plan import plan_job

    _demand_job(job=job)
    demand_text(target=target)
    if at_least is not None:
        demand_one_of("grade", at_least, GRADES)
    chosen = find_target(target, targets).writing(grammars)
    emit, verify = engine(chosen)
    asked: Choices = choices(chosen, _wishes(options or {}))
    job, lost = _reworded(complete_job(job, grammars), chosen, asked)
    asked, shown = _with_part(job, asked)
    plan = plan_job(job, grammars)
    observe("plan", plan)
    report = report_fates(job, plan, chosen, asked)
    losses = fate_diagnostics(report, chosen)
    _demand(at_least, report, losses)
    legal = _bordered(legalise(plan, chosen, asked), chosen)
    observe("legalise", legal)
    files = emit(job, legal, chosen, asked, report)
    wrong = tuple(item for item in verify(job, chosen, files) if not _is_told(item, report))
    if any(item.severity == "error" for item in wrong):
        raise VerifyError(*wrong)
    said = (*losses, *lost, *shown, *wrong)
    report = reread(report, (*lost, *wrong))
    _demand(at_least, report, said)
    return Artifact(chosen.name, files, report, (*_infinities(job), *said))


def _with_part(job: Job, asked: "Choices") -> tuple["Choices", tuple[Diagnostic, ...]]:
    """The options with the part that the job's mask marks, where a target asks for it and the user has not said it."""
    task = job.task
    if asked.get(PART) != "" or task.kind != "inpaint":
        return asked, ()
    from paramc.runtime.stages.part import part_to_paint  # without torch, for inpainting alone

    part = part_to_paint(job)
    if part is None:
        return asked, ()
    told = ",".join(map(str, part))
    return {**asked, PART: told}, (diagnose("PC860", path="task.area", part=told, mask=task.mask.path),)


def _bordered(plan: "Plan", target: "Target") -> "Plan":
    """The plan with long texts cut where their own program cuts them, for targets that would cut elsewhere."""
    texts = (variant.text for op in plan.ops if op.op == "encode" for variant in op.variants)
    if target.engine != GRAPHS or not any(len(text) > SHORT for text in texts):
        return plan
    from paramc.runtime.text.borders import at_borders  # without torch

    return at_borders(plan)


def _reworded(job: Job, target: "Target", asked: "Choices") -> tuple[Job, tuple[Diagnostic, ...]]:
    """The job in the language of the settings text that is written, and what that costs; itself for other targets."""
    if target.engine != TEXTS:
        return job, ()
    from paramc.backends.translate import reworded  # only for settings texts

    return reworded(job, target, asked)


def _demand_job(**arguments: object) -> None:
    for name, value in arguments.items():
        demand(name, value, Job, "a Job")


def _wishes(options: Mapping[str, str]) -> dict[str, str]:
    """The user's options as texts."""
    demand("options", options, Mapping, "a mapping of names to texts")
    for name, value in options.items():
        demand_text(**{"the name of an option": name})
        demand(f"options[{name!r}]", value, (str, bool, int, float), "a text")
    return {name: str(value) for name, value in options.items()}


def _infinities(job: Job) -> Iterator[Diagnostic]:
    """What is no number in a job that nobody checked."""
    for path, value in leaves(job):
        if isinstance(value, float) and not isfinite(value):
            yield diagnose("PC401", path=path, name=path, value=value)


def _demand(at_least: "Grade | None", report: "Report", losses: tuple[Diagnostic, ...]) -> None:
    """Raises Unsupported, with the losses, when a fate is worse than asked for."""
    from paramc.backends.report import rank

    if at_least is None or rank(report.worst) <= rank(at_least):
        return
    worse = [fate for fate in report.fates if rank(fate.grade) > rank(at_least)]
    summary = diagnose("PC604", target=report.target, at_least=at_least, count=len(worse), key=worse[0].key)
    raise Unsupported(summary, *losses)


def _is_told(lost: Diagnostic, report: "Report") -> bool:
    """Does the report say already that this value does not get through, or that it does nothing to the picture?"""
    return lost.severity != "error" and any(
        lost.path in fate.paths and ((fate.grade == "dropped" and fate.code) or fate.grade == "inert")
        for fate in report.fates
    )


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


def run(
    jobs: "Job | Iterable[Job]",
    *,
    models: "str | PathLike[str] | Sequence[str | PathLike[str]]" = (),
    device: str = "auto",
    dtype: "NumberType" = "float32",
    rng: "NoiseSource | None" = None,
    offload: "Offload" = "auto",
    tile_vae: bool = False,
    channels_last: bool = False,
    compile_model: bool = False,
    weights: "Stored" = "same",
    watch: "Watch | None" = None,
) -> "Ran":
    """The pictures of one job or of several, painted here; needs the extra `run`.

    models: folders with model files, beside those that were scanned before. device: `auto`, `cpu`, `cuda`, …
    rng: where noise comes from for jobs that do not say it. offload: whether the models of a checkpoint take turns on
    a graphics card, `none`, `model`, `layers`, or `auto` by its free memory. weights: `float8` keeps those of the
    diffusion model in a quarter of the room, and paints another picture. Raises RunError.
    """
    from paramc.ir.job import Job as SingleJob

    demand("jobs", jobs, (SingleJob, Iterable), "a Job or several")
    demand("models", models, (str, PathLike, Iterable), "a folder or several")
    listed = [jobs] if isinstance(jobs, SingleJob | str) else list(jobs)
    folders = [models] if isinstance(models, str | PathLike) else list(models)
    for job in listed:
        _demand_job(jobs=job)
    for folder in folders:
        demand("models", folder, (str, PathLike), "a folder or several")
    runner = open_runner(
        folders,
        device=device,
        dtype=dtype,
        rng=rng,
        offload=offload,
        tile_vae=tile_vae,
        channels_last=channels_last,
        compile_model=compile_model,
        weights=weights,
    )
    return runner.run_all(listed) if watch is None else runner.run_all(listed, watch)


def open_runner(
    models: "Iterable[str | PathLike[str]]",
    *,
    device: str,
    dtype: "NumberType",
    rng: "NoiseSource | None",
    offload: "Offload" = "auto",
    tile_vae: bool = False,
    channels_last: bool = False,
    compile_model: bool = False,
    weights: "Stored" = "same",
    grammars: tuple[Path, ...] = (GRAMMARS,),
    targets: tuple[Path, ...] = (TARGETS,),
) -> "Runner":
    """What runs jobs and keeps models between them. Raises RunError where the libraries are not installed."""
    try:
        from paramc.runtime.execute.runner import DTYPES, GENERATORS, Runner
        from paramc.runtime.execute.thrift import Offload, Stored, Thrift
    except ModuleNotFoundError as error:
        if (error.name or "paramc").startswith("paramc"):
            raise
        raise RunError(diagnose("PC571", package=error.name)) from error
    demand_one_of("number format", dtype, DTYPES)
    demand_one_of("way to offload", offload, get_args(Offload))
    demand_one_of("way to hold weights", weights, get_args(Stored))
    if rng is not None:
        demand_one_of("source of noise", rng, GENERATORS)
    folders = [Path(folder) for folder in models]
    thrift = Thrift(offload, tile_vae, channels_last, compile_model, weights)
    return Runner(folders, device=device, dtype=dtype, rng=rng, thrift=thrift, grammars=grammars, targets=targets)


def check(job: Job) -> tuple[Diagnostic, ...]:
    """What is wrong with a job, whatever the target: values out of range, names that nothing has."""
    from paramc.passes.check import check_job
    from paramc.passes.place import without_replaced

    _demand_job(job=job)
    return without_replaced(job, check_job(job))


def diff(a: Job, b: Job) -> tuple[Difference, ...]:
    """The values in which two jobs differ, in the order of the Job's fields."""
    _demand_job(a=a, b=b)
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

    demand_text(text=text, dialect=dialect)
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

    demand_text(text=text, dialect=dialect)
    demand_optional_text(version=version, parser=parser)
    demand("strict", strict, bool, "true or false")
    language = language_of(_of_prompts(dialect), parse_version(version) if version else None, parser)
    return PromptReading(text, language, strict=strict)


def rephrase(text: str, source: str, target: str) -> "Rephrased":
    """A prompt of one program's language in another's, with a diagnostic for everything that changes.

    Raises UnknownName for a dialect without a prompt language.
    """
    from paramc.dialects.language import language_of
    from paramc.dialects.rephrase import rephrase as rephrased

    demand_text(text=text, source=source, target=target)
    return rephrased(text, language_of(_of_prompts(source)), language_of(_of_prompts(target)))


def variants(template: str, most: int, seed: int | None = None, wildcards: Path | None = None) -> "Variants":
    """The first `most` texts that a template of Dynamic Prompts can say; with a `seed`, as many drawn ones.

    wildcards: the folder with files of wildcards. Which text the program itself drew cannot be worked out.
    """
    from paramc.dialects.variants import variants_of
    from paramc.dialects.wildcards import Wildcards

    demand_text(template=template)
    return variants_of(template, Wildcards(wildcards), most=most, seed=seed)


def _of_prompts(name: str) -> "Dialect":
    """The dialect called `name`, one that reads prompts."""
    from paramc.dialects.language import FILE

    found = find_dialect(name)
    if found.engine == RECORDS:
        from paramc.dialects.read_record import language_name

        return find_dialect(language_name(found))
    return found if found.path(FILE) is not None else _of_texts(name, (GRAMMARS,))


def _of_texts(name: str, grammars: tuple[Path, ...]) -> "Dialect":
    """The dialect called `name`. Raises UnknownName for one whose sources are no settings texts."""
    dialect = find_dialect(name, grammars)
    if dialect.engine != TEXTS:
        raise UnknownName(
            diagnose("PC310", name=name, kind="dialect of settings texts", hint="`paramc list dialects` prints all")
        )
    return dialect
