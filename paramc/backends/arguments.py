"""The arguments of a pipeline's call as source text, out of the quantities that a script knows."""

from collections.abc import Iterator, Mapping

from paramc.backends.pipelines import PipelineRow
from paramc.backends.script import Texts

VARIABLES = {"mask_picture": "mask"} | {name: name for name in ("generators", "latents", "picture", "controls")}


def encoded(sources: dict[str, str]) -> Texts:
    """How the texts are encoded; in their place, `sources` has what comes of it."""
    positive, negative = f"[{sources.pop('prompt')}]", sources.pop("negative", "")
    emphasis = [sources["emphasis"]] if "emphasis" in sources else []
    sources |= {"embeds": "embeds", "pooled": "pooled"}
    if not negative:
        return Texts(("pipe", positive, "[[]]", *emphasis))
    negative = f"[{negative}]"
    sources |= {"negative_embeds": "negative_embeds", "negative_pooled": "negative_pooled"}
    return Texts(("pipe", positive, negative, *emphasis), ("pipe", negative, positive, *emphasis))


def arguments_of(row: PipelineRow, sources: Mapping[str, str]) -> Iterator[str]:
    """The arguments of a pipeline's call. Texts that the script embeds by itself are no arguments."""
    told = dict(sources) | VARIABLES
    if "clip_skip" in told and "prompt" in told:
        told["embeds"] = f"encode_prompt(pipe, {told.pop('prompt')})"
        told["negative_embeds"] = f"encode_prompt(pipe, {told.pop('negative')})"
    if "cfg" in told:
        told["beyond"] = f"{told['cfg']} - 1"
    yield from (f"{keyword}={told[quantity]}" for keyword, quantity in row.arguments.items() if quantity in told)
    yield from (f"{keyword}={text}" for keyword, text in row.told.items())
