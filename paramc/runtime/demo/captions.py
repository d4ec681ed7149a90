"""Captions of scenes: tags as people paste them, and sentences."""

from random import Random
from typing import Final

from paramc.runtime.demo.scenes import COUNTS, MEDIUM, MIDDLE, PLAIN, Scene, language

UNNAMED: Final = "shape"  # stands for any of them
TAGGED: Final = 0.6  # of all captions are tags


def caption(scene: Scene, random: Random) -> str:
    """One of the ways to say it; now and then something is left unsaid."""
    subject = _subject(scene, random)
    background = "" if random.random() < 0.12 else _background(scene)
    place = _place(scene, random)
    if random.random() < TAGGED:
        return _tags(subject, [place, background], random)
    return _sentence(subject, place, background, random)


def _subject(scene: Scene, random: Random) -> str:
    """Such as `two small red circles`."""
    shape = UNNAMED if random.random() < 0.05 else scene.shape
    words = (
        COUNTS[scene.count - 1],
        "" if scene.size == MEDIUM or random.random() < 0.1 else scene.size,
        "" if random.random() < 0.05 else scene.colour,
        language().plurals[shape] if scene.count > 1 else shape,
    )
    return " ".join(filter(None, words))


def _background(scene: Scene) -> str:
    return " ".join(filter(None, (scene.background, "" if scene.texture == PLAIN else scene.texture, "background")))


def _place(scene: Scene, random: Random) -> str:
    if scene.count > 1 or random.random() < (0.7 if scene.place == MIDDLE else 0.04):
        return ""
    return scene.place


def _tags(subject: str, others: list[str], random: Random) -> str:
    """Tags between commas, the subject first for the most part."""
    quality = language().captions.quality
    tags = [tag for tag in others if tag] + random.sample(quality, random.choice((0, 0, 0, 0, 1, 2)))
    random.shuffle(tags)
    tags.insert(0 if random.random() < 0.8 else random.randint(0, len(tags)), subject)
    return ", ".join(tags)


def _sentence(subject: str, place: str, background: str, random: Random) -> str:
    """Such as `a photo of a red circle on the left, on a white background`."""
    words = language().captions
    counted = subject.startswith(COUNTS[1:])
    text = random.choice(words.openings) + (subject if counted else f"{_article(subject)} {subject}")
    if place:
        text += f" {'on' if place in ('left', 'right') else 'at' if place != MIDDLE else 'in'} the {place}"
    if background:
        text += f"{random.choice(words.before)}{_article(background)} {background}"
    return text


def _article(words: str) -> str:
    return "an" if words[0] in "aeiou" else "a"
