"""What a pipeline is made of and given before it paints: models, networks, adapters, changes of the model, sizes."""

from typing import Final

from paramc.dialects.script.amounts import pair, real
from paramc.dialects.script.networks import networks_of
from paramc.dialects.script.notes import CONTROLS, Notes
from paramc.dialects.script.pictures import Painting, file_of, path_of, relatives
from paramc.dialects.script.sought import ancestors, file_behind
from paramc.dialects.script.steering import adapters_of, listed_in
from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.told import SAFE, asset
from paramc.dialects.script.values import INDEXED, Made

NETWORKS: Final = "patches.extra_network[n]."
ADAPTER_IMAGE: Final = "ip_adapter_image"
MOST_UNITS: Final = 100  # that steer; programs have ten at the most


def read_model(notes: Notes, painting: Painting) -> None:
    """Checkpoint, VAE and ControlNets. A part that was loaded from a file of its own is the checkpoint."""
    words = notes.meanings.listed
    for maker in relatives(painting.pipeline, notes.meanings):
        if maker.keywords.get(words("custom", "keyword")[0]) in words("custom", "names"):
            notes.put("text.language", words("custom", "language")[0])
            notes.put("text.emphasis", words("custom", "emphasis")[0])
        parts = {**maker.keywords, **maker.attributes(notes.before)}
        for name in words("parts", "model"):
            _part(notes, parts.get(name))
        _file(notes, "assets.vae", parts.get(words("parts", "vae")[0]))
        _file(notes, "assets.checkpoint", maker)
        for kind in ("net", "adapter"):
            nets = listed_in(parts.get(words("parts", kind)[0]), notes.meanings)[:MOST_UNITS]
            for number, net in enumerate(nets):
                _file(notes, f"{CONTROLS}model", net, number)


def _part(notes: Notes, model: object) -> None:
    """A diffusion model by the weights that it was given last, or by what it was loaded from."""
    if not isinstance(model, Made):
        return
    states = notes.meanings.listed("downloads", "states")
    for call in reversed([call for call in model.calls if call.name in states]):
        file = next(filter(None, (_weights(item, notes.meanings) for item in call.arguments)), None)
        if file is not None and notes.get("assets.checkpoint") is None:
            notes.put("assets.checkpoint", asset(file, is_file=True))
            notes.state(call.name, call.span, "assets.checkpoint")
    _file(notes, "assets.checkpoint", model)


def _file(notes: Notes, path: str, maker: object, number: int = 0) -> None:
    """The file that a loader was told, unless the place is taken."""
    if not isinstance(maker, Made) or maker.name.rpartition(".")[2] not in notes.meanings.loaders:
        return
    loader = maker.name.rpartition(".")[2]
    told = file_of(maker, notes.meanings)
    if told is not None and notes.get(path, number) is None:
        notes.put(path, asset(told, is_file=loader == notes.meanings.loaders[1]), number)
        notes.state(loader, maker.span, path)
    elif maker.arguments and told is None and loader != notes.meanings.loaders[-1]:
        notes.unread(loader, maker.places.get("0"), "PC706")


def read_networks(notes: Notes, painting: Painting) -> None:
    """LoRAs with their strengths, and textual inversions."""
    words = notes.meanings.listed
    calls = list(notes.methods(painting))
    networks, lost = networks_of(calls, notes.meanings)
    for unit, network in enumerate(networks, 1):
        model = {**asset(network.file, is_file=network.file.endswith(SAFE)), "network": "lora"}
        values = {"unit": unit, "model": model, "unet": network.unet, "text_encoder": network.text_encoder}
        for name, value in values.items():
            notes.put(f"{NETWORKS}{name}", value, unit)
    for name in lost:
        notes.unread(name, next(call.span for call in calls if call.name == name), "PC706")
    told = [
        [*call.arguments, *call.keywords.values(), None][0] for call in calls if call.name in words("networks", "embed")
    ]
    files = dict.fromkeys(filter(None, (_weights(first, notes.meanings) for first in told)))
    if files:
        notes.put("assets.embeddings", [asset(file, is_file=file.endswith(SAFE)) for file in files])


def _weights(value: object, meanings: Meanings) -> str | None:
    """The file that weights come from: a path, or what was loaded from one."""
    made = [item for each in ancestors(value) if each.name != INDEXED for item in (each, *each.arguments)]
    return next(filter(None, (path_of(item, meanings) for item in (value, *made))), None)


def read_adapters(notes: Notes, painting: Painting) -> None:
    """Adapters that take a picture, as further units that steer."""
    for adapter in adapters_of(notes.methods(painting), notes.meanings)[:MOST_UNITS]:
        number = notes.units()
        notes.put(f"{CONTROLS}model", asset(adapter.file, is_file=True), number)
        notes.put(f"{CONTROLS}weight", adapter.weight, number)
        notes.put(f"{CONTROLS}preprocessor", notes.meanings.word("adapters", "preprocessor"), number)
        notes.put(f"{CONTROLS}unit", number, number)
    images = painting.call.keywords.get(ADAPTER_IMAGE)
    for number in range(notes.units()):
        is_adapter = notes.get(f"{CONTROLS}preprocessor", number) == notes.meanings.word("adapters", "preprocessor")
        shown = images[number] if isinstance(images, list) and number < len(images) else images
        file = file_behind(shown, notes.meanings) if is_adapter else None
        if file is not None:
            notes.put(f"{CONTROLS}image.path", file, number)


def read_patches(notes: Notes, painting: Painting) -> None:
    """What else changes the model: wrapped convolutions, merged tokens, halves that are weighed."""
    words = notes.meanings.words
    for item in notes.sets:
        if item.when <= notes.before and item.name in words["tiling"] and words["tiling"][item.name] == item.value:
            notes.put("patches.tiling.kind", "tiling")
    for call in notes.calls[: notes.before]:
        keyword = notes.meanings.word("merging", call.name)
        share = real([*call.arguments[1:2], *(call.keywords.get(str(keyword)),)][0]) if keyword else None
        if share is not None:
            notes.put("patches.token_merging.ratio", share)
    for call in notes.methods(painting):
        if call.name in words["freeu"]:
            names = notes.meanings.listed("freeu", call.name)
            for name, value in {**dict(zip(names, call.arguments, strict=False)), **call.keywords}.items():
                if name in names:
                    notes.put(f"patches.free_u.{name}", real(value))
                else:
                    notes.unread(name, call.places.get(name), "PC705")


def read_start(notes: Notes, painting: Painting) -> None:
    """The size that the picture was brought to before it went in, and what was done to its mask."""
    kinds = notes.meanings.words["fits"]
    for call in painting.before:
        method = call.name.rpartition(".")[2]
        _mask(notes, method, call)
        for unit in range(notes.units()) if method in kinds else ():
            notes.put(CONTROLS + "resize", str(kinds[method]), unit)
        if method in kinds and notes.get("task.resize") is None and notes.get("task.kind") != "text_to_image":
            size = pair(call.arguments)
            if size:
                notes.put("size", notes.get("size") or {"width": size[0], "height": size[1]})
                notes.put("task.resize", str(kinds[method]))


def _mask(notes: Notes, method: str, call: Made) -> None:
    """What is done to the mask of a picture that is painted in part."""
    path = notes.meanings.word("masks", method)
    if path is not None and notes.get("task.kind") == "inpaint":
        told = [amount for item in (*call.arguments, *call.keywords.values()) if (amount := real(item)) is not None]
        notes.put(path, told[0] if told else True)
