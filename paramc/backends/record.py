"""Job → a record that another program reads: JSON or a command line, by the table of fields of its dialect."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from paramc.backends.description import Target
from paramc.backends.infotext import differing_values, of_dialect, said_by_rule
from paramc.backends.registry import Choices
from paramc.backends.report import File, Report
from paramc.backends.revision import implied_by
from paramc.backends.wording import Said, Wording
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.codecs import NUMBERS
from paramc.dialects.description import Dialect
from paramc.dialects.fields import NOTES, OPAQUE, fields_of
from paramc.dialects.language import language_of
from paramc.dialects.read_record import language_name, read_record
from paramc.dialects.registry import find_dialect
from paramc.dialects.rephrase import rephrase
from paramc.ir.assets import AssetRef
from paramc.ir.control import ExtraNetwork
from paramc.ir.job import Job
from paramc.ir.places import View
from paramc.ir.plan import Plan
from paramc.ir.prompt import NetworkTag, Prompt
from paramc.passes.complete import complete_job
from paramc.passes.upgrade import upgrade_job
from paramc.tables import NOTHING, as_row, section

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
INDENT: Final = 2
TRUTHS: Final = ("bool", "presence", "part")
TEXTS: Final = frozenset({"size", "target_size", "noise_size", "tuple_size", "variation", "pair", "triple"})
SHELL: Final = "shell"
TRUE: Final = "True"
LORA: Final = "lora"  # the kind of network that other programs list beside the prompt
MANNERS: Final = frozenset({"text.language", "text.emphasis", "noise.generator"})  # the program's, whatever is asked


class Writing(NamedTuple):
    """`[record]` of target.toml. `layout`: `json`, or `shell` for the command `program`.

    `constants`: further members, by their paths. `texts`: numbers that are written as texts. `tags`: whether prompts
    keep their tags of networks; otherwise the networks are written beside them.
    """

    layout: str = "json"
    program: str = ""
    constants: Mapping[str, str | int | float | bool] = NOTHING
    texts: tuple[str, ...] = ()
    tags: bool = False


def emit(job: Job, plan: Plan, target: Target, choices: Choices, report: Report) -> tuple[File, ...]:
    """The record as the only file of the artefact."""
    return (File(f"{target.name}{target.suffix}", write_record(job, target)),)


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """What the record, read back, does not say as the job has it, and what its prompts lost on the way."""
    dialect = _dialect(target)
    said, lost = _reworded(job, target)
    back = upgrade_job(read_record(files[0].text, dialect)[0], dialect)
    differing = differing_values(said, back, dialect)
    return (*lost, *(item for item in differing if item.path not in MANNERS))


def write_record(job: Job, target: Target) -> str:
    """The record of a job, member by member in the order of the table."""
    dialect, writing = _dialect(target), writing_of(target)
    fields = fields_of(dialect)
    mine = of_dialect(written_job(job, target), dialect)
    wording = Wording(View(mine), fields, implied_by(mine, dialect, said_by_rule(mine, fields)))
    foreign = job.producer.dialect != dialect.name
    due = [said for said in wording.all() if wording.is_due(said) and not (foreign and said.row.key in (NOTES, OPAQUE))]
    return _command(due, writing) if writing.layout == SHELL else _document(due, writing)


def written_job(job: Job, target: Target) -> Job:
    """The job as the target says it: prompts in its language, networks beside them where they know no tags."""
    return _reworded(job, target)[0]


def _reworded(job: Job, target: Target) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The job in the words of the target's prompts, and what these cost."""
    job = job if writing_of(target).tags else _without_tags(job)
    theirs = find_dialect(language_name(_dialect(target)), target.grammars)
    source, language = language_of(find_dialect(job.text.language, target.grammars)), language_of(theirs)
    if source.reads_like(language):
        return job, ()
    lost: list[Diagnostic] = []
    changed: dict[str, object] = {"text": job.text.model_copy(update={"language": theirs.name})}
    for path, prompt in (("prompt", job.prompt), ("negative", job.negative)):
        said = rephrase(prompt.text, source, language, job.assets.embedding_names)
        lost += [replace(item, path=path, labels=()) for item in said.diagnostics]
        changed[path] = Prompt.model_validate(said.text)
    return complete_job(job.model_copy(update=changed), target.grammars), tuple(lost)


def _without_tags(job: Job) -> Job:
    tags = job.prompt.networks
    if not tags:
        return job
    taken = len([patch for patch in job.patches if isinstance(patch, ExtraNetwork)])
    networks = [_beside(tag, taken + number) for number, tag in enumerate(tags, 1) if tag.kind == LORA]
    prompt = Prompt.model_validate(_untagged(job.prompt))
    return complete_job(job.model_copy(update={"prompt": prompt, "patches": (*job.patches, *networks)}))


def writing_of(target: Target) -> Writing:
    """`[record]` of the target."""
    return as_row(section(target.about, "record", target.folder), Writing, target.folder)


def _dialect(target: Target) -> Dialect:
    return find_dialect(target.dialect or target.name, target.grammars)


def _untagged(prompt: Prompt) -> str:
    """The text without its tags of LoRA and the blanks that they leave at its ends."""
    text = prompt.text
    for tag in reversed(prompt.networks):
        if tag.span is not None and tag.kind == LORA:
            text = text[: tag.span.start] + text[tag.span.end :]
    return text.strip(" ,") if text != prompt.text else text


def _beside(tag: NetworkTag, unit: int) -> ExtraNetwork:
    unet = 1.0 if tag.unet is None else tag.unet
    return ExtraNetwork(
        unit=unit,
        model=AssetRef(name=tag.name),
        unet=unet,
        text_encoder=unet if tag.text_encoder is None else tag.text_encoder,
    )


def _document(due: Iterable[Said], writing: Writing) -> str:
    root: dict[str, Json] = {}
    for path, value in (*writing.constants.items(), *((said.key, _value(said, writing)) for said in due)):
        _place(root, path.split("."), value)
    document = json.dumps(_listed(root), indent=INDENT, ensure_ascii=False)
    try:
        document.encode()
    except UnicodeEncodeError:  # surrogates without a partner are no text, but survive as escapes
        document = json.dumps(_listed(root), indent=INDENT)
    return f"{document}\n"


def _value(said: Said, writing: Writing) -> Json:
    """The text of a value as JSON has it."""
    kind = said.row.kind
    if kind in TRUTHS or (kind == "choice" and said.text in ("True", "False")):
        return said.text == TRUE
    if kind in NUMBERS and kind not in TEXTS and said.key not in writing.texts:
        with suppress(ValueError):  # what is no number, like nan, stays a text
            number: Json = json.loads(said.text, parse_constant=str)
            return number
    return said.text


def _place(home: dict[str, Json], path: list[str], value: Json) -> None:
    for step in path[:-1]:
        inner = home.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        home = inner
    home[path[-1]] = value


def _listed(value: Json) -> Json:
    """Objects whose keys are numbers as arrays, in the order of the numbers."""
    if not isinstance(value, dict):
        return value
    items = {key: _listed(item) for key, item in value.items()}
    if items and all(key.isdecimal() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items


def _command(due: Iterable[Said], writing: Writing) -> str:
    return " ".join((writing.program, *(word for said in due for word in _words(said)))) + "\n"


def _words(said: Said) -> Iterator[str]:
    from shlex import quote  # only for command lines

    yield said.key
    if said.row.kind not in TRUTHS:
        # A word that begins like a switch is quoted as well, so that no reader takes it for one.
        yield quote(said.text) if said.text[:1] != "-" else "'" + said.text.replace("'", "'\"'\"'") + "'"
