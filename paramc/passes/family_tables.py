"""The tables of `grammars/families/`: families and bases, names, file hashes, and what other settings tell."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from paramc.resources import GRAMMARS
from paramc.tables import as_row, read_table, rows, section

Strength: TypeAlias = Literal["definite", "high", "medium", "low"]
FOLDER = GRAMMARS / "families"
HASH_DIGITS = 10  # of a SHA-256, as settings texts print them
NAME_CROP = 300  # code points of a name that are looked at; rules with `.*` are quadratic


@dataclass(frozen=True, slots=True, kw_only=True)
class Tells:
    """What every row of evidence.toml says; the words are explained at the head of that file."""

    says: str
    strength: Strength
    also: tuple[str, ...] = ()
    guess: Strength | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow(Tells):
    """A field by its key; without a pattern its presence is enough."""

    key: str
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsRow(Tells):
    """Words of a text: every one of `all`, and one of `any` if there are such."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsRow(Tells):
    """Words that all occur somewhere in the fields."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRow(Tells):
    """A pattern searched in a normalised name."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModulesRow(Tells):
    """Patterns, each found in the normalised name of one of the modules."""

    all: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixRow(Tells):
    """The begin of a resource name's ecosystem."""

    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmRow(Tells):
    """A kind of hash that proves something without being looked up."""

    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRow(Tells):
    """Sampler, schedule and guidance, in canonical words."""

    sampler: str
    schedules: tuple[str, ...]
    cfg_scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProseRow(Tells):
    """A prompt of at least `min_words` words with at most `max_commas` commas a word, and no negative."""

    min_words: int
    max_commas: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow(Tells):
    """First passes of `min_area` to `max_area` pixels, both sides a multiple of `multiple`."""

    min_area: int = 0
    max_area: int
    multiple: int = 1
    without_hires: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """What the versions of a dialect before `before` (any, when empty) could run; with `says` also a clue."""

    dialect: str
    runs: tuple[str, ...]
    before: tuple[int, ...] = ()
    says: str = ""
    strength: Strength = "low"
    also: tuple[str, ...] = ()
    guess: Strength | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """How strongly a file known by its hash speaks; `exact` leaves nothing to choose."""

    kind: str
    strength: Strength
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
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


@dataclass(frozen=True, slots=True)
class NameRule:
    """A row of names.toml; `needs` are words of which one is in every name that matches."""

    family: str
    pattern: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordList:
    """Words of names.toml that stand for one family."""

    family: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A row of families.toml."""

    base: str
    title: str


@dataclass(frozen=True, slots=True)
class Rules:
    """evidence.toml, table by table."""

    kinds: dict[str, KindRow]
    algorithms: tuple[AlgorithmRow, ...]
    ecosystems: tuple[PrefixRow, ...]
    fields: dict[str, tuple[FieldRow, ...]]
    settings: tuple[SettingsRow, ...]
    versions: tuple[VersionRow, ...]
    modules: tuple[ModulesRow, ...]
    vaes: tuple[PatternRow, ...]
    embeddings: tuple[PatternRow, ...]
    sampling: tuple[SamplingRow, ...]
    networks: tuple[PatternRow, ...]
    prompts: tuple[WordsRow, ...]
    negatives: tuple[WordsRow, ...]
    prose: tuple[ProseRow, ...]
    sizes: tuple[SizeRow, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """names.toml, table by table."""

    rules: tuple[NameRule, ...]
    squashed: tuple[NameRule, ...]
    stems: tuple[WordList, ...]
    first_words: tuple[WordList, ...]


@cache
def families() -> dict[str, FamilyRow]:
    """Every family by its name, in file order."""
    path = FOLDER / "families.toml"
    table = section(read_table(path), "families", path)
    return {name: as_row(row, FamilyRow, f"{path}: {name}") for name, row in table.items()}


def base_of(family: str) -> str:
    """The base of a family; an unknown word is its own base."""
    row = families().get(family)
    return row.base if row else family


@cache
def rules() -> Rules:
    """What settings other than the checkpoint's name tell."""
    path = FOLDER / "evidence.toml"
    table = read_table(path)
    by_key: dict[str, tuple[FieldRow, ...]] = {}
    for row in rows(table, "fields", FieldRow, path):
        by_key[row.key] = (*by_key.get(row.key, ()), row)
    return Rules(
        kinds={row.kind: row for row in rows(table, "kinds", KindRow, path)},
        algorithms=rows(table, "algorithms", AlgorithmRow, path),
        ecosystems=rows(table, "ecosystems", PrefixRow, path),
        fields=by_key,
        settings=rows(table, "settings", SettingsRow, path),
        versions=rows(table, "versions", VersionRow, path),
        modules=rows(table, "modules", ModulesRow, path),
        vaes=rows(table, "vaes", PatternRow, path),
        embeddings=rows(table, "embeddings", PatternRow, path),
        sampling=rows(table, "sampling", SamplingRow, path),
        networks=rows(table, "networks", PatternRow, path),
        prompts=rows(table, "prompts", WordsRow, path),
        negatives=rows(table, "negatives", WordsRow, path),
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
