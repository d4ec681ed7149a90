"""What each single clue claims about the model family, one function for every place to look."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.passes.family_tables import (
    AnyRow,
    Strength,
    Tells,
    VersionRow,
    base_of,
    family_of_name,
    found,
    known_file,
    normalised,
    rules,
)

VALUE_CROP = 100  # code points of a value that evidence repeats
PROMPT_CROP = 20_000  # code points of a prompt that are looked at
FILES_AT_MOST = 100  # networks and embeddings that are looked at


class Clues(NamedTuple):
    """What settings hold that may tell a family.

    fields: as the producer spelt them. version: release numbers, only when it was stated. size: of the first pass.
    sampler, schedule: canonical ids.
    """

    checkpoint: AssetRef | None = None
    vae: AssetRef | None = None
    modules: tuple[AssetRef, ...] = ()
    networks: tuple[AssetRef, ...] = ()
    embeddings: tuple[AssetRef, ...] = ()
    dialect: str = ""
    version: tuple[int, ...] | None = None
    fields: Mapping[str, str] = MappingProxyType({})
    prompt: str = ""
    negative: str = ""
    size: Size | None = None
    hires: bool = False
    sampler: str | None = None
    schedule: str | None = None
    cfg_scale: float | None = None


class Claim(NamedTuple):
    """A clue found: `source` and `value` for people, the rest as in evidence.toml.

    level: 0 hash, 1 fields and files beside the checkpoint, 2 name, 3 networks, 4 prompt, 5 size.
    """

    source: str
    value: str
    says: str
    strength: Strength
    level: int
    also: tuple[str, ...] = ()
    guess: Strength | None = None
    exact: bool = False


def claims_of(clues: Clues) -> Iterator[Claim]:
    """Every claim, the levels in order."""
    yield from _checkpoint_hash(clues)
    yield from _resource_name(clues)
    yield from _fields(clues)
    yield from _version(clues)
    yield from _modules(clues)
    yield from _vae(clues)
    yield from _embeddings(clues)
    yield from _sampling(clues)
    yield from _checkpoint_name(clues)
    yield from _networks(clues)
    yield from _prompts(clues)
    yield from _size(clues)


def version_row(clues: Clues) -> VersionRow | None:
    """What the stated version of the program could run, where the table knows it."""
    if clues.version is None:
        return None
    release = (*clues.version, 0, 0, 0)[:3]
    known = (row for row in rules().versions if row.dialect == clues.dialect)
    return next((row for row in known if not row.before or release < row.before), None)


def _told(row: AnyRow, source: str, value: str, level: int) -> Claim:
    return Claim(source, value[:VALUE_CROP], row.says, row.strength, level, row.also, row.guess)


def _checkpoint_hash(clues: Clues) -> Iterator[Claim]:
    for item in clues.checkpoint.hashes if clues.checkpoint else ():
        if item.algorithm == "sha256":
            yield from _known("checkpoint hash", item.hex, 0)
        for row in rules().algorithms:
            if row.key == item.algorithm:
                yield _told(row, "checkpoint hash", item.hex, 0)


def _known(source: str, digits: str, level: int) -> Iterator[Claim]:
    """The claim of a file whose hash is in the table; the checkpoint itself leaves nothing to choose."""
    file = known_file(digits)
    if file and file.kind in rules().kinds:
        value = f"{digits[:VALUE_CROP]} = {file.file}"
        strength = rules().kinds[file.kind]
        yield Claim(source, value, file.family, strength, level, file.also, exact=level == 0)


def _resource_name(clues: Clues) -> Iterator[Claim]:
    urn = clues.checkpoint.urn if clues.checkpoint else None
    parts = urn.split(":") if urn else []
    for row in rules().ecosystems if len(parts) > 2 else ():
        if found(row.pattern, parts[2]):
            yield _told(row, "checkpoint resource", urn or "", 1)
            return


def _fields(clues: Clues) -> Iterator[Claim]:
    table = rules()
    for key in table.fields:
        value = clues.fields.get(key)
        told = next((row for row in table.fields[key] if value is not None and _matches(row, value)), None)
        if told:
            yield _told(told, f"field `{key}`", value or "", 1)
    text = "\n".join((*clues.fields, *clues.fields.values()))
    for row in table.settings:
        if all(word in text for word in row.all):
            yield _told(row, "settings", " … ".join(row.all), 1)


def _matches(row: Tells, value: str) -> bool:
    return not row.pattern or found(row.pattern, value)


def _version(clues: Clues) -> Iterator[Claim]:
    row = version_row(clues)
    if row and row.says:
        value = ".".join(str(number) for number in (clues.version or ())[:3])
        yield _told(row, "version", f"{row.dialect} {value}", 1)


def _modules(clues: Clues) -> Iterator[Claim]:
    for module in clues.modules:
        for item in module.hashes:
            yield from _known("module hash", item.hex, 1)
    plain = [normalised(_file_name(module.name)) for module in clues.modules if module.name]
    row = next((row for row in rules().modules if _all_found(row, plain)), None) if plain else None
    if row:
        yield _told(row, "modules", ", ".join(module.name or "" for module in clues.modules), 1)


def _all_found(row: Tells, plain: list[str]) -> bool:
    return all(any(found(pattern, name) for name in plain) for pattern in row.all)


def _vae(clues: Clues) -> Iterator[Claim]:
    for asset in ((clues.vae,) if clues.vae else ()) + clues.modules:
        if asset is clues.vae:
            for item in asset.hashes:
                yield from _known("VAE hash", item.hex, 1)
        plain = normalised(_file_name(asset.name or ""))
        row = next((row for row in rules().vaes if found(row.pattern, plain)), None)
        if row:
            yield _told(row, "VAE name", asset.name or "", 1)


def _embeddings(clues: Clues) -> Iterator[Claim]:
    for asset in clues.embeddings[:FILES_AT_MOST]:
        plain = normalised(asset.name or "")
        row = next((row for row in rules().embeddings if found(row.pattern, plain)), None)
        if row:
            yield _told(row, "embedding", asset.name or "", 1)


def _sampling(clues: Clues) -> Iterator[Claim]:
    for row in rules().sampling:
        if (clues.sampler, clues.cfg_scale) == (row.sampler, row.cfg_scale) and clues.schedule in row.schedules:
            yield _told(row, "sampling", f"{clues.sampler}, {clues.schedule}, guidance {clues.cfg_scale:g}", 1)
            return


def _checkpoint_name(clues: Clues) -> Iterator[Claim]:
    """The file name, and when that says nothing the folders, the nearest first."""
    name = clues.checkpoint.name if clues.checkpoint else None
    if not name:
        return
    parts = name.replace("\\", "/").split("/")
    for part in reversed(parts[-4:]):
        family = family_of_name(part)
        if family:
            source = "checkpoint name" if part == parts[-1] else "checkpoint folder"
            yield Claim(source, part[:VALUE_CROP], family[0], family[1], 2)
            return


def _networks(clues: Clues) -> Iterator[Claim]:
    for asset in clues.networks[:FILES_AT_MOST]:
        for item in asset.hashes:
            yield from _known("network hash", item.hex, 3)
        plain = normalised(_file_name(asset.name or ""))
        row = next((row for row in rules().networks if found(row.pattern, plain)), None)
        if row:
            yield _told(row, "network name", asset.name or "", 3)


def _prompts(clues: Clues) -> Iterator[Claim]:
    table = rules()
    for source, rows, text in (
        ("prompt", table.prompts, clues.prompt[:PROMPT_CROP].lower()),
        ("negative prompt", table.negatives, clues.negative[:PROMPT_CROP].lower()),
    ):
        for row in rows:
            met = [word for word in row.any if word in text]
            if all(word in text for word in row.all) and (met or not row.any):
                yield _told(row, source, ", ".join((*row.all, *met)), 4)
                break
    yield from _prose(clues)


def _prose(clues: Clues) -> Iterator[Claim]:
    if clues.negative.strip():
        return
    text = clues.prompt[:PROMPT_CROP]
    words = len(text.split())
    for row in rules().prose:
        mild = clues.cfg_scale is None or clues.cfg_scale <= row.max_cfg
        if mild and words >= row.min_words and text.count(",") <= words * row.max_commas:
            yield _told(row, "prompt", f"{words} words of prose", 4)


def _size(clues: Clues) -> Iterator[Claim]:
    if clues.size is None or 0 in clues.size:
        return
    width, height = clues.size
    for row in rules().sizes:
        fits = row.min_area <= width * height <= row.max_area and width % row.multiple == height % row.multiple == 0
        if fits and not (row.without_hires and clues.hires):
            yield _told(row, "size", f"{width} x {height}", 5)
            return


def _file_name(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def allows(claim: Claim, base: str) -> bool:
    """Whether a claim leaves room for a base."""
    return base_of(claim.says) == base or any(base_of(family) == base for family in claim.also)
