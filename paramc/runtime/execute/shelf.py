"""Loaded models, kept between jobs: so many checkpoints at once, each read once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar, cast

import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.assets import AssetRef
from paramc.ir.control import ControlNet, TokenMerging
from paramc.ir.geometry import Size
from paramc.ir.plan import ApplyControl, ApplyNetwork, Encode, Plan
from paramc.runtime.catalogue.errors import ModelNotFound
from paramc.runtime.catalogue.header import HEADED, read_header
from paramc.runtime.catalogue.signs import UNKNOWN, Identity, Kind, identify
from paramc.runtime.control.depth import DepthEstimator, choose_depth, load_depth
from paramc.runtime.control.flow_image_prompts import Attentive, FlowImageAdapter, require_layers
from paramc.runtime.control.flow_steering import TransformerUnit
from paramc.runtime.control.hints import Learned, takes_model
from paramc.runtime.control.image_encoder import ImageEncoder, load_image_encoder, width_seen
from paramc.runtime.control.image_prompts import ImageAdapter
from paramc.runtime.control.nets import Net, UnetNet, lies_on_model, load_net, require_width
from paramc.runtime.control.steering import UnetUnit
from paramc.runtime.control.transformer_nets import TransformerNet
from paramc.runtime.execute.controls import flow_unit_of, is_reference, reference_of, shown_of, unit_of
from paramc.runtime.execute.merging import merge_tokens
from paramc.runtime.execute.room import require_room
from paramc.runtime.execute.texts import encoded
from paramc.runtime.execute.thrift import (
    REST,
    SPENDING,
    Thrift,
    Turns,
    bring_by_layers,
    bytes_of,
    free_bytes,
    level_of,
    prepare,
)
from paramc.runtime.execute.tiling import wrap_around
from paramc.runtime.execute.values import Guide, Laid, Painter, Weights
from paramc.runtime.models import latents
from paramc.runtime.models.bases import bases
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.models.empty import Vae
from paramc.runtime.models.networks import Applied, Network, Networks, load_network
from paramc.runtime.models.upsampling import set_upsampling
from paramc.runtime.models.upscaler import Upscaler, load_upscaler
from paramc.runtime.models.vae import load_vae
from paramc.runtime.rng.streams import Stream
from paramc.runtime.text.stack import TextStack, text_stack
from paramc.runtime.text.words import LearnedWord, fitting_words, read_word, word_of

MODULES: Final[tuple[Kind, ...]] = ("text_encoder", "vae")  # kinds of files that lie beside a diffusion model
CHECKPOINTS: Final = 2  # kept at once: a model and its refiner
SMALL: Final = 16  # of everything else

V = TypeVar("V")


class Finder(Protocol):
    """Finds files by what a job says of them. `said`: what was noticed on the way."""

    said: list[Diagnostic]

    def find(self, asset: AssetRef, kind: Kind) -> Path:
        """The file. Raises ModelNotFound."""
        ...

    @property
    def folders(self) -> Sequence[Path]:
        """Where it looks."""
        ...

    def of_kind(self, kind: Kind) -> Sequence[Path]:
        """All files of a kind."""
        ...

    def words(self) -> Sequence[tuple[str, Path]]:
        """All learned words at hand: what they are called in prompts, and their files."""
        ...


class Recent(Generic[V]):
    """The values used last, so many of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of a key; made, if it is not kept, after the oldest has made room."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        while len(self._kept) >= self._limit:
            self._kept.popitem(last=False)
        value = make()
        self._kept[key] = value
        return value


@dataclass(slots=True, eq=False)
class Loaded:
    """A checkpoint in memory, and what is laid over its weights at the moment."""

    checkpoint: Checkpoint
    networks: Networks
    stack: TextStack
    ways: tuple[bool, float, bool] | None = None  # how the diffusion model was last made ready, beside networks
    guides: Recent[Guide] = field(default_factory=lambda: Recent(64))


class Shelf:
    """All models that jobs on one device share.

    leftover: where the random part of encoded pictures comes from; without it the likeliest latent is taken.
    """

    def __init__(
        self,
        finder: Finder,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        limit: int = CHECKPOINTS,
        thrift: Thrift = SPENDING,
    ) -> None:
        self.device, self.dtype = device, dtype
        self.said: list[Diagnostic] = []
        self.tiles_vae = thrift.tiles_vae
        self._thrift, self._turns = thrift, Turns(device)
        self.leftover: Stream | None = None
        self._finder = finder
        self._checkpoints: Recent[Loaded] = Recent(limit)
        self._vaes: Recent[Vae] = Recent(2)
        self._identities: Recent[Identity] = Recent(SMALL)
        self._networks: Recent[Network] = Recent(SMALL)
        self._words: Recent[LearnedWord] = Recent(256)
        self._upscalers: Recent[Upscaler] = Recent(2)
        self._nets: Recent[Net] = Recent(4)
        self._lying: Recent[bool] = Recent(SMALL)
        self._depths: Recent[DepthEstimator] = Recent(1)
        self._image_encoders: Recent[ImageEncoder] = Recent(1)

    def told(self) -> tuple[Diagnostic, ...]:
        """What there was to say since the last time, each thing once."""
        said = tuple(dict.fromkeys([*self._finder.said, *self.said]))
        self._finder.said.clear()
        self.said.clear()
        return said

    def weights(self, asset: AssetRef, modules: Sequence[AssetRef] = ()) -> Weights:
        """A checkpoint with nothing laid over it. `modules`: encoders and VAE in files of their own."""
        path = self._diffusion(asset)
        beside = tuple(self._module(module) for module in modules) or self._usual(path)
        return Weights(path, self._loaded(path, beside).checkpoint, beside)

    def _diffusion(self, asset: AssetRef) -> Path:
        """The file of a diffusion model, with all of its parts or without. Raises ModelNotFound as for the former."""
        try:
            return self._finder.find(asset, "checkpoint")
        except ModelNotFound as missing:
            try:
                return self._finder.find(asset, "diffusion_model")
            except ModelNotFound:
                raise missing from None

    def _usual(self, path: Path) -> tuple[Path, ...]:
        """The parts beside a bare diffusion model, under the names that they are published with, as far as at hand."""
        identity = self._identity(path) if path.suffix.lower() in HEADED and path.is_file() else UNKNOWN
        if identity.kind != "diffusion_model" or identity.base not in bases():
            return ()
        found = [self._first(names.split("|")) for names in bases()[identity.base].usual]
        parts = tuple(part for part in found if part is not None)
        if parts:
            names = ", ".join(f"`{part.name}`" for part in parts)
            self.said.append(diagnose("PC584", file=path.name, found=names))
        return parts

    def _identity(self, path: Path) -> Identity:
        """What a file is by its header, which is read once until the file changes."""
        about = path.stat()
        return self._identities.get((path, about.st_size, about.st_mtime_ns), lambda: identify(read_header(path)))

    def _first(self, names: Sequence[str]) -> Path | None:
        for name in names:
            try:
                return self._module(AssetRef(name=name))
            except ModelNotFound:
                continue
        return None

    def _module(self, asset: AssetRef) -> Path:
        """A text encoder or a VAE, whichever has the name."""
        for kind in MODULES[:-1]:
            try:
                return self._finder.find(asset, kind)
            except ModelNotFound:
                continue
        return self._finder.find(asset, MODULES[-1])

    def loaded(self, weights: Weights) -> Loaded:
        """The same with its encoders; read again if it had to make room."""
        return self._loaded(weights.path, weights.modules)

    def network(self, op: ApplyNetwork) -> Laid:
        """A network of tensors to lay over weights, with its strengths."""
        path = self._finder.find(op.asset, "network")
        network = self._networks.get(path, lambda: load_network(path))
        applied = Applied(network, op.model_strength, op.clip_strength, op.rank_limit, op.blocks)
        return Laid(path, applied, op.first_step, op.last_step)

    def relay(self, weights: Weights, step: int) -> None:
        """Lay the networks over the weights as they act on a step."""
        self.loaded(weights).networks.apply([laid.at(step) for laid in weights.networks])

    def unit(self, op: ApplyControl, plan: Plan, weights: Weights, painter: Painter) -> UnetUnit | TransformerUnit:
        """A control unit with its net and its picture. Raises ModelError for one that does not fit the model."""
        if is_reference(op.unit):
            return reference_of(op, plan, painter.encode)
        path = self._finder.find(op.unit.model or AssetRef(), "controlnet")
        model = weights.checkpoint

        def bare() -> nn.Module:
            self.loaded(weights).networks.remove()
            return model.unet

        def load() -> Net:
            return load_net(path, model.base, dtype=self.dtype, device=str(self.device), model=bare)

        lies = self._lying.get(path, partial(lies_on_model, path))
        net = self._nets.get((path, weights.path if lies else model.base), load)
        if isinstance(net, FlowImageAdapter):
            require_layers(path, net, cast(Attentive, model.unet))
        if isinstance(net, ImageAdapter | FlowImageAdapter):
            return shown_of(op, plan, net, self._image_encoder(path, net))
        if isinstance(net, FluxControlNetModel | SD3ControlNetModel):
            encode = partial(_seen_by, net, painter, model)
            return flow_unit_of(op, plan, net, path, self._preprocessor(op.unit), encode)
        own = cast("UnetNet | T2IAdapter", net)  # all that is left: mypy does not narrow classes of diffusers
        require_width(path, own, model.unet)
        return unit_of(op, plan, own, path, self._preprocessor(op.unit))

    def _preprocessor(self, unit: ControlNet) -> Learned | None:
        """The model of a unit's preprocessor, where it has one. Raises ModelNotFound (PC513)."""
        if not takes_model(unit):
            return None
        files = [(file, self._depth_family(file)) for file in self._finder.of_kind("depth_model")]
        path = choose_depth(unit.preprocessor, files)
        if path is None:
            looked = ", ".join(map(str, self._finder.folders)) or "nowhere: no folder was scanned"
            raise ModelNotFound(diagnose("PC513", name=unit.preprocessor, unit=unit.unit, folders=looked))
        return self._depths.get(path, partial(load_depth, path, dtype=self.dtype, device=str(self.device)))

    def _depth_family(self, file: Path) -> str:
        """The family of a model of depth; pickles are read in one layout alone."""
        return self._identity(file).family if file.suffix.lower() in HEADED else "depth-anything"

    def _image_encoder(self, path: Path, adapter: ImageAdapter | FlowImageAdapter) -> ImageEncoder:
        """The encoder that an adapter was trained with, told by its width. Raises ModelNotFound."""
        for file in (*self._finder.of_kind("image_encoder"), *self._finder.of_kind("text_encoder")):
            if file.suffix.lower() in HEADED and width_seen(read_header(file), states=adapter.states) == adapter.width:
                load = partial(load_image_encoder, file, dtype=self.dtype, device=str(self.device))
                return self._image_encoders.get(file, load)
        raise ModelNotFound(diagnose("PC591", file=path, width=adapter.width))

    def guide(self, op: Encode, weights: Weights) -> Guide:
        """A text encoded by the weights' own encoders, once for each text and state of the encoders."""
        loaded = self.loaded(weights)
        words = self._learned(op, loaded.stack, weights.networks)
        networks = tuple(
            (laid.path, laid.applied.text_strength, laid.applied.rank_limit, (laid.applied.blocks or ())[:1])
            for laid in weights.networks
        )
        key = (op.variants, op.layer, op.emphasis, op.manner, op.backtrack, op.negative, networks, words)
        return loaded.guides.get(key, lambda: self._encoded(op, weights, words))

    def _encoded(self, op: Encode, weights: Weights, words: tuple[LearnedWord, ...]) -> Guide:
        loaded = self._overlaid(weights)
        self._turns.bring(*loaded.checkpoint.text_encoders)
        with torch.inference_mode():
            guide, result = encoded(op, loaded.stack, words)
        self.said += result.diagnostics
        return guide

    def _learned(self, op: Encode, stack: TextStack, networks: Sequence[Laid]) -> tuple[LearnedWord, ...]:
        """The learned words in a text: those that the job names, those of its networks, and others by their name."""
        spoken = "\n".join(variant.text for variant in op.variants).lower()
        at_hand = {name: path for name, path in self._finder.words() if name.lower() in spoken}
        for asset in op.embeddings:
            if asset.name and asset.name.lower() in spoken:
                at_hand[asset.name] = self._finder.find(asset, "embedding")
        found = [
            self._words.get((name, path), partial(read_word, path, name)) for name, path in sorted(at_hand.items())
        ]
        known = {name.lower() for name in at_hand}  # a word in a folder comes before those that networks bring along
        for laid in networks:
            for name, tensors in laid.applied.network.words.items():
                if name.lower() in spoken and name.lower() not in known:
                    known.add(name.lower())
                    found.append(self._words.get((name, laid.path), partial(word_of, tensors, laid.path, name)))
        fitting, said = fitting_words(found, stack)
        self.said += said
        return fitting

    def upscaler(self, label: str) -> Upscaler:
        """A model that enlarges pictures."""
        path = self._finder.find(AssetRef(name=label), "upscaler")
        return self._upscalers.get(path, lambda: load_upscaler(path, device=str(self.device)))

    def _overlaid(self, weights: Weights) -> Loaded:
        """The checkpoint with the networks of `weights`, and no others, laid over it."""
        loaded = self.loaded(weights)
        self.said += loaded.networks.apply([laid.applied for laid in weights.networks])
        return loaded

    def ready(self, weights: Weights, *, second_pass: bool = False, fits_late: bool = True) -> Loaded:
        """The checkpoint with the networks and patches of `weights`, and no others, laid over it.

        fits_late: latents that do not halve evenly are fitted after the convolution that follows (A1111).
        """
        loaded = self._overlaid(weights)
        unet = loaded.checkpoint.unet
        self._turns.bring(unet)
        if not isinstance(unet, UNet2DConditionModel):
            return loaded
        merging = next((patch for patch in weights.patches if isinstance(patch, TokenMerging)), None)
        ratio = 0.0
        if merging is not None:
            ratio = merging.hires if second_pass and merging.hires is not None else merging.ratio
        wraps = any(patch.kind == "tiling" for patch in weights.patches)
        if loaded.ways != (wraps, ratio, fits_late):
            wrap_around(unet, wraps=wraps)
            merge_tokens(unet, ratio)
            set_upsampling(unet, "convolve_then_fit" if fits_late else "fit_then_convolve")
            loaded.ways = wraps, ratio, fits_late
        return loaded

    def baked(self, weights: Weights, *, wraps: bool) -> Painter:
        """The VAE in a checkpoint."""
        return self._painter(lambda: self.loaded(weights).checkpoint.vae, wraps=wraps)

    def vae(self, asset: AssetRef, base: str, family: str, *, wraps: bool) -> Painter:
        """A VAE in a file of its own."""
        path = self._finder.find(asset, "vae")

        def load() -> Vae:
            return load_vae(path, base=base, family=family, dtype=self.dtype, device=str(self.device))

        return self._painter(lambda: self._vaes.get(path, load), wraps=wraps)

    def _loaded(self, path: Path, modules: tuple[Path, ...]) -> Loaded:
        return self._checkpoints.get((path, modules), lambda: self._load(path, modules))

    def _load(self, path: Path, modules: tuple[Path, ...]) -> Loaded:
        thrift = self._thrift
        largest, free = bytes_of((path,), self.dtype), free_bytes(self.device)
        level = level_of(thrift.offload, self.device, largest + bytes_of(modules, self.dtype), largest, free)
        place = self.device if level == "none" and thrift.stored == "same" else REST
        checkpoint = load_checkpoint(path, dtype=self.dtype, device=str(place), modules=modules)
        unet, others = checkpoint.unet, (*checkpoint.text_encoders, checkpoint.vae)
        prepare(unet, thrift)
        match level:
            case "none":
                for model in (unet, *others):
                    nn.Module.to(model, self.device)
            case "layers":
                self._turns.join(others)
                bring_by_layers(unet, self.device)
            case _:
                self._turns.join((unet, *others))
        self.said += checkpoint.diagnostics
        stack = text_stack(
            checkpoint.base,
            checkpoint.text_encoders,
            checkpoint.family,
            merges=checkpoint.merges,
            tokeniser=checkpoint.tokeniser,
        )
        return Loaded(checkpoint, Networks(checkpoint), stack)

    def _painter(self, model: Callable[[], Vae], *, wraps: bool) -> Painter:
        @contextmanager
        def opened() -> Iterator[Vae]:
            vae = model()
            self._turns.bring(vae)
            wrap_around(vae, wraps=wraps)
            vae.use_tiling = self.tiles_vae
            with torch.inference_mode():
                yield vae

        def encode(pixels: Tensor) -> Tensor:
            with opened() as vae:
                require_room(Size(pixels.shape[3], pixels.shape[2]), latents.cell(vae))
                latent, spread = self._sound(vae, lambda: latents.encoded(vae, pixels.to(self.device, vae.dtype)))
                if self.leftover is not None:
                    latent = latent + spread * self.leftover.normal(latent.shape).to(latent)
                return latents.scaled(vae, latent.float())

        def decode(latent: Tensor) -> Tensor:
            with opened() as vae:
                scaled = latents.unscaled(vae, latent)
                (pixels,) = self._sound(vae, lambda: (latents.decoded(vae, scaled.to(vae.dtype)).float(),))
                return pixels

        return Painter(encode, decode)

    def _sound(self, vae: Vae, work: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What a VAE gives, from float32 where half precision overflows. Raises RunError where that is no number."""
        made = work()
        if not _are_finite(made) and vae.dtype != torch.float32:
            self.said.append(diagnose("PC570", dtype=str(vae.dtype).removeprefix("torch.")))
            nn.Module.float(vae)
            made = work()
        if not _are_finite(made):
            raise RunError(diagnose("PC578"))
        return made


def _are_finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def _seen_by(net: TransformerNet, painter: Painter, model: Checkpoint, pixels: Tensor) -> Tensor:
    """The latent of a control picture as the net knows it: some of SD3 were trained without the shift."""
    latent = painter.encode(pixels)
    if not net.config.get("force_zeros_for_pooled_projection"):
        return latent
    return latents.unscaled(model.vae, latent) * float(model.vae.config["scaling_factor"])
