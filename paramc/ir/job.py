"""The Job: what was asked for, in no program's words."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from paramc.diagnostics.arguments import demand, demand_text
from paramc.ir.assets import Assets
from paramc.ir.base import Model, trusted
from paramc.ir.control import Control, Patch
from paramc.ir.family import Family
from paramc.ir.geometry import Sides
from paramc.ir.ledger import Implied, Ledger
from paramc.ir.paths import replaced
from paramc.ir.prompt import Prompt
from paramc.ir.ranges import COUNT, LAYER, POSITIVE, SIDES
from paramc.ir.sampling import Noise, Sampling
from paramc.ir.stages import Hires, Refiner, Stage, Task, TextToImage


class Producer(Model):
    """The program that wrote the settings.

    `version` is comparable: release numbers, then −1 (pre-release), 0 or 1 (commits after it) and a count.
    """

    dialect: str = "a1111"
    version: tuple[int, ...] | None = None
    raw_version: str | None = None
    user: str | None = None
    template: str | None = None  # with choices and wildcards, which the prompt was made from
    negative_template: str | None = None
    notes: tuple[tuple[str, str], ...] = ()  # what never touches the image, as written: (key, text)


class Batch(Model):
    """How many images were made at once, and which of them this is (from 0)."""

    size: Annotated[int, POSITIVE] = 1
    position: Annotated[int | None, COUNT] = None

    @property
    def place(self) -> int:
        """Which image this is; a position beyond the batch is its last."""
        return min(self.position or 0, self.size - 1)


class Text(Model):
    """How prompts become conditioning."""

    language: str = "a1111"  # dialect whose prompt grammar the texts follow
    emphasis: Literal["original", "no_norm", "ignore", "none", "comfy", "compel"] = "original"
    layer: Annotated[int, LAYER] = -1  # hidden state counted from the end: −1 last, −2 penultimate
    padding: Literal["none", "empty_chunks", "repeat_last"] = "none"  # when positive and negative differ in length
    legacy_timelines: bool = False  # prompt editing counts as before A1111 1.6.0
    backtrack: Annotated[int, COUNT] = 20  # tokens that may move behind a comma at the end of a chunk of 75


class Job(Model):
    """Settings of one image. `parse` gives it, `compile` lowers it, `replace` edits it."""

    schema_number: Literal[1] = Field(default=1, alias="schema")
    producer: Producer = trusted(Producer)()
    task: Task = trusted(TextToImage)()
    prompt: Prompt = trusted(Prompt)()
    negative: Prompt = trusted(Prompt)()
    size: Annotated[Sides | None, SIDES] = None  # of the first pass
    batch: Batch = trusted(Batch)()
    assets: Assets = trusted(Assets)()
    text: Text = trusted(Text)()
    sampling: Sampling = trusted(Sampling)()
    noise: Noise = trusted(Noise)()
    stages: tuple[Stage, ...] = ()
    controls: tuple[Control, ...] = ()
    patches: tuple[Patch, ...] = ()
    family: Family | None = None
    ledger: Ledger = ()
    implied: tuple[Implied, ...] = ()

    @property
    def hires(self) -> Hires | None:
        """The first hires pass."""
        return next((stage for stage in self.stages if isinstance(stage, Hires)), None)

    @property
    def refiner(self) -> Refiner | None:
        """The checkpoint that takes over while sampling."""
        return next((stage for stage in self.stages if isinstance(stage, Refiner)), None)

    def replace(self, values: Mapping[str, object] | None = None, /, **named: object) -> "Job":
        """A copy with other values: `job.replace({"sampling.steps": 30})` or `job.replace(sampling__steps=30)`.

        Raises InvalidValue for a path that does not exist or a value that it cannot take.
        """
        demand("values", values, (Mapping, type(None)), "a mapping of paths to values")
        edits = dict(values or {}) | {name.replace("__", "."): value for name, value in named.items()}
        job = self
        for path, value in edits.items():
            demand_text(**{"a path": path})
            job = replaced(job, path, value)
        return job

    def origin(self, path: str) -> str:
        """Where the value at `path` comes from: `stated`, `implied: RULE` or `default`."""
        if any(path in stated.paths for stated in self.ledger):
            return "stated"
        return next((f"implied: {item.because}" for item in self.implied if item.path == path), "default")
