"""A prompt: its text, which has the last word, and what the passes before emphasis make of it.

Emphasis is no part of the tree: it is computed from each expanded text (`paramc.dialects.weights`), because brackets of
weight and of editing may cross.
"""

from typing import Annotated, TypeAlias
from typing import Literal as Exactly

from pydantic import Field, model_validator

from paramc.diagnostics.model import Span
from paramc.ir.base import Model, trusted

EDIT_LEVELS = 2  # of JSON that one Edit adds
ALTERNATE_LEVELS = 3
DEEPEST_BODY = 128  # levels of JSON: 64 edits inside one another, or 42 alternations; readers of JSON fail from 200 on


class NetworkTag(Model):
    """A network that the prompt switches on, e.g. `<lora:name:0.8>`.

    `args` are the unnamed arguments without the name, `named` those with a `=`, both as spelt. The strengths are what
    these come to by the rules of the tag's kind; None where the kind has no such strength or it is not a number.
    `blocks` are further factors, of the text encoders and of the model's blocks in order: none are said, or None where
    they are not numbers. The network acts on the steps [first_step, last_step) of the diffusion model.
    """

    kind: str
    name: str
    args: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    text_encoder: float | None = None
    unet: float | None = None
    rank: int | None = None
    blocks: tuple[float, ...] | None = ()
    first_step: int | None = None
    last_step: int | None = None
    span: Span | None = None


class Literal(Model):
    """Text that is the same in every step."""

    kind: Exactly["literal"] = "literal"
    text: str


class Edit(Model):
    """`before` through the step that `when` comes to, `after` from then on.

    `when` is as written. With a decimal point (`fraction`) it is a share of the pass, or of both passes counted from 0
    to 2 while there is a second one; without, it counts model calls. Legacy timelines look at the value instead.
    """

    kind: Exactly["edit"] = "edit"
    before: "Body" = ()
    after: "Body" = ()
    when: float
    fraction: bool
    span: Span | None = None


class Alternate(Model):
    """One option each step, in turn; step 1 has the first."""

    kind: Exactly["alternate"] = "alternate"
    options: tuple["Body", ...]
    span: Span | None = None


class Opaque(Model):
    """Text with a structure that is not taken apart, as beyond DEEPEST_BODY; `reason` says why."""

    kind: Exactly["opaque"] = "opaque"
    text: str
    reason: str
    span: Span | None = None


Part: TypeAlias = Annotated[Literal | Edit | Alternate | Opaque, Field(discriminator="kind")]
Body: TypeAlias = tuple[Part, ...]


class Branch(Model):
    """One of the prompts that are guided by at the same time; weights are not normalised and may be 0 or negative."""

    weight: float = 1.0
    text: str = ""
    body: Body = ()
    span: Span | None = None


class Prompt(Model):
    """`text` is exactly what the source says; spans are code points of it, [start, end).

    The text decides: two prompts are equal when their texts are. A prompt made from a bare text has no branches until
    the grammar of its language has read it (`paramc.passes.complete`).
    """

    text: str = ""
    networks: tuple[NetworkTag, ...] = ()
    branches: tuple[Branch, ...] = (trusted(Branch)(),)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"text": value, "branches": ()} if isinstance(value, str) else value

    @property
    def is_read(self) -> bool:
        """Whether a grammar has told what the text is made of."""
        return bool(self.branches)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Prompt) else NotImplemented

    def __hash__(self) -> int:
        return hash((Prompt, self.text))
