"""The tables of `grammars/families/`: families and bases, names, file hashes, and what other settings tell."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, NamedTuple, TypeAlias, cast

from paramc.resources import GRAMMARS
from paramc.tables import read_table, rows, section

Strength: TypeAlias = Literal["definite", "high", "medium", "low"]
FOLDER = GRAMMARS / "families"
HASH_DIGITS = 10  # of a SHA-256, as settings texts print them
NAME_CROP = 300  # code points of a name that are looked at; rules with `.*` are quadratic


class Tells(NamedTuple):
    """A row of evidence.toml, whose head explains the columns; which conditions a row has depends on its table."""

    says: str
    strength: Strength
    also: tuple[str, ...] = ()
    guess: Strength | None = None
    key: str = ""
    pattern: str = ""
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()


class SamplingRow(NamedTuple):
    """Sampler, schedule and guidance, in canonical words."""

    says: str
    strength: Strength
    sampler: str
    schedules: tuple[str, ...]
    cfg_scale: float
    also: tuple[str, ...] = ()
    guess: Strength | None = None


class ProseRow(NamedTuple):
    """A prompt of at least `min_words` words with at most `max_commas` commas a word, no negative, little guidance."""

    says: str
    strength: Strength
    min_words: int
    max_commas: float
    max_cfg: float
    also: tuple[str, ...] = ()
    guess: Strength | None = None


class SizeRow(NamedTuple):
    """First passes of `min_area` to `max_area` pixels, both sides a multiple of `multiple`."""

    says: str
    strength: Strength
    max_area: int
    min_area: int = 0
    multiple: int = 1
    without_hires: bool = False
    also: tuple[str, ...] = ()
    guess: Strength | None = None


class VersionRow(NamedTuple):
    """What the versions of a dialect before `before` (any, when empty) could run; with `says` also a clue."""

    dialect: str
    runs: tuple[str, ...]
    before: tuple[int, ...] = ()
    says: str = ""
    strength: Strength = "low"
    also: tuple[str, ...] = ()
    guess: Strength | None = None


AnyRow: TypeAlias = Tells | SamplingRow | ProseRow | SizeRow | VersionRow


class KnownFile(NamedTuple):
    """A row of hashes.toml."""

    hash: str
    file: str
    kind: str
    family: str
    source: str
    also: tuple[str, ...] = ()
    sha256: str = ""
    repo: str = ""
    note: str = ""


class NameRule(NamedTuple):
    """A row of names.toml; `needs` are words of which one is in every name that matches."""

    family: str
    pattern: str
    needs: tuple[str, ...]


class WordList(NamedTuple):
    """Words of names.toml that stand for one family."""

    family: str
    words: tuple[str, ...]


class Rules(NamedTuple):
    """evidence.toml, table by table."""

    kinds: Mapping[str, Strength]
    algorithms: tuple[Tells, ...]
    ecosystems: tuple[Tells, ...]
    fields: Mapping[str, tuple[Tells, ...]]
    settings: tuple[Tells, ...]
    versions: tuple[VersionRow, ...]
    modules: tuple[Tells, ...]
    vaes: tuple[Tells, ...]
    embeddings: tuple[Tells, ...]
    sampling: tuple[SamplingRow, ...]
    networks: tuple[Tells, ...]
    prompts: tuple[Tells, ...]
    negatives: tuple[Tells, ...]
    prose: tuple[ProseRow, ...]
    sizes: tuple[SizeRow, ...]


class Names(NamedTuple):
    """names.toml, table by table."""

    rules: tuple[NameRule, ...]
    squashed: tuple[NameRule, ...]
    stems: tuple[WordList, ...]
    first_words: tuple[WordList, ...]


@cache
def families() -> dict[str, str]:
    """Every family with its base, in file order."""
    path = FOLDER / "families.toml"
    members = section(read_table(path), "bases", path)
    return {str(name): base for base, names in members.items() if isinstance(names, list) for name in names}


def base_of(family: str) -> str:
    """The base of a family; an unknown word is its own base."""
    return families().get(family, family)


@cache
def rules() -> Rules:
    """What settings other than the checkpoint's name tell."""
    path = FOLDER / "evidence.toml"
    table = read_table(path)
    by_key: dict[str, tuple[Tells, ...]] = {}
    for row in rows(table, "fields", Tells, path):
        by_key[row.key] = (*by_key.get(row.key, ()), row)
    return Rules(
        kinds={kind: cast(Strength, word) for kind, word in section(table, "kinds", path).items()},
        algorithms=rows(table, "algorithms", Tells, path),
        ecosystems=rows(table, "ecosystems", Tells, path),
        fields=by_key,
        settings=rows(table, "settings", Tells, path),
        versions=rows(table, "versions", VersionRow, path),
        modules=rows(table, "modules", Tells, path),
        vaes=rows(table, "vaes", Tells, path),
        embeddings=rows(table, "embeddings", Tells, path),
        sampling=rows(table, "sampling", SamplingRow, path),
        networks=rows(table, "networks", Tells, path),
        prompts=rows(table, "prompts", Tells, path),
        negatives=rows(table, "negatives", Tells, path),
        prose=rows(table, "prose", ProseRow, path),
        sizes=rows(table, "sizes", SizeRow, path),
    )


@cache
def names() -> Names:
    """What names of checkpoints tell."""
    path = FOLDER / "names.toml"
    table = read_table(path)
    return Names(
        rules=rows(table, "rules", NameRule, path),
        squashed=rows(table, "squashed", NameRule, path),
        stems=rows(table, "stems", WordList, path),
        first_words=rows(table, "first_words", WordList, path),
    )


def known_file(digits: str) -> KnownFile | None:
    """The file of this SHA-256, or of any prefix of at least ten digits, in either case."""
    return _files().get(digits[:HASH_DIGITS].lower()) if len(digits) >= HASH_DIGITS else None


@cache
def _files() -> dict[str, KnownFile]:
    path = FOLDER / "hashes.toml"
    return {row.hash: row for row in rows(read_table(path), "hashes", KnownFile, path)}


def normalised(name: str) -> str:
    """The name in lower case without file ending, camel case split, other ASCII than letters and digits one space."""
    bare = _pattern(r"\.(safetensors|ckpt|gguf|sft|pt|bin)$").sub("", name[:NAME_CROP])
    split = _pattern(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])").sub(" ", bare.replace("%20", " "))
    return _pattern(r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+").sub(" ", split).lower()


def family_of_name(name: str) -> tuple[str, Strength] | None:
    """What the name of a checkpoint tells: a rule is strong, a well-known merge less so."""
    plain = normalised(name)
    together = plain.replace(" ", "")
    table = names()
    family = _first(table.rules, plain, together) or _first(table.squashed, together, together)
    if family:
        return family, "high"
    first, _, _ = plain.strip().partition(" ")
    listed = (row.family for row in table.stems if any(word in together for word in row.words))
    whole = (row.family for row in table.first_words if first in row.words)
    merge = next(listed, None) or next(whole, None)
    return (merge, "medium") if merge else None


def found(pattern: str, text: str) -> bool:
    """Whether a pattern of the tables occurs in a text."""
    return _pattern(pattern).search(text) is not None


def _first(candidates: Iterable[NameRule], text: str, together: str) -> str | None:
    for row in candidates:
        for word in row.needs:
            if word in together:
                if found(row.pattern, text):
                    return row.family
                break
    return None


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
