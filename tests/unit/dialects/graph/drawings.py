"""Recorded graphs, small ones made here, and a graph as plain values."""

import gzip
import json
from pathlib import Path
from typing import Any, TypeAlias

import paramc
from paramc.api import Loaded, load
from paramc.dialects.graph.load import load_graph
from paramc.dialects.graph.model import Graph, Link
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.source.detect import open_text

Drawing: TypeAlias = dict[str, dict[str, Any]]
GOLDEN = Path(__file__).parents[3] / "golden" / "comfyui"
COMFYUI = find_dialect("comfyui")


def records(name: str) -> list[dict[str, Any]]:
    """The records of a golden file."""
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def graph_of(value: object) -> Graph:
    """The graph in a JSON value."""
    return load_graph(json.dumps(value), COMFYUI)


def plain(graph: Graph) -> Drawing:
    """Classes and inputs by id, as the server takes them."""
    return {
        node.id: {
            "class_type": node.type,
            "inputs": {name: [*value] if isinstance(value, Link) else value for name, value in node.inputs.items()},
        }
        for node in graph.nodes.values()
    }


def bare(api: Drawing) -> Drawing:
    """Classes and inputs alone."""
    return {name: {"class_type": node.get("class_type"), "inputs": node["inputs"]} for name, node in api.items()}


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    """One node; a pair of an id and a number is a link."""
    return {
        "class_type": class_type,
        "inputs": {name: [*value] if isinstance(value, tuple) else value for name, value in inputs.items()},
    }


def drawing(**more: dict[str, Any]) -> Drawing:
    """One picture from a text; `more` are further nodes, or others in the place of these."""
    return {
        "file": node("CheckpointLoaderSimple", ckpt_name="dream.safetensors"),
        "good": node("CLIPTextEncode", text="a cat", clip=("file", 1)),
        "bad": node("CLIPTextEncode", text="blurry", clip=("file", 1)),
        "empty": node("EmptyLatentImage", width=640, height=512, batch_size=1),
        "pass": sampler(),
        "picture": node("VAEDecode", samples=("pass", 0), vae=("file", 2)),
        "result": node("SaveImage", images=("picture", 0), filename_prefix="x"),
        **more,
    }


def sampler(**changed: object) -> dict[str, Any]:
    """A pass over the empty latent."""
    usual: dict[str, object] = {
        "seed": 5, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0,
        "model": ("file", 0), "positive": ("good", 0), "negative": ("bad", 0), "latent_image": ("empty", 0),
    }  # fmt: skip
    return node("KSampler", **(usual | changed))


def job_of(value: object) -> Job:
    """The Job of a JSON value."""
    return paramc.parse(json.dumps(value))


def loaded(value: object, pick: int = 1) -> Loaded:
    """The Job of a JSON value, with what was said on the way."""
    return load(open_text(json.dumps(value)), pick=pick)


def codes(value: object) -> list[str]:
    """What is said of a JSON value, sorted."""
    return sorted(item.code for item in loaded(value).diagnostics)


def named(job: Job) -> list[str]:
    """The nodes that a Job no more than names."""
    return [patch.name for patch in job.patches if patch.kind == "opaque"]
