"""Versions as the UIs write them (`git describe`), as tuples that compare."""

import re
from functools import lru_cache
from typing import TypeAlias

# (major, minor, patch, kind, number); kind: −4 development, −3 alpha, −2 beta, −1 candidate, 0 the release itself,
# 1 `number` commits after it, 2 a release of more than three parts.
Version: TypeAlias = tuple[int, int, int, int, int]

# PEP 440, its loose spellings included: a bare `-5` after the release counts commits.
_SPELLING = r"""\s*v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<candidate>\d*))?
    (?:-(?P<commits>\d+)|(?P<post>[-_.]?(?:post|rev|r)[-_.]?(?P<later>\d*)))?
    (?P<dev>[-_.]?dev[-_.]?\d*)?
    (?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?\s*"""
_STAGES = {"alpha": -3, "a": -3, "beta": -2, "b": -2, "preview": -1, "pre": -1, "c": -1, "rc": -1}
_LONGEST = 1000  # characters; beyond, a number could pass the interpreter's limit for reading digits


def parse_version(text: str) -> Version | None:
    """`v1.7.0-225-gabc` as (1, 7, 0, 1, 225), `1.8.0-RC` as a candidate of 1.8.0; None for what is no such version
    (`f2.0.1v1.10.1-…`, `classic`, `neo`, `ComfyUI`, a bare commit)."""
    return _parse(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=256)
def _parse(text: str) -> Version | None:
    tag, _, rest = text.partition("-")
    count, dash, _ = rest.partition("-")
    described = f"{tag}-{count}" if tag and count and dash else text
    match = re.fullmatch(_SPELLING, described, re.VERBOSE | re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    parts = [int(part) for part in match["release"].split(".")]
    major, minor, patch, *more = parts + [0] * (3 - len(parts))
    epoch = int(match["epoch"] or 0)
    return (major + (epoch << 32), minor, patch, *((2, 0) if any(more) else _since(match)))


def _since(match: re.Match[str]) -> tuple[int, int]:
    """Before, at or after the release; a development version of a state comes just before that state."""
    early = 1 if match["dev"] else 0
    if match["stage"]:
        return _STAGES[match["stage"].lower()], int(match["candidate"] or 0) - early
    if match["commits"] or match["post"]:
        return 1, int(match["commits"] or match["later"] or 0) - early
    return (-4 if early else 0), 0
