"""The order of painting: what takes long to get ready changes least often."""

import itertools

import paramc
from paramc.dialects.axes import read_sweep
from paramc.ir.job import Job
from paramc.passes.order import painting_order

JOB = paramc.parse("a cat <lora:x:1>\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 512x512, Model: m")


def jobs(*axes: str) -> list[Job]:
    return [cell.job for cell in read_sweep(axes, JOB).cells(JOB)]


def changes(values: list[object]) -> int:
    return sum(left != right for left, right in itertools.pairwise(values))


def test_models_change_least_often_then_networks_then_texts() -> None:
    found = jobs("prompt:cat=dog,fox", "prompt:<lora:x:1>=<lora:x:0.5>,<lora:y:1>", "checkpoint=a,b", "seed=1..3")
    ordered = [found[place] for place in painting_order(found)]
    networks: list[object] = ["0.5" in job.prompt.text for job in ordered]
    assert changes([job.assets for job in ordered]) == 1
    assert changes(networks) == 3
    assert changes([job.prompt for job in ordered]) == 7


def test_without_anything_to_reuse_the_order_stays() -> None:
    assert painting_order(jobs("seed=3..1", "steps=4,2")) == (0, 1, 2, 3, 4, 5)


def test_every_job_comes_once() -> None:
    found = jobs("checkpoint=a,b,a", "prompt=x,y,x")
    assert sorted(painting_order(found)) == list(range(9))
