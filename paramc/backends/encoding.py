"""How a script encodes prompts by itself."""

from paramc.backends.loops import Loops
from paramc.backends.pieces import MOVES, names_ends
from paramc.backends.pipelines import ModelRow
from paramc.backends.planned import Planned, PlannedPass
from paramc.backends.script import Encoding
from paramc.ir.plan import Encode


def encoding_of(planned: Planned, model: ModelRow, loops: Loops | None, *, chosen: bool) -> Encoding:
    """The encoding of a script's prompts. chosen: its layer is among the constants."""
    passed, is_normed = planned.passes[0], not model.text_layer
    layer = "-CLIP_SKIP" if chosen else str(-(model.text_layer or 1))
    if passed.asked is None or loops is None:
        return Encoding(model.encoders, layer, is_normed, 0)
    encodes = (op for op in planned.plan.ops if isinstance(op, Encode))
    texts = "".join(run.text for op in encodes for variant in op.variants for run in variant.runs)
    row = loops.row_length(passed.asked, planned.plan.base)
    return Encoding(
        model.encoders,
        _deeper(passed, model, loops) or layer,
        is_normed,
        passed.asked.backtrack,
        names_ends(texts),
        loops.mending(planned.plan.base, passed.asked, texts)[: len(model.encoders)],
        words=model.letters if planned.embeddings else (),
        long=model.long,
        least=row.least if row else 0,
        alone=bool(row and row.alone),
        groups=loops.reader(passed.asked.manner).groups,
        moves=passed.asked.emphasis == MOVES,
        folds=not (texts.isascii() and texts.isprintable()),
    )


def _deeper(passed: PlannedPass, model: ModelRow, loops: Loops) -> str:
    """The layer that is asked for below the model's own, where its program takes such; empty where not."""
    asks = passed.asked is not None and loops.reader(passed.asked.manner).deep and not model.layers
    if not asks or passed.layer >= -(model.text_layer or 2):
        return ""
    return str(passed.layer + (not model.text_layer))  # stored without its last one where it is normed
