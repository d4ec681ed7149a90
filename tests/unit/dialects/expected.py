"""What the index of the corpus expects of a file, compared with what was read: values, or the words of the source."""

import json
from collections.abc import Iterator, Mapping

import paramc
from paramc.api import Loaded
from paramc.ir.ledger import Stated
from paramc.ir.paths import value_at

TEXTS = {
    "prompt": "prompt",
    "prompt_as_written": "prompt",
    "negative_prompt": "negative",
    "model": "assets.checkpoint.name",
    "vae": "assets.vae.name",
}
NUMBERS = {
    "steps": "sampling.steps",
    "cfg_scale": "sampling.cfg_scale",
    "cfg_rescale": "sampling.cfg_rescale",
    "strength": "task.strength",
}
WORDS = {  # what the source calls them; the Job has canonical ids
    "sampler": "sampling.sampler",
    "scheduler": "sampling.schedule",
    "schedule_type": "sampling.schedule",
    "noise_schedule": "sampling.schedule",
    "model_hash": "assets.checkpoint.hashes",
    "version": "producer.raw_version",
    "clip_skip": "text.layer",
    "resolution": "size",
}
OWN_NAMES = {"app": "app_id", "prompt_weight": "weight", "workflow_id": "workflowId"}
NO_SETTINGS = {"has_api_prompt", "has_ui_workflow", "n_nodes", "n_ui_nodes", "samplers"}  # of graphs


def differences(loaded: Loaded, expected: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """What is expected and was not read."""
    for key, value in expected.items():
        if key not in NO_SETTINGS and not _is_read(loaded, key, value):
            yield key, value


def _is_read(loaded: Loaded, key: str, value: object) -> bool:
    job = loaded.job
    if key in TEXTS:
        if key == "negative_prompt" and paramc.fields(loaded.source.text).get("Negative prompt") == value:
            return True  # SD.Next's templates, which A1111 takes for a prompt
        return _lines(str(getattr(found := value_at(job, TEXTS[key]), "text", found) or "")) == _lines(str(value))
    if key in NUMBERS:
        return value_at(job, NUMBERS[key]) == float(str(value))
    if key == "seed":
        return job.noise.seed == int(str(value))
    if key == "denoising_strength":
        return float(str(value)) in (value_at(job, "task.strength"), value_at(job, "stages.hires.strength"))
    if key in ("width", "height"):
        return job.size is not None and getattr(job.size, key) == int(str(value))
    if key in WORDS and any(str(value) in _said(entry) for entry in _entries(job.ledger, WORDS[key])):
        return True
    if key in ("dream", "description", "parameters"):
        return any(_other(other.text, key, value) for other in loaded.source.others) or _other(
            loaded.source.text, key, value
        )
    if key == "postprocessing":
        return loaded.source.text == value and job.task.kind == "enlarge"
    name = OWN_NAMES.get(key, key)
    if isinstance(value, list) and value and not any(_holds(entry, name, value) for entry in job.ledger):
        return all(any(_said(entry) == item for entry in job.ledger) for part in value for item in _scalars(part))
    return value == [] or any(_holds(entry, name, value) for entry in job.ledger)


def _other(text: str, key: str, value: object) -> bool:
    """Another text of the same file, read by itself."""
    if key == "description":
        return text == value
    assert isinstance(value, Mapping)
    try:
        loaded = paramc.api.load(paramc.source.detect.open_text(text), dialect=key if key == "dream" else None)
    except paramc.ParamcError:
        return False
    return list(differences(loaded, value)) == []


def _entries(ledger: tuple[Stated, ...], path: str) -> Iterator[Stated]:
    return (entry for entry in ledger if path in entry.paths)


def _said(entry: Stated) -> str:
    return str(json.loads(entry.raw)) if entry.raw[:1] == '"' else entry.raw


def _holds(entry: Stated, name: str, value: object) -> bool:
    """Is the value under this name in the entry, itself or inside its JSON?"""
    try:
        read = json.loads(entry.raw)
        read = json.loads(read) if isinstance(read, str) and read[:1] == "{" else read
    except ValueError:
        read = entry.raw
    return (entry.key.rpartition(".")[2].lower() == name and str(read) == str(value)) or value in _inside(read, name)


def _scalars(part: object) -> list[object]:
    if isinstance(part, Mapping):
        part = list(part.values())
    return part if isinstance(part, list) else [part]


def _inside(read: object, name: str) -> Iterator[object]:
    if isinstance(read, Mapping):
        for key, value in read.items():
            if key == name:
                yield value
            yield from _inside(value, name)
    elif isinstance(read, list):
        for item in read:
            yield from _inside(item, name)


def _lines(text: str) -> str:
    """A1111 strips each line of a prompt; so does the index where it comes from A1111's parser."""
    return "\n".join(line.strip() for line in text.strip().splitlines())
