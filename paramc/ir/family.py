"""Which model family a job is for, and why."""

from typing import Literal

from paramc.ir.base import Model


class Evidence(Model):
    """One clue: where it was found, the value seen, the family that it speaks for, and how strongly."""

    source: str
    value: str
    says: str
    strength: Literal["definite", "high", "medium", "low"]


class Family(Model):
    """`base` decides pipeline, latents and text encoders; `name` only defaults and lints."""

    name: str
    base: str
    confidence: Literal["definite", "high", "medium", "low", "none"] = "none"
    evidence: tuple[Evidence, ...] = ()
    conflicts: tuple[str, ...] = ()
