"""Graphs as people share them, written by hand with the inputs of their nodes, and what each of them says.

`shared.jsonl.gz` holds a name, the values wanted and the graph of each: of ComfyUI itself in tens of families, of some
fifty packs, and as the frontend saves them, with subgraphs, relays and values that are sent without a line.
"""

import pytest

from paramc.ir.job import Job
from tests.unit.dialects.graph.drawings import loaded, named, records

SHARED = {record["name"]: record for record in records("shared")}


def said(job: Job) -> dict[str, object]:
    """A Job by the words of the table."""
    networks = [patch for patch in job.patches if patch.kind == "extra_network"]
    return {
        "seed": job.noise.seed,
        "steps": job.sampling.steps,
        "cfg": job.sampling.cfg_scale,
        "guidance": job.sampling.distilled_cfg_scale,
        "sampler": job.sampling.sampler,
        "schedule": job.sampling.schedule,
        "prompt": job.prompt.text,
        "negative": job.negative.text,
        "size": list(job.size) if job.size else None,
        "model": job.assets.checkpoint and job.assets.checkpoint.name,
        "loras": [[patch.model.name, patch.unet, patch.text_encoder] for patch in networks],
        "named": sorted(named(job)),
        "task": job.task.kind,
        "strength": getattr(job.task, "strength", None),
        "stages": [stage.kind for stage in job.stages],
        "controls": len(job.controls),
        "layer": job.text.layer,
        "batch": job.batch.size,
    }


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_graph_says_what_it_was_made_with(name: str) -> None:
    found = loaded(SHARED[name]["graph"])
    values = said(found.job) | {"codes": sorted(item.code for item in found.diagnostics)}
    assert {key: values[key] for key in SHARED[name]["want"]} == SHARED[name]["want"]
