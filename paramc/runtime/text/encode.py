"""An Encode op performed: the texts of a prompt's schedule, encoded as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.plan import Encode, Run
from paramc.runtime.denoise.prompts import Entry
from paramc.runtime.text.manners import LAST, Manner
from paramc.runtime.text.row import Row
from paramc.runtime.text.stack import TextStack
from paramc.runtime.text.texts import Texts, encode_texts
from paramc.runtime.text.words import LearnedWord

SHOWN = 80  # characters of a text in a message


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """entries: the texts by the calls that see them. rows: of each variant, for the first encoder.

    words: names of the learned words that were used, in order.
    """

    entries: tuple[Entry, ...]
    rows: tuple[tuple[Row, ...], ...]
    words: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]


def encode(
    op: Encode,
    stack: TextStack,
    manner: Manner,
    *,
    words: Sequence[LearnedWord] = (),
    backtrack: int | None = None,
) -> Encoded:
    """The conditioning of every variant of an op. `words` are fitting ones.

    Raises RunError where nothing could be painted from it: a weight beyond all numbers, or encoders that give none.
    """
    manner = manner if backtrack is None else replace(manner, backtrack=backtrack)
    counts: dict[tuple[str, tuple[Run, ...]], int] = {}
    for variant in op.variants:
        counts[variant.text, variant.runs] = counts.get((variant.text, variant.runs), 0) + 1
    places = {key: index for index, key in enumerate(counts)}
    order = [places[variant.text, variant.runs] for variant in op.variants]
    texts = Texts(
        tuple(text for text, _ in counts),
        tuple(runs for _, runs in counts),
        tuple(counts.values()),
        op.emphasis,
        _asked_layer(op, manner),
        op.negative,
    )
    done = encode_texts(texts, stack, manner, words, dialect=op.manner)
    zeroes = stack.base.pooled and not stack.base.long and manner.empty_negative == "zeros"
    if zeroes and _is_empty_negative(op):
        done = done.zeros()
    if not bool(torch.isfinite(done.tokens).all()):
        is_weighted = any(run.weight != 1 for variant in op.variants for run in variant.runs)
        path, text = "negative" if op.negative else "prompt", op.variants[0].text[:SHOWN]
        raise RunError(diagnose("PC505" if is_weighted else "PC579", path=path, text=text))
    parts = [done.conditioning(index) for index in range(len(counts))]
    return Encoded(
        tuple(Entry(variant.last_call, parts[index]) for variant, index in zip(op.variants, order, strict=True)),
        tuple(done.rows[index] for index in order),
        tuple(dict.fromkeys(learned.name for rows in done.rows for row in rows for learned in row.learned)),
        done.diagnostics,
    )


def empty_prompt(op: Encode, stack: TextStack, manner: Manner) -> Tensor:
    """(1, 77, width): the empty prompt as this op would encode it, to fill shorter prompts with."""
    texts = Texts(("",), ((Run(text=""),),), (1,), op.emphasis, _asked_layer(op, manner), op.negative)
    return encode_texts(texts, stack, manner, dialect=op.manner).tokens


def _asked_layer(op: Encode, manner: Manner) -> int | None:
    # a job has the last one where nothing was asked for, and a program that takes any would take it
    return None if op.layer == LAST and manner.layers == "asked" else op.layer


def _is_empty_negative(op: Encode) -> bool:
    return op.negative and not any(variant.text for variant in op.variants)
