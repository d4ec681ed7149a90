"""Prompts laid over one another in any way are read as what the server makes of them, and come back."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

import paramc
from paramc.dialects.language import language_of
from paramc.dialects.registry import find_dialect
from paramc.ir.control import PromptArea
from paramc.ir.job import Job
from paramc.ir.paths import leaves
from tests.unit.dialects.graph.drawings import Drawing, drawing, named, node, sampler

EXAMPLES = 100
CENSUS = 500
A1111 = language_of(find_dialect("a1111"))
Told: TypeAlias = tuple[tuple[str, Any], ...]


class Shape(NamedTuple):
    """A node that makes a conditioning, what it is told, and those that it makes it of."""

    kind: str
    told: Told = ()
    parts: tuple["Shape", ...] = ()


class Entry(NamedTuple):
    """One entry of a conditioning, as the server keeps it."""

    texts: tuple[str, ...]
    strength: float = 1.0
    rectangle: tuple[object, ...] | None = None
    mask: tuple[object, ...] | None = None


def told(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[Told]:
    return st.fixed_dictionaries(values).map(lambda found: tuple(found.items()))


one_of = st.sampled_from
TEXT = Shape("CLIPTextEncode")
strengths = one_of([1.0, 0.5, 1.5])
sides = one_of([64, 128, 320])
shares = one_of([0.25, 0.33, 1.0])
corners = one_of([0, 64, 200])
masks = one_of(["red", "green", "blue", "alpha", "inverted", "transparent", "of a picture"])
LAID: dict[str, st.SearchStrategy[Told]] = {
    "ConditioningSetArea": told(x=corners, y=corners, width=sides, height=sides, strength=strengths),
    "ConditioningSetAreaPercentage": told(x=shares, y=shares, width=shares, height=shares, strength=strengths),
    "ConditioningSetMask": told(mask=masks, strength=strengths, set_cond_area=one_of(["default", "mask bounds"])),
    "ConditioningSetAreaStrength": told(strength=strengths),
}


def grown(inner: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    """What one node more makes of conditionings."""
    laid = [st.builds(_over(kind), values, inner) for kind, values in LAID.items()]
    both = st.builds(lambda first, second: Shape("ConditioningCombine", (), (first, second)), inner, inner)
    longer = st.builds(lambda first: Shape("ConditioningConcat", (), (first, TEXT)), inner)
    return st.one_of(both, both, longer, *laid)


def _over(kind: str) -> Callable[[Told, Shape], Shape]:
    return lambda values, inner: Shape(kind, values, (inner,))


shapes = st.recursive(st.just(TEXT), grown, max_leaves=6)
INPUTS = {
    "ConditioningCombine": ("conditioning_1", "conditioning_2"),
    "ConditioningConcat": ("conditioning_to", "conditioning_from"),
}


def drawn(shape: Shape, nodes: Drawing) -> tuple[str, list[Entry]]:
    """The node of a shape, put among the others, and its entries."""
    below = [drawn(part, nodes) for part in shape.parts]
    values, name = dict(shape.told), f"n{len(nodes)}"
    if shape == TEXT:
        nodes[name] = node("CLIPTextEncode", text=f"word{len(nodes)}", clip=("file", 1))
        return name, [Entry((f"word{len(nodes) - 1}",))]
    told = values | ({"mask": _mask(values["mask"], nodes)} if "mask" in values else {})
    inputs = INPUTS.get(shape.kind, ("conditioning",))
    links = {each: (link, 0) for each, (link, _) in zip(inputs, below, strict=True)}
    nodes[f"{name}x"] = node(shape.kind, **told, **links)
    return f"{name}x", _laid(shape.kind, values, [entries for _, entries in below])


def _laid(kind: str, values: dict[str, Any], below: list[list[Entry]]) -> list[Entry]:
    first = below[0]
    match kind:
        case "ConditioningCombine":
            return first + below[1]
        case "ConditioningConcat":
            return [each._replace(texts=each.texts + below[1][0].texts) for each in first]
        case "ConditioningSetAreaStrength":
            return [each._replace(strength=values["strength"]) for each in first]
        case "ConditioningSetMask":
            mask = (*FILES[values["mask"]], values["strength"], values["set_cond_area"] == "mask bounds")
            return [each._replace(mask=mask) for each in first]
        case _:
            unit = "share" if "Percentage" in kind else "pixels"
            rectangle = (unit, *(values[name] for name in ("x", "y", "width", "height")))
            unfitted = [each._replace(mask=each.mask and (*each.mask[:-1], False)) for each in first]
            return [each._replace(strength=values["strength"], rectangle=rectangle) for each in unfitted]


FILES: dict[str, tuple[str, str, bool]] = {
    **{channel: ("m.png", channel, False) for channel in ("red", "green", "blue", "alpha")},
    "inverted": ("m.png", "green", True),
    "transparent": ("l.png", "alpha", False),
    "of a picture": ("l.png", "blue", False),
}


def _mask(name: str, nodes: Drawing) -> tuple[str, int]:
    """The output that brings a mask."""
    file, channel, inverts = FILES[name]
    loader = f"m{len(nodes)}"
    if file == "l.png":
        nodes[loader] = node("LoadImage", image=file)
        if channel == "alpha":
            return loader, 1
        nodes[f"{loader}x"] = node("ImageToMask", image=(loader, 0), channel=channel)
        return f"{loader}x", 0
    nodes[loader] = node("LoadImageMask", image=file, channel=channel)
    if inverts:
        nodes[f"{loader}x"] = node("InvertMask", mask=(loader, 0))
        return f"{loader}x", 0
    return loader, 0


def read_of(shape: Shape) -> tuple[Job, list[Entry]]:
    """The job of a graph whose prompt has the shape, and the entries that the server makes of it."""
    nodes: Drawing = {}
    name, entries = drawn(shape, nodes)
    graph = drawing(**nodes, **{"pass": sampler(positive=(name, 0))})
    return paramc.parse(json.dumps(graph)), entries


def said_by(job: Job) -> list[Entry]:
    """The entries that a job speaks of."""
    areas = {area.branch: area for area in job.patches if isinstance(area, PromptArea)}
    plain = [(job.prompt.text, 1.0)]
    composed = [(part.text, part.weight) for part in A1111.branches.split(job.prompt.text)]
    parts = composed if job.text.language == "a1111" else plain
    return [_entry(text, weight, areas.get(place)) for place, (text, weight) in enumerate(parts)]


def _entry(text: str, weight: float, area: PromptArea | None) -> Entry:
    entry = Entry(tuple(piece.strip() for piece in text.split("BREAK")), weight)
    if area is None:
        return entry
    entry = entry._replace(strength=weight * area.strength)
    if area.width is not None:
        entry = entry._replace(rectangle=(area.unit, area.x, area.y, area.width, area.height))
    if area.mask is None:
        return entry
    mask = (area.mask.path, area.mask_channel, area.inverts_mask, area.mask_strength, area.fits_mask)
    return entry._replace(mask=mask)


def beside(entries: list[Entry]) -> list[Entry]:
    """With strengths as what they are beside one another."""
    mean = sum(entry.strength for entry in entries) / len(entries)
    return [entry._replace(strength=round(entry.strength / mean, 4)) for entry in entries]


@given(shapes)
@settings(max_examples=EXAMPLES)
def test_what_the_server_makes_of_a_conditioning_is_read(shape: Shape) -> None:
    job, entries = read_of(shape)
    assert (beside(said_by(job)), named(job)) == (beside(entries), [])


@given(shapes)
@settings(max_examples=EXAMPLES)
def test_a_graph_that_is_written_anew_says_the_same(shape: Shape) -> None:
    job, _ = read_of(shape)
    again = paramc.parse(paramc.compile(job, "comfyui", options={"canonical": "true"}).text)
    assert dict(leaves(again)) == dict(leaves(job))


def test_every_node_is_drawn() -> None:
    seen: Counter[str] = Counter()

    @given(shapes)
    @settings(max_examples=CENSUS)
    def count(shape: Shape) -> None:
        nodes: Drawing = {}
        drawn(shape, nodes)
        seen.update({each["class_type"] for each in nodes.values()})

    count()
    wanted = {*LAID, *INPUTS, "LoadImageMask", "LoadImage", "InvertMask", "ImageToMask"}
    assert {name for name in wanted if seen[name] < CENSUS * 0.02} == set()
