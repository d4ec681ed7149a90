"""What several fields of a settings text decide together: samplers with their schedules, hashes, sizes, the task."""

from collections.abc import Mapping
from math import ceil, sqrt
from typing import Final

from paramc.dialects.interpret import Entry, Interpretation, short
from paramc.dialects.names import NO_SCHEDULE
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.geometry import Size
from paramc.ir.names import UNKNOWN, sampler_of
from paramc.ir.places import Place, place_of
from paramc.ir.stages import Enlarge, ImageToImage, Inpaint

FIRST_PASS_AREA: Final = 262_144  # pixels of the first pass that old A1111 computed
FIRST_PASS_MULTIPLE: Final = 64  # its sides were rounded up to it
DEFAULT_SIZE: Final = Size(512, 512)
SAMPLER: Final = place_of("sampling.sampler")
ALWAYS_KARRAS: Final = "restart"  # its schedule never changed
TASKS: Final = {
    str(task.model_fields["kind"].default): task.model_fields.keys() for task in (ImageToImage, Inpaint, Enlarge)
}
SAMPLED: Final = ("sampling.steps", "sampling.sampler", "noise.seed")  # any of them: something was sampled


def settle(meaning: Interpretation, *, executed: bool) -> None:
    """Fill in what no field says by itself; `executed`: samplers as the program itself takes them today."""
    _name_samplers(meaning, executed=executed)
    _gather_hashes(meaning)
    _compute_first_pass(meaning)
    _settle_task(meaning)


def _name_samplers(meaning: Interpretation, *, executed: bool) -> None:
    schedules = {
        place: entry
        for entry in meaning.effective()
        if entry.match and entry.match.field.kind == "schedule"
        for place in entry.places
    }
    if not executed:
        schedules = {place: entry for place, entry in schedules.items() if not _is_sampler(meaning, *place, entry)}
    for entry in meaning.effective():
        if entry.match and entry.match.field.kind == "sampler" and entry.places and entry.value is not None:
            place, number = entry.places[0]
            beside = (Place(place.part, (*place.names[:-1], "schedule")), number)
            name = _execute if executed else _mean
            name(meaning, entry, beside, schedules.get(beside))
    for (place, number), entry in schedules.items():
        value = meaning.draft.get(place, number)
        if isinstance(value, str) and value.startswith(UNKNOWN):
            close = meaning.fields.names.closest_schedule(entry.pair.value)
            meaning.say("PC323", entry, named=short(entry.pair.value), hint=_did_you_mean(close))


def _is_sampler(meaning: Interpretation, place: Place, number: int, entry: Entry) -> bool:
    """Take a schedule for the sampler that it names, as libraries call theirs, where nothing else names one."""
    beside = Place(place.part, (*place.names[:-1], "sampler"))
    word = str(meaning.draft.get(place, number))
    pair = meaning.fields.names.meant(word.removeprefix(UNKNOWN))
    unsaid = meaning.draft.get(beside, number) is None
    if not (unsaid and word.startswith(UNKNOWN)) or pair.sampler.startswith(UNKNOWN):
        return False
    meaning.draft.put(beside, number, pair.sampler)
    meaning.draft.put(place, number, pair.schedule)
    entry.places[:] = [(beside, number)] if pair.schedule is None else [(beside, number), (place, number)]
    return True


def _mean(meaning: Interpretation, entry: Entry, beside: tuple[Place, int], own: Entry | None) -> None:
    """The sampler that the settings were made with; its name's schedule counts where no field of its own has one."""
    label = str(entry.value)
    names = meaning.fields.names
    pair = names.meant(label)
    meaning.draft.put(*entry.places[0], pair.sampler)
    if pair.sampler.startswith(UNKNOWN):
        meaning.say("PC322", entry, named=short(label), hint=_did_you_mean(names.closest_sampler(label)))
    if pair.schedule is None:
        if own is None and entry.places[0][0] == SAMPLER:
            _remark_bare(meaning, entry, pair.sampler)
        return
    if own is None:
        meaning.draft.put(*beside, pair.schedule)
        entry.places.append(beside)
    elif meaning.draft.get(*beside) not in (pair.schedule, None):
        meaning.say("PC326", entry, named=short(label), other=short(own.pair.value))


def _remark_bare(meaning: Interpretation, entry: Entry, sampler: str) -> None:
    """A bare name without a version means one schedule or another, and nothing tells which."""
    until = meaning.fields.names.table.bare_until
    dated = meaning.draft.get(place_of("producer.version"), 0) is not None
    if until and not dated and sampler_of(sampler).automatic != NO_SCHEDULE and sampler != ALWAYS_KARRAS:
        meaning.say("PC327", entry, named=short(entry.pair.value), until=until)


def _execute(meaning: Interpretation, entry: Entry, beside: tuple[Place, int], own: Entry | None) -> None:
    """The sampler that the program itself takes the text for, its own mistakes included."""
    table = meaning.fields.names.table
    pair = meaning.fields.names.executed(str(entry.value), own.pair.value if own else None)
    meaning.draft.put(*entry.places[0], table.samplers[pair.sampler])
    meaning.draft.put(*beside, table.schedules[pair.schedule or table.automatic])
    if own is None:
        entry.places.append(beside)


def _gather_hashes(meaning: Interpretation) -> None:
    for entry in meaning.effective():
        if entry.match and entry.match.field.kind == "resources" and isinstance(entry.value, Mapping):
            for label, found in entry.value.items():
                path, network = entry.match.field.kinds[label]
                _add_hashes(meaning, place_of(path), network or None, found)
                entry.places.append((place_of(path), 0))


def _add_hashes(meaning: Interpretation, place: Place, network: str | None, found: Mapping[str, Hash]) -> None:
    known = meaning.draft.get(place, 0)
    before = known if isinstance(known, tuple) else ()
    if place.names[-1] == "hashes":
        for hashed in found.values():
            before = _with_hash(before, hashed)
        meaning.draft.put(place, 0, before)
        return
    assets = {(asset.name, asset.network): asset for asset in before}
    for name, hashed in found.items():
        asset = assets.get((name, network)) or AssetRef.model_validate({"name": name, "network": network})
        assets[name, network] = asset.model_copy(update={"hashes": _with_hash(asset.hashes, hashed)})
    meaning.draft.put(place, 0, tuple(assets.values()))


def _with_hash(known: tuple[Hash, ...], hashed: Hash) -> tuple[Hash, ...]:
    """The hashes with one more; of two prefixes of the same hash the longer stays."""
    for index, other in enumerate(known):
        shorter, longer = sorted((other, hashed), key=lambda item: len(item.hex))
        if other.algorithm == hashed.algorithm and longer.hex.startswith(shorter.hex):
            return (*known[:index], longer, *known[index + 1 :])
    return (*known, hashed)


def _compute_first_pass(meaning: Interpretation) -> None:
    """A first pass of 0x0: of the shape of the final picture, with the area of 512x512 (A1111 until January 2023)."""
    size = place_of("size")
    first = meaning.draft.get(size, 0)
    if not meaning.shifts or not isinstance(first, Size) or all(first):
        return
    final = next((meaning.draft.get(place, 0) for place in meaning.shifts.values()), None)
    width, height = final if isinstance(final, Size) else DEFAULT_SIZE
    scale = sqrt(FIRST_PASS_AREA / max(width * height, 1))
    sides = (ceil(scale * side / FIRST_PASS_MULTIPLE) * FIRST_PASS_MULTIPLE for side in (width, height))
    meaning.draft.put(size, 0, Size(*sides))


def _settle_task(meaning: Interpretation) -> None:
    tasks = {path.partition(".")[2] for path, _ in meaning.founded if path.startswith("task.")}
    kind = "inpaint" if "inpaint" in tasks else next(iter(tasks), None)
    sampled = any(meaning.draft.get(place_of(path), 0) is not None for path in SAMPLED)
    if kind is None and not sampled and ("stages.post_upscale", 0) in meaning.founded:
        kind = "enlarge"
    task = meaning.draft.tree.pop("task", None)
    if kind:
        said = task if isinstance(task, dict) else {}  # what another kind of task would have says nothing here
        meaning.draft.tree["task"] = {name: said[name] for name in said if name in TASKS[kind]}
        meaning.draft.put(place_of("task.kind"), 0, kind)


def _did_you_mean(word: str | None) -> str:
    return f"did you mean `{word}`?" if word else "`paramc list samplers` prints the known ones"
