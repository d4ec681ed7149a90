"""Plans by hand: a picture of the usual kind, and what differs from it."""

import json
from collections.abc import Mapping
from typing import Any

from paramc.backends.graph import emit
from paramc.backends.registry import choices, find_target
from paramc.backends.report import Report
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.plan import (
    Decode,
    EmptyLatent,
    Encode,
    LoadCheckpoint,
    MakeNoise,
    Op,
    Plan,
    Run,
    Sample,
    Save,
    Sigmas,
    Variant,
)

COMFYUI = find_target("comfyui")


def encode(name: str, *texts: tuple[int, str], **changes: Any) -> Encode:
    """An encoding of one text, or of several, each with its last call."""
    variants = tuple(Variant(last_call=last, text=text, runs=(Run(text=text),)) for last, text in texts)
    values: dict[str, Any] = {"clip": "checkpoint.clip", "variants": variants, "layer": -1, "emphasis": "original"}
    return Encode(id=name, negative=name.startswith("negative"), **(values | changes))


def weighted(name: str, *runs: Run, **changes: Any) -> Encode:
    """An encoding of weighted runs."""
    variant = Variant(last_call=20, text="".join(run.text for run in runs), runs=runs)
    return encode(name, **({"variants": (variant,)} | changes))


def picture(*changed: Op, family: str = "sd1", without: tuple[str, ...] = ()) -> Plan:
    """Text to image, 20 steps of DPM++ 2M Karras at 512 x 768. `changed` ops replace those of their id or come before
    the first pass; ops named in `without` are left out.
    """
    usual: list[Op] = [
        LoadCheckpoint(id="checkpoint", asset=AssetRef(name="dream")),
        encode("positive", (20, "a lighthouse")),
        encode("negative", (20, "fog")),
        EmptyLatent(id="latent", size=Size(512, 768), batch=1),
        MakeNoise(id="noise", seed=5, generator="cpu"),
        Sigmas(id="sigmas", model="checkpoint.model", schedule="karras", steps=20),
        sample("sample"),
        Decode(id="decode", latent="sample", vae="checkpoint.vae"),
        Save(id="save", image="decode"),
    ]
    replacing = {op.id: op for op in changed}
    ids = {op.id for op in usual}
    ops: list[Op] = []
    for op in usual:
        if op.id == "sample":
            ops += [new for new in changed if new.id not in ids]
        if op.id not in without:
            ops.append(replacing.get(op.id, op))
    return Plan(family=family, base=family, ops=tuple(ops))


def sample(name: str, **changes: Any) -> Sample:
    """The usual pass."""
    usual: dict[str, Any] = {
        "model": "checkpoint.model",
        "positive": "positive",
        "negative": "negative",
        "latent": "latent",
        "noise": "noise",
        "sigmas": "sigmas",
        "sampler": "dpmpp_2m",
        "cfg_scale": 7.0,
    }
    return Sample(id=name, **(usual | changes))


def graph_of(plan: Plan, job: Job | None = None, **options: str) -> dict[str, Any]:
    """The graph of a plan, parsed."""
    return json.loads(text_of(plan, job, **options))


def text_of(plan: Plan, job: Job | None = None, **options: str) -> str:
    """The graph of a plan as written."""
    (file,) = emit(job or Job(), plan, COMFYUI, choices(COMFYUI, options), Report("comfyui", ()))
    return file.text


def only(graph: Mapping[str, Any], class_type: str) -> dict[str, Any]:
    """The inputs of the only node of a class."""
    (node,) = [node for node in graph.values() if node["class_type"] == class_type]
    return node["inputs"]


def every(graph: Mapping[str, Any], class_type: str) -> list[dict[str, Any]]:
    """The inputs of all nodes of a class."""
    return [node["inputs"] for node in graph.values() if node["class_type"] == class_type]


def classes(graph: Mapping[str, Any]) -> list[str]:
    """The classes in the order of the ids."""
    return [node["class_type"] for node in graph.values()]
