"""The engine for scripts: a plan, selected into plain values, printed by the templates of a target's folder.

Templates run in a sandbox and know only what they are given. What the body uses decides what is imported.
"""

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from paramc import __version__
from paramc.backends.callcheck import faults, read_interface
from paramc.backends.description import Target
from paramc.backends.literals import assignment, call, comment, imports, literal, shown
from paramc.backends.loops import read_loops
from paramc.backends.notebook import SUFFIX, notebook_of, source_of
from paramc.backends.parts import quoted, read_parts
from paramc.backends.pipelines import read_pipelines
from paramc.backends.registry import Choices
from paramc.backends.report import Cause, File, Grade, Report, rank
from paramc.backends.script import Script
from paramc.backends.select import select_script
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.job import Job
from paramc.ir.plan import Plan
from paramc.resources import cache_folder

PIPELINES = "pipelines.toml"
INTERFACE = "interface.toml"
PARTED = 2  # times that a body is printed around its parts: what some of them need is known then
LOOPS, PARTS = "loop.toml", "parts.toml"
HANDED, HANDING = "paramc", "handed.py.j2"  # the style that has paramc paint
BODY, SCRIPT, BEHIND = "body.py.j2", "script.py.j2", "behind.py.j2"


@dataclass(frozen=True, slots=True)
class Loss:
    """Settings that share a fate worse than kept, for the head of a script; all of it printable ASCII."""

    keys: str
    grade: Grade
    code: str
    why: str


def emit(job: Job, plan: Plan, target: Target, choices: Choices, report: Report) -> tuple[File, ...]:
    """The plan as one script; `report` is what its head says of losses. The same job gives the same bytes.

    Raises Unsupported for a model that the target has no pipeline for.
    """
    if choices["style"] == HANDED:
        return (_file(_handed(job, plan, target, report), target, choices),)
    if target.schedulers is None:
        raise ValueError(f"{target.folder}: a target of scripts needs a table of samplers")
    loops = read_loops(target.folder / LOOPS)
    pipelines = read_pipelines(target.folder / PIPELINES)
    script = select_script(plan, pipelines, target.schedulers, choices, target.kind_of, loops)
    templates = templates_of(target.folder)
    is_own = any(passed.loop for passed in script.passes)
    settings, dialect, _ = _settings(job, plan, target, report) if is_own else ("", "", None)
    template = templates.get_template(BODY)
    known = {"settings": settings, "dialect": dialect, "oldest": _oldest(target)}
    parts = ""
    body = template.render(script=script, parts=parts, **known)
    for _ in range(PARTED if is_own or _mending(script) else 0):
        spoken = body.replace(parts, "") if is_own else "\n".join(_mending(script))
        parts = quoted(spoken, read_parts(target.folder / PARTS))
        body = template.render(script=script, parts=parts, **known)
    names, said = _words(body)
    modules = used(names, read_interface(target.folder / INTERFACE).modules)
    text = templates.get_template(SCRIPT).render(
        script=script,
        producer=_producer(job),
        version=__version__,
        needed=[*(_versions(target) if script.passes else ()), *_packages({*said, *modules}, pipelines.packages)],
        losses=losses(report),
        modules=modules,
        body=body,
    )
    behind = "" if is_own else _behind(text, job, plan, target, report)
    return (_file(text + behind, target, choices),)


def _mending(script: Script) -> tuple[str, ...]:
    """What the script reads its texts by."""
    if script.encoding is None:
        return ()
    mended = script.encoding.mended
    labels = ("_labelled",) if script.encoding.words else ()
    return (*labels, "unescaped", *mended) if "opened" in mended else (*labels, *mended)


def _file(text: str, target: Target, choices: Choices) -> File:
    if choices["notebook"]:
        return File(f"{target.name}{SUFFIX}", notebook_of(text))
    return File(f"{target.name}{target.suffix}", text)


def _handed(job: Job, plan: Plan, target: Target, report: Report) -> str:
    """A script that has paramc paint the job."""
    settings, dialect, _ = _settings(job, plan, target, report)
    return (
        templates_of(target.folder)
        .get_template(HANDING)
        .render(
            producer=_producer(job),
            version=__version__,
            losses=losses(report),
            settings=settings,
            dialect=dialect,
        )
    )


def _settings(job: Job, plan: Plan, target: Target, report: Report) -> tuple[str, str, Job | None]:
    from paramc.backends.settings import settings_of  # writes with another engine

    return settings_of(job, plan, target, report)


def _behind(source: str, job: Job, plan: Plan, target: Target, report: Report) -> str:
    """The remarks at the end of a script, with the settings that it was made from."""
    from paramc.backends.behind import settings_behind  # writes with another engine

    found = settings_behind(source, job, plan, target, report)
    return templates_of(target.folder).get_template(BEHIND).render(behind=found) if found else ""


def _producer(job: Job) -> str:
    named = shown(f"{job.producer.dialect} {job.producer.raw_version or ''}".strip(), 40)
    return named.replace("\\", "/").replace('"', "'")


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """Whether each script parses, and calls nothing by a keyword that it does not have."""
    interface = read_interface(target.folder / INTERFACE)
    return tuple(
        diagnose("PC790", target=target.name, file=file.name, problem=fault)
        for file in files
        for fault in faults(source_of(file.text) if file.name.endswith(SUFFIX) else file.text, interface)
    )


def losses(report: Report) -> tuple[Loss, ...]:
    """What is not kept, worst first, one line for all keys that share a reason."""
    together: dict[tuple[Grade, str, str], list[str]] = {}
    # a feature that is lost costs a setting no more than its own fate says: the text of a prompt stays
    found: list[tuple[str, Grade, Cause]] = [
        (fate.key, min(cause.grade, fate.grade, key=rank), cause) for fate in report.fates for cause in fate.causes
    ]
    for key, grade, cause in sorted(found, key=lambda item: -rank(item[1])):
        together.setdefault((grade, cause.code, cause.why), []).append(shown(key, 40))
    return tuple(
        Loss(", ".join(dict.fromkeys(keys)), grade, code, shown(why, 200))
        for (grade, code, why), keys in together.items()
    )


def _words(body: str) -> tuple[set[str], set[str]]:
    """The names that the body of a script speaks of, and all that its code is made of; texts are none of it."""
    names, others = set[str](), set[str]()
    for node in ast.walk(ast.parse(body)):
        match node:
            case ast.Name(id=name):
                names.add(name)
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.alias(name=name):
                others.add(name)
            case _:
                pass
    return names, names | others


def used(names: Collection[str], modules: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The imports that a script needs which speaks of names: modules named as a whole, and names out of modules."""
    needed = {module: tuple(name for name in offered if name in names) for module, offered in modules.items()}
    return {module: chosen for module, chosen in needed.items() if chosen or (module in names and not modules[module])}


def _packages(said: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """The packages that a script needs by what it uses."""
    words = {word.partition(".")[0] for word in said}
    return list(dict.fromkeys(package for word, package in known.items() if word in words))


def _versions(target: Target) -> list[str]:
    return [f'"{name}{versions}"' for name, versions in target.sdk.items()]


def _oldest(target: Target) -> str:
    """The oldest version of the library that a script runs with."""
    return next(iter(target.sdk.values())).partition(",")[0].lstrip("<>=")


@cache
def templates_of(folder: Path) -> SandboxedEnvironment:
    remembered = cache_folder()
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        bytecode_cache=FileSystemBytecodeCache(str(remembered)) if remembered else None,
    )
    environment.globals.update(assignment=assignment, call=call, literal=literal, zip=zip)
    environment.filters.update(imports=imports, comment=comment, keywords=_keywords)
    return environment


def _keywords(table: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in table.items()]
