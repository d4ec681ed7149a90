"""The Encode and Combine ops: texts to guides, each text encoded once for each state of its encoders."""

from collections.abc import Sequence
from functools import partial

from paramc.ir.plan import Average, Combine, Encode
from paramc.runtime.denoise.prompts import Branch
from paramc.runtime.execute.values import Guide
from paramc.runtime.text.encode import Encoded, empty_prompt, encode
from paramc.runtime.text.manners import find_manner
from paramc.runtime.text.stack import TextStack
from paramc.runtime.text.words import LearnedWord


def encoded(op: Encode, stack: TextStack, words: Sequence[LearnedWord]) -> tuple[Guide, Encoded]:
    """The guide of one text, and what there is to say of it."""
    manner = find_manner(op.manner)
    result = encode(op, stack, manner, words=words, backtrack=op.backtrack)
    return Guide((Branch(result.entries),), partial(empty_prompt, op, stack, manner)), result


def combined(op: Combine | Average, guides: Sequence[Guide]) -> Guide:
    """Several guides as the AND-parts of one, each with its weight, and with its area where they are averaged."""
    branches = tuple(
        Branch(branch.entries, weight)
        for guide, weight in zip(guides, op.weights, strict=True)
        for branch in guide.branches
    )
    return Guide(branches, guides[0].empty, areas=op.areas if isinstance(op, Average) else ())
