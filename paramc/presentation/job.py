"""A Job on one screen: labels and texts, in the words of the IR."""

from collections.abc import Iterator

from paramc.ir.assets import AssetRef
from paramc.ir.base import Model
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.names import sampler_of
from paramc.ir.paths import leaves, plain
from paramc.ir.prompt import NetworkTag, Prompt
from paramc.ir.sampling import Sampling

DOT = " · "
HASH_DIGITS = 12  # shown of a hash


def describe(job: Job) -> list[tuple[str, str]]:
    """Everything that a job says: a label and a text for each group of values, none for a group at its defaults."""
    lines = [
        ("producer", DOT.join(filter(None, (job.producer.dialect, job.producer.raw_version)))),
        ("task", DOT.join((_words(job.task.kind), *_facts(job.task)))),
        ("prompt", job.prompt.text),
        ("negative", job.negative.text),
        ("networks", "\n".join(_network(tag) for tag in (*job.prompt.networks, *job.negative.networks))),
        *_files(job),
        ("sampling", DOT.join(_sampling(job.sampling))),
        ("size", _shown(job.size) if job.size else ""),
        ("noise", DOT.join(_facts(job.noise))),
        ("batch", DOT.join(_facts(job.batch))),
        ("text", DOT.join(_facts(job.text))),
        *((_words(item.kind), DOT.join(_facts(item))) for item in (*job.stages, *job.controls, *job.patches)),
        ("unknown", "\n".join(f"{item.key}: {item.raw}" for item in job.ledger if not item.paths)),
        ("implied", "\n".join(f"{item.path} = {item.read}: {item.because}" for item in job.implied)),
        ("family", _family(job.family) if job.family else ""),
    ]
    return [(label, text) for label, text in lines if text]


def _files(job: Job) -> Iterator[tuple[str, str]]:
    defaults = type(job.assets).model_fields
    for name, value in job.assets.__dict__.items():
        if value != defaults[name].default:
            yield _words(name), _shown(value)


def _sampling(sampling: Sampling) -> Iterator[str]:
    """The sampler under its name and its id, then every other value."""
    for path, value in leaves(sampling):
        match path, value:
            case "sampler", str():
                title = sampler_of(value).title
                yield f"{title} ({value})" if title != value else title
            case "schedule", str():
                yield value
            case _:
                yield _fact(path, value)


def _facts(model: Model) -> Iterator[str]:
    return (_fact(path, value) for path, value in leaves(model))


def _fact(path: str, value: object) -> str:
    """`cfg scale 7`; of a switch only its name."""
    name = _words(path.replace(".", " "))
    match value:
        case True:
            return name
        case False:
            return f"{name} off"
        case tuple() if value and isinstance(value[0], tuple):
            return DOT.join(_shown(item) for item in value)
        case _:
            return f"{name} {_shown(value)}"


def _shown(value: object) -> str:
    match value:
        case str():
            return value
        case Prompt():
            return value.text
        case AssetRef():
            return _asset(value)
        case Size():
            return f"{value.width} × {value.height}"
        case (str(name), str(text)):
            return f"{name} {text}"
        case tuple():
            return "\n".join(_shown(item) for item in value)
        case _:
            return plain(value)


def _asset(asset: AssetRef) -> str:
    hashes = (f"{item.algorithm} {item.hex[:HASH_DIGITS]}" for item in asset.hashes)
    found = () if asset.status == "unresolved" else (asset.status, asset.path)
    return DOT.join(filter(None, (asset.name, asset.version, asset.urn, *hashes, *found))) or "unnamed"


def _network(tag: NetworkTag) -> str:
    strengths = dict.fromkeys(plain(value) for value in (tag.unet, tag.text_encoder) if value is not None)
    return DOT.join((tag.kind, tag.name, *strengths))


def _family(family: Family) -> str:
    head = DOT.join((family.name, f"confidence {family.confidence}")) if family.confidence != "none" else family.name
    clues = (f"{clue.source} `{clue.value}` says {clue.says} ({clue.strength})" for clue in family.evidence)
    return "\n".join((head, *clues, *family.conflicts))


def _words(name: str) -> str:
    return name.replace("_", " ")
