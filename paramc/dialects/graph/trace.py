"""From each output of a graph back to what it was made with: its passes, their models, texts and starts."""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.graph.chains import chain
from paramc.dialects.graph.conditionings import Conditionings, clip_chain
from paramc.dialects.graph.found import NOTHING_FOUND, Conditioning, Found, Pass, Result, Start
from paramc.dialects.graph.model import Graph, Link, Node
from paramc.dialects.graph.roles import Role, Roles
from paramc.dialects.graph.starts import origin
from paramc.dialects.graph.values import as_number, as_whole
from paramc.dialects.graph.walk import ONWARD, Walk

MOST_OUTPUTS: Final = 64  # that are traced, each on its own
MOST_VISITS: Final = 30_000  # of nodes, by all outputs together
PICTURES: Final = ("image", "latent", "")  # what may lead to a picture; of an unknown class nothing is known
NESTED: Final = "nested"  # the order of two guidances in which the first is scaled by the second
FINISHING: Final = ("resize", "scale", "crop", "upscale", "paste", "detailer")


def trace(graph: Graph, roles: Roles) -> tuple[tuple[Result, ...], tuple[Diagnostic, ...]]:
    """Every picture that leaves the graph, in the order of the source, and what could not be followed.

    One that is a stage of another is no result of its own.
    """
    results: list[Result] = []
    problems: dict[tuple[str, str], Diagnostic] = {}
    reached: set[str] = set()
    visited = 0
    for node in _outputs(graph, roles):
        if node.id in reached:
            continue
        if len(results) == MOST_OUTPUTS or visited > MOST_VISITS:
            problems["PC343", ""] = diagnose("PC343", count=len(results))
            break
        walk = Walk(graph, roles)
        result = _result(walk, node)
        result.nodes, result.opaque = list(walk.used), [*walk.opaque, *graph.crossed]
        visited += len(walk.used)
        if result.passes or result.image.value is not None:
            results.append(result)
            reached.update(made.node.id for made in result.passes)
            problems |= walk.problems
    return tuple(_whole(results)), tuple(problems.values())


def _outputs(graph: Graph, roles: Roles) -> list[Node]:
    """Nodes whose result leaves the graph, those that only show one last, and nodes whose result nobody uses."""
    ends = [node for node in graph.nodes.values() if roles.ends(node)]
    previews = [node for node in ends if "preview" in roles.of(node).fixed]
    saves = [node for node in ends if "preview" not in roles.of(node).fixed]
    used = {value.node for node in graph.nodes.values() for value in node.inputs.values() if isinstance(value, Link)}
    loose = [node for node in graph.nodes.values() if node.id not in used and not roles.ends(node)]
    inner = [node for node in graph.nodes.values() if node.id in used and roles.of(node).role == "sample"]
    return saves + loose + previews + inner  # a pass may go into a picture beside another one


def _whole(results: list[Result]) -> Iterator[Result]:
    """Without results that end in a pass of another, or in the same one again, and without looks at what goes in."""
    inside = {name for result in results if result.passes for name in result.nodes}
    chosen = [result for result in results if result.passes or _steps(result)[-1] not in inside]
    chosen = [result for result in chosen if result.passes or result.finish] or chosen
    steps = [_steps(result) for result in chosen]
    taken = {name for names in steps for name in names[:-1]}
    for result, names in zip(chosen, steps, strict=True):
        if names[-1] not in taken:
            taken.add(names[-1])
            yield result


def _steps(result: Result) -> list[str]:
    """The nodes of the passes; without any, those of what is done to the picture."""
    made = [made.node for made in result.passes] or [node for _, node in result.finish] or [result.node]
    return [node.id for node in made]


def _result(walk: Walk, output: Node) -> Result:
    """What a node at the end shows: of several pictures the first that was sampled."""
    walk.used[output.id] = None
    role = walk.role(output)
    if role.role == "sample":
        result = Result(output)
        _passes(walk, output, result)
        return result
    ready = role.link(output, "image")
    links = [ready] if ready else _pictures(walk, output)
    results = (_shown(walk, output, link) for link in links)
    return next((result for result in results if result.passes or len(links) == 1), Result(output))


def _pictures(walk: Walk, output: Node) -> list[Link]:
    """The inputs of a node that may be pictures."""
    first = walk.stand_in(output, "image") or walk.stand_in(output, "latent")
    links = [value for value in output.inputs.values() if isinstance(value, Link)]
    sources = ((link, walk.graph.nodes.get(link.node)) for link in links)
    more = [link for link, source in sources if source and walk.roles.gives(source, link.slot) in PICTURES]
    return list(dict.fromkeys([first, *more] if first else more))


def _shown(walk: Walk, output: Node, link: Link | None) -> Result:
    result = Result(output)
    seen: set[Link] = set()
    while link and (node := walk.fresh(link, seen)):
        role = walk.role(node)
        if role.role == "sample":
            if walk.roles.gives(node, link.slot) == "image":
                result.vae = chain(walk, role.link(node, "vae"), "vae")
            _passes(walk, node, result)
            break
        if role.role == "load_image":
            result.image = walk.found(node, "file")
            break
        link = _earlier(walk, node, role, result)
    return result


def _earlier(walk: Walk, node: Node, role: Role, result: Result) -> Link | None:
    """What a step on the finished picture works on."""
    match role.role:
        case "decode":
            result.vae = chain(walk, role.link(node, "vae"), "vae")
            return role.link(node, "latent")
        case "paste":
            result.finish.insert(0, (role.role, node))
            pasted, ground = role.link(node, "image"), role.link(node, "ground")
            return pasted if _is_sampled(walk, pasted) or not _is_sampled(walk, ground) else ground
        case name if name in FINISHING:
            result.finish.insert(0, (name, node))
            if name == "upscale":
                walk.node(role.link(node, "model"))
            return role.link(node, "image")
        case name if name in ONWARD:
            return walk.onward(node, "image")
        case "repeat" | "resize_latent" | "scale_latent" | "crop_latent" | "masked":
            walk.opaque[node.id] = None
            return role.link(node, "latent")
        case _:
            return walk.passed(node, "image") or walk.stand_in(node, "latent")


def _is_sampled(walk: Walk, link: Link | None) -> bool:
    """Whether a pass is among what a link comes from."""
    waiting = [link.node] if link else []
    seen: set[str] = set()
    while waiting:
        node = walk.graph.nodes.get(waiting.pop())
        if node is None or node.id in seen:
            continue
        if walk.role(node).role == "sample":
            return True
        seen.add(node.id)
        waiting += [value.node for value in node.inputs.values() if isinstance(value, Link)]
    return False


def _passes(walk: Walk, last: Node, result: Result) -> None:
    """The passes that end in the node `last`, in the order in which they run."""
    conditionings = Conditionings(walk)
    node: Node | None = last
    seen: set[str] = set()
    while node:
        if node.id in seen:
            walk.say_circle(node.id)
            break
        seen.add(node.id)
        walk.used[node.id] = None
        made = _pass(walk, node, conditionings)
        script = walk.node(walk.role(node).link(node, "script"))
        if script and walk.role(script).role == "second_pass":
            result.passes.insert(0, _scripted(walk, script, made))
        made.start, node = origin(walk, walk.role(made.node).link(made.node, "latent"))
        _enlarged(walk, made)
        if node is None:
            node = _made_with(walk, made, seen)
        result.passes.insert(0, made)


def _scripted(walk: Walk, script: Node, first: Pass) -> Pass:
    """The second pass that a sampler runs by itself: over its own result, enlarged."""
    second = replace(first, node=script, start=Start(kind="pass"), first_step=Found(None), last_step=Found(None))
    second.steps, second.strength = walk.found(script, "steps"), walk.found(script, "strength")
    if not walk.roles.is_on(walk.found(script, "keeps_seed").value):
        second.seed = walk.found(script, "seed")
    start = second.start
    start.scale, start.in_all = walk.found(script, "scale"), True
    start.in_latent = walk.found(script, "kind").value != walk.role(script).fixed.get("picture")
    if start.in_latent:
        start.method = walk.found(script, "method")
    else:
        start.upscaler = walk.found(script, "upscaler")
    return second


def _enlarged(walk: Walk, made: Pass) -> None:
    """What a sampler itself does to the picture that it starts from."""
    role = walk.role(made.node)
    scale = walk.found(made.node, "scale")
    if scale.value is not None and made.start.target is None:
        made.start.scale, made.start.in_all = scale, True
    loader = walk.node(role.link(made.node, "upscale_model"))
    if loader:
        made.start.upscaler = walk.found(loader, "file")


def _made_with(walk: Walk, made: Pass, seen: set[str]) -> Node | None:
    """The pass whose latent steers this one through its texts."""
    for link in made.positive.earlier:
        node = origin(walk, link)[1]
        if node and node.id not in seen:
            made.start.kind = "steered"
            return node
    return None


def _pass(walk: Walk, node: Node, conditionings: Conditionings) -> Pass:
    role = walk.role(node)
    made = Pass(node)
    guided = _guided(walk, node, role, made)
    about = walk.role(guided)
    made.model = chain(walk, about.link(guided, "model"), "model")
    made.positive = conditionings.read(about.link(guided, "positive"))
    negative = about.link(guided, "negative")
    made.negative = conditionings.read(negative) if negative else None
    links = (*clip_chain(made.positive), *(clip_chain(made.negative) if made.negative else ()))
    made.clips = [chain(walk, link, "clip") for link in dict.fromkeys(links)]
    made.cfg, made.image_cfg = walk.found(guided, "cfg"), walk.found(guided, "image_cfg")
    _middle(walk, guided, conditionings.read(about.link(guided, "middle")), made)
    _noise(walk, node, role, made)
    _chooser(walk, node, role, made)
    made.first_step, made.last_step = walk.found(node, "start"), walk.found(node, "end")
    made.leftover = walk.found(node, "leftover")
    _sigmas(walk, node, role, made)
    return made


def _middle(walk: Walk, guided: Node, middle: Conditioning, made: Pass) -> None:
    """What stands between both sides: the negative with a picture, or one more text towards which is guided.

    neg + c2·(mid − neg) + c1·(pos − mid) = neg + c1·(pos − neg) + (c2 − c1)·(mid − neg)
    """
    texts = [leaf.text.value for part in middle.parts for leaf in part.leaves if leaf.text.value]
    against = made.negative.parts if made.negative else ()
    if not texts or texts == [leaf.text.value for part in against for leaf in part.leaves]:
        return
    first, both = as_number(made.cfg.value), as_number(made.image_cfg.value)
    alone = len(made.positive.parts) == len(middle.parts) == 1 and not (made.positive.earlier or middle.earlier)
    nested = walk.found(guided, "order").value == NESTED
    if nested or not alone or not first or both is None or not isfinite(both / first):
        walk.opaque |= dict.fromkeys(leaf.node for part in middle.parts for leaf in part.leaves)
        return
    (towards,), (other,) = made.positive.parts, middle.parts
    share = Found(float(f"{both / first - 1:.10g}"))
    parts = (towards._replace(weight=Found(1.0)), other._replace(weight=share))
    made.positive, made.image_cfg = replace(made.positive, parts=parts), NOTHING_FOUND
    made.cfg = Found(both or first)  # of several texts, what a mean of them would be guided by


def _guided(walk: Walk, node: Node, role: Role, made: Pass) -> Node:
    """The node that says what guides the pass: a guider where there is one."""
    return walk.behind(role.link(node, "guider"), "guider") or node


def _noise(walk: Walk, node: Node, role: Role, made: Pass) -> None:
    made.seed, made.adds_noise = walk.found(node, "seed"), walk.found(node, "adds_noise")
    made.generator = walk.found(node, "generator")
    made.second_seed, made.second_share = walk.found(node, "second_seed"), walk.found(node, "second_share")
    source = walk.behind(role.link(node, "noise"), "noise")
    if source is None:
        return
    made.seed, made.adds_noise = walk.found(source, "seed"), walk.found(source, "adds_noise")


def _chooser(walk: Walk, node: Node, role: Role, made: Pass) -> None:
    made.sampler = walk.found(node, "sampler")
    _say_card(walk, node, made)
    source = walk.behind(role.link(node, "chooser"), "chooser")
    if source is None:
        return
    made.sampler = walk.found(source, "sampler")
    _say_card(walk, source, made)
    made.eta, made.s_noise = walk.found(source, "eta"), walk.found(source, "s_noise")
    if walk.found(source, "variant").value == "heun":
        made.sampler = Found(f"{made.sampler.value}_heun")


def _say_card(walk: Walk, node: Node, made: Pass) -> None:
    """The word of a sampler may say more than which one it is."""
    word = made.sampler.value
    if isinstance(word, str) and word in walk.roles.words["samplers"]:
        walk.say(node.id, diagnose("PC344", node=node.id, word=word, sampler=walk.roles.sampler(word)))


def _sigmas(walk: Walk, node: Node, role: Role, made: Pass) -> None:
    """Schedule and steps: of the sampler itself, or of the chain that makes its sigmas."""
    names = ("steps", "schedule", "strength")
    made.steps, made.schedule, made.strength = (walk.found(node, name) for name in names)
    link = role.link(node, "sigmas")
    seen: set[Link] = set()
    flipped = False
    while link and link not in seen:
        seen.add(link)
        source = walk.node(link)
        if source is None:
            return
        about = walk.role(source)
        match about.role:
            case "flip_sigmas":
                flipped = not flipped
            case "first_sigma" if flipped and walk.found(source, "sigma").value == 0:
                made.cleaned = True
            case _ if flipped:
                walk.opaque[source.id] = None
            case "sigmas":
                made.steps, made.schedule, made.strength = (walk.found(source, name) for name in names)
                made.sigma_min, made.sigma_max = walk.found(source, "sigma_min"), walk.found(source, "sigma_max")
                made.rho = walk.found(source, "rho")
                made.alpha, made.beta = walk.found(source, "alpha"), walk.found(source, "beta")
                _shared(made, about)
                return
            case "first_sigma":
                made.plain_start = True
            case "split_sigmas":
                _split(walk, source, link.slot, made)
            case _:
                walk.opaque[source.id] = None
        link = about.link(source, "input") or walk.stand_in(source, "sigmas")


def _split(walk: Walk, split: Node, slot: int, made: Pass) -> None:
    step, share = walk.found(split, "step"), walk.found(split, "strength")
    planned, least = _planned(walk, split), as_number(share.value)
    if step.value is None and planned is not None and least is not None and 0 <= least <= 1:
        step = Found(planned - round(planned * least))
    if step.value is None:
        walk.opaque[split.id] = None
    elif walk.roles.gives(split, slot) == "high":
        made.last_step = _sooner(made.last_step, step)
        made.leftover = Found(not made.cleaned)
    else:
        made.share = share if made.last_step.value is None and made.first_step.value is None else NOTHING_FOUND
        made.first_step = _behind(made.first_step, step)
        if made.last_step.value is not None:
            made.last_step = _behind(made.last_step, step)


def _planned(walk: Walk, split: Node) -> int | None:
    """The steps of the schedule that a node parts, where it parts a whole one."""
    source = walk.node(walk.role(split).link(split, "input"))
    if source is None or walk.role(source).role != "sigmas":
        return None
    strength = as_number(walk.found(source, "strength").value)
    return as_whole(walk.found(source, "steps").value) if strength in (None, 1) else None


def _shared(made: Pass, scheduler: Role) -> None:
    """Take the steps behind a part for all that were asked for, where a sampler makes so long a schedule for them.

    Who may name a schedule to a node may name the strength there too, and means steps of the whole.
    """
    planned, first, share = as_whole(made.steps.value), as_whole(made.first_step.value), as_number(made.share.value)
    if "schedule" not in scheduler.fixed or not planned or first is None or not share:
        return
    steps = planned - first
    if 0 <= first < planned <= steps / share < planned + 1:
        made.steps, made.strength, made.first_step = Found(steps), made.share, NOTHING_FOUND


def _sooner(counted: Found, step: Found) -> Found:
    """Of two ends of the steps the first one."""
    found, other = as_whole(counted.value), as_whole(step.value)
    return step if found is None or (other is not None and other < found) else counted


def _behind(counted: Found, step: Found) -> Found:
    """A step that is counted from another one, counted from the first."""
    found, before = as_whole(counted.value), as_whole(step.value)
    return step if found is None else Found(found + (before or 0))
