"""A Job on one screen: labels and texts, in the words of the IR."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from paramc.ir.assets import AssetRef, Hash
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.names import sampler_of
from paramc.ir.paths import leaves, plain, value_at
from paramc.ir.prompt import NetworkTag, Prompt

Groups: TypeAlias = Mapping[str, Mapping[str, object]]
DOT = " · "
HASH_DIGITS = 12  # shown of a hash
MOST_RAW = 400  # characters shown of what is not understood
_OWN_FORM = frozenset({"producer", "task", "prompt", "negative", "assets", "size", "sampling"})
_BY_KIND = frozenset({"stages", "controls", "patches"})


def describe(job: Job) -> list[tuple[str, str]]:
    """Everything that a job says or that is no default: a label and a text for each group of values."""
    groups = _groups(job)
    lines = [
        ("producer", DOT.join(filter(None, (job.producer.dialect, job.producer.raw_version)))),
        ("task", DOT.join((_words(job.task.kind), *_facts(groups, "task")))),
        ("prompt", job.prompt.text.strip("\n")),
        ("negative", job.negative.text.strip("\n")),
        ("networks", "\n".join(_network(tag) for tag in (*job.prompt.networks, *job.negative.networks))),
        *_files(job),
        ("sampling", DOT.join(_sampling(job, groups))),
        ("size", shown(job.size) if job.size else ""),
        *((_label(name), DOT.join(_facts(groups, name))) for name in groups if name not in _OWN_FORM),
        ("unknown", "\n".join(f"{item.key}: {_cropped(item.raw)}" for item in job.ledger if not item.paths)),
        ("implied", "\n".join(f"{item.path} = {item.read}: {item.because}" for item in job.implied)),
        ("family", _family(job.family) if job.family else ""),
    ]
    return [(label, text) for label, text in lines if text]


def _cropped(raw: str) -> str:
    """A whole graph that nobody understands is no line for a screen."""
    return raw if len(raw) <= MOST_RAW else f"{raw[:MOST_RAW]}… ({len(raw):,} characters)"


def _groups(job: Job) -> Groups:
    """Values by group and name: those that are no defaults, then those that the source states although they are."""
    told = dict(leaves(job))
    stated = (path for entry in job.ledger for path in entry.paths if path not in told)
    told |= {path: value for path in stated if (value := value_at(job, path)) is not None}
    groups: dict[str, dict[str, object]] = {}
    for path, value in told.items():
        group, name = _split(path)
        groups.setdefault(group, {})[name] = value
    return groups


def _split(path: str) -> tuple[str, str]:
    """Group and name of a value: `noise`, `seed`; but `stages.hires`, `scale`."""
    first, _, rest = path.partition(".")
    if first not in _BY_KIND:
        return first, rest
    kind, _, name = rest.partition(".")
    return f"{first}.{kind}", name


def _label(group: str) -> str:
    return _words(group.rpartition(".")[2])


def _facts(groups: Groups, group: str) -> Iterator[str]:
    """The values of a group in a few words each; its kind is the label."""
    return (_fact(name, value) for name, value in groups.get(group, {}).items() if name != "kind")


def _sampling(job: Job, groups: Groups) -> Iterator[str]:
    """The sampler under its title and its id, the schedule, then every other value."""
    sampler, schedule = job.sampling.sampler, job.sampling.schedule
    if sampler:
        title = sampler_of(sampler).title
        yield f"{title} ({sampler})" if title != sampler else title
    if schedule:
        yield schedule
    for name, value in groups.get("sampling", {}).items():
        if name not in ("sampler", "schedule"):
            yield _fact(name, value)


def _files(job: Job) -> Iterator[tuple[str, str]]:
    defaults = type(job.assets).model_fields
    for name, value in job.assets.__dict__.items():
        if value != defaults[name].default:
            yield _words(name), shown(value)


def _fact(name: str, value: object) -> str:
    """`cfg scale 7`; of a switch only its name; pairs speak for themselves."""
    words = _words(name.replace(".", " "))
    match value:
        case True:
            return words
        case False:
            return f"{words} off"
        case ((str(), str()), *_):
            return DOT.join(shown(item) for item in value)
        case _:
            return f"{words} {shown(value, ', ')}"


def shown(value: object, between: str = "\n") -> str:
    """A value as people write it: texts and names without quotes, sizes as `512 × 768`, several one after another."""
    match value:
        case str():
            return value
        case Prompt():
            return value.text
        case AssetRef():
            return _asset(value)
        case Hash():
            return _hash(value)
        case Size():
            return f"{value.width} × {value.height}"
        case (str(name), str(text)):
            return f"{name} {text}"
        case tuple():
            return between.join(shown(item) for item in value)
        case _:
            return plain(value)


def _asset(asset: AssetRef) -> str:
    found = () if asset.status == "unresolved" else (asset.status, asset.path)
    hashes = (_hash(item) for item in asset.hashes)
    return DOT.join(filter(None, (asset.name, asset.version, asset.urn, *hashes, *found))) or "unnamed"


def _hash(item: Hash) -> str:
    return f"{item.algorithm} {item.hex[:HASH_DIGITS]}"


def _network(tag: NetworkTag) -> str:
    strengths = dict.fromkeys(plain(value) for value in (tag.unet, tag.text_encoder) if value is not None)
    return DOT.join((tag.kind, tag.name, *strengths))


def _family(family: Family) -> str:
    head = family.name if family.confidence == "none" else f"{family.name}{DOT}confidence {family.confidence}"
    clues = (f"{clue.source} `{clue.value}` says {clue.says} ({clue.strength})" for clue in family.evidence)
    return "\n".join((head, *clues, *family.conflicts))


def _words(name: str) -> str:
    return name.replace("_", " ")
