"""Lints of prompts: weights beyond reach, signs of other programs, and what the model never sees."""

from collections.abc import Iterator, Mapping

from paramc.diagnostics.model import Diagnostic, Span
from paramc.dialects.weights import BREAK
from paramc.passes.family_claims import PROMPT_CROP
from paramc.passes.lint.scene import Scene
from paramc.passes.lint.tables import Rule, findings, pattern

EXCERPT = 30  # characters of a prompt in a message
LAYER = "text.layer"
BUILT_IN_LAYERS = (-1, -2)  # of SDXL: the last is never used, the last but one always


def weight_is_high(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Emphasis so strong that it shows as artefacts; negative prompts bear more of it."""
    known = rule.limits.get(scene.base if scene.is_sure("medium") else "other", rule.limits["other"])
    for path, text, weight in _extremes(scene, highest=True):
        if weight >= (known if path == "prompt" else rule.limits["negative"]):
            notes = ("beyond 2 little more than the artefacts grows",) if weight >= rule.limits["strong"] else ()
            place = _place(scene, path, text)
            yield scene.say(rule, path, span=place, notes=notes, text=_short(text), value=f"{weight:.4g}")


def weight_is_not_positive(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Emphasis of zero or less, where no extension gives it a meaning."""
    for path, text, weight in _extremes(scene, highest=False):
        if path == "prompt" and weight <= 0 and "negpip" not in scene.extensions:
            yield scene.say(rule, path, span=_place(scene, path, text), text=_short(text), value=f"{weight:.4g}")


def weight_is_for_clip(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Emphasis for a model that reads prompts with a language encoder."""
    for path, runs in scene.runs.items():
        text = next((text for text, weight in runs if weight not in (1.0, BREAK[1])), None)
        if text is not None and path == "prompt":
            yield scene.say(rule, path, span=_place(scene, path, text), family=scene.family)


def signs_of_others(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """What another program's prompt language would understand, and this one takes for text."""
    if scene.job.text.language not in rule.words:
        return
    for path, text in (("prompt", scene.job.prompt.text), ("negative", scene.job.negative.text)):
        for sign in findings().signs:
            if sign.without in scene.extensions or not any(word in text for word in sign.needs):
                continue
            found = pattern(sign.pattern).search(text[:PROMPT_CROP])
            if found:
                span = _at(scene, path, found.start(), found.end())
                named = _short(found[0])
                yield scene.say(rule, path, span=span, sign=named, of=sign.of, means=sign.means, instead=sign.instead)


def is_cut(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A prompt of more words than the encoder takes tokens: a word is one token at least."""
    room = scene.advice.tokens if scene.advice else 0
    words = scene.job.prompt.text.split() if room else []
    if room and len(words) > room:
        lost = _short(" ".join(words[room : room + EXCERPT]))
        yield scene.say(rule, "prompt", count=len(words), most=room, family=scene.family, lost=lost)


def lacks_score(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A model that was trained with words of merit at the head of every prompt, without one."""
    text = scene.job.prompt.text
    if text.strip() and not any(word in text for word in rule.words):
        yield scene.say(rule, "prompt", family=scene.family)


def layer_is_idle(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A layer of the text encoder for a model that does not use that encoder, or always the same layer of it."""
    stated, advice = scene.entries.get(LAYER), scene.advice
    if stated is None or advice is None:
        return
    fixed = scene.base == "sdxl" and scene.job.text.layer not in BUILT_IN_LAYERS
    if advice.no_clip or scene.base == "sd3" or fixed:
        why = "it always uses the last layer but one" if fixed else "its prompts are read by another kind of encoder"
        mend = scene.without(LAYER, "maybe" if fixed else "safe")
        yield scene.say(rule, LAYER, suggestion=mend, key=stated.key, family=scene.family, why=why)


def _extremes(scene: Scene, *, highest: bool) -> Iterator[tuple[str, str, float]]:
    """The run of either prompt with the highest or the lowest weight."""
    for path, runs in scene.runs.items():
        weighed = [(weight, text) for text, weight in runs if text != BREAK[0] and text.strip(" ,")]
        if weighed:
            weight, text = max(weighed, key=_by_weight) if highest else min(weighed, key=_by_weight)
            yield path, text, weight


def _by_weight(run: tuple[float, str]) -> float:
    return run[0]


def _place(scene: Scene, path: str, text: str) -> Span | None:
    """Where a run stands in the source, where it stands there as it is."""
    inside = _texts(scene)[path].find(text)
    return _at(scene, path, inside, inside + len(text)) if inside >= 0 else None


def _at(scene: Scene, path: str, start: int, end: int) -> Span | None:
    """A range of a prompt as a range of the source."""
    stated, text = scene.entries.get(path), _texts(scene)[path]
    place = stated.raw_span if stated else None
    offset = stated.raw.find(text) if stated else -1
    if place is None or offset < 0:
        return None
    return Span(place.start + offset + start, place.start + offset + end)


def _texts(scene: Scene) -> Mapping[str, str]:
    return {"prompt": scene.job.prompt.text, "negative": scene.job.negative.text}


def _short(text: str) -> str:
    plain = " ".join(text.split()).strip(" ,")
    return plain if len(plain) <= EXCERPT else f"{plain[: EXCERPT - 1]}…"
