"""The engine of the runner's target: the Plan itself, as JSON."""

import json
from collections.abc import Mapping

from paramc.backends.description import Target
from paramc.backends.report import File, Report
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Unsupported
from paramc.ir.base import json_of
from paramc.ir.job import Job
from paramc.ir.plan import Plan

NAME = "plan"


def emit(
    job: Job, plan: Plan, target: Target, choices: Mapping[str, str | int | float | bool], report: Report
) -> tuple[File, ...]:
    """One file: what the runner would do, op by op. Raises Unsupported for a plan with parts that it cannot perform."""
    if _unfounded(plan):
        raise Unsupported(diagnose("PC640", base=plan.base, known=", ".join(_bases(target))))
    return (File(f"{NAME}{target.suffix}", json_of(plan, indent=2) + "\n"),)


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """Whether every op finds its inputs among the ops before it."""
    return tuple(
        diagnose("PC790", file=file.name, problem=f"`{op}` builds on nothing that stands before it", target=target.name)
        for file in files
        for op in _unfounded(Plan.model_validate(json.loads(file.text)))
    )


def _bases(target: Target) -> tuple[str, ...]:
    """The bases that the runner paints with."""
    named = target.about.get("bases", [])
    return tuple(map(str, named)) if isinstance(named, list) else ()


def _unfounded(plan: Plan) -> list[str]:
    known: set[str] = set()
    wrong = []
    for op in plan.ops:
        inputs = [value for name, value in op.__dict__.items() if name in _INPUTS and isinstance(value, str)]
        wrong += [op.id] if any(value.partition(".")[0] not in known for value in inputs) else []
        known.add(op.id)
    return wrong


_INPUTS = frozenset(
    {"model", "clip", "vae", "positive", "negative", "latent", "noise", "sigmas", "image", "refined_by"}
)
