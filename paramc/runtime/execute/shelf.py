"""Loaded models, kept between jobs: so many checkpoints at once, each read once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.assets import AssetRef
from paramc.ir.control import TokenMerging
from paramc.ir.plan import Encode
from paramc.runtime.catalogue.signs import Kind
from paramc.runtime.execute.merging import merge_tokens
from paramc.runtime.execute.texts import encoded
from paramc.runtime.execute.tiling import wrap_around
from paramc.runtime.execute.values import Guide, Laid, Painter, Weights
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.models.networks import Applied, Network, Networks, load_network
from paramc.runtime.models.upsampling import set_upsampling
from paramc.runtime.models.upscaler import Upscaler, load_upscaler
from paramc.runtime.models.vae import load_vae
from paramc.runtime.text.stack import TextStack, text_stack
from paramc.runtime.text.words import LearnedWord, fitting_words, read_word

CHECKPOINTS: Final = 2  # kept at once: a model and its refiner
SMALL: Final = 16  # of everything else

V = TypeVar("V")


class Finder(Protocol):
    """Finds files by what a job says of them. `said`: what was noticed on the way."""

    said: list[Diagnostic]

    def find(self, asset: AssetRef, kind: Kind) -> Path:
        """The file. Raises ModelNotFound."""
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
    guides: Recent[Guide] = field(default_factory=lambda: Recent(64))


class Shelf:
    """All models that jobs on one device share."""

    def __init__(
        self, finder: Finder, *, device: torch.device, dtype: torch.dtype = torch.float32, limit: int = CHECKPOINTS
    ) -> None:
        self.device, self.dtype = device, dtype
        self.said: list[Diagnostic] = []
        self.tiles_vae = False
        self._finder = finder
        self._checkpoints: Recent[Loaded] = Recent(limit)
        self._vaes: Recent[AutoencoderKL] = Recent(2)
        self._networks: Recent[Network] = Recent(SMALL)
        self._words: Recent[LearnedWord] = Recent(256)
        self._upscalers: Recent[Upscaler] = Recent(2)

    def told(self) -> tuple[Diagnostic, ...]:
        """What there was to say since the last time, each thing once."""
        said = tuple(dict.fromkeys([*self._finder.said, *self.said]))
        self._finder.said.clear()
        self.said.clear()
        return said

    def weights(self, asset: AssetRef) -> Weights:
        """A checkpoint with nothing laid over it."""
        path = self._finder.find(asset, "checkpoint")
        return Weights(path, self._loaded(path).checkpoint)

    def loaded(self, weights: Weights) -> Loaded:
        """The same with its encoders; read again if it had to make room."""
        return self._loaded(weights.path)

    def network(self, asset: AssetRef, model: float, clip: float, rank_limit: int | None) -> Laid:
        """A network of tensors to lay over weights, with the strengths for model and text encoders."""
        path = self._finder.find(asset, "network")
        return Laid(path, Applied(self._networks.get(path, lambda: load_network(path)), model, clip, rank_limit))

    def guide(self, op: Encode, weights: Weights) -> Guide:
        """A text encoded by the weights' own encoders, once for each text and state of the encoders."""
        loaded = self.loaded(weights)
        words = self._learned(op, loaded.stack)
        networks = tuple((laid.path, laid.applied.text_strength, laid.applied.rank_limit) for laid in weights.networks)
        key = (op.variants, op.layer, op.emphasis, op.manner, op.backtrack, op.negative, networks, words)
        return loaded.guides.get(key, lambda: self._encoded(op, weights, words))

    def _encoded(self, op: Encode, weights: Weights, words: tuple[LearnedWord, ...]) -> Guide:
        loaded = self.ready(weights)
        with torch.inference_mode():
            guide, result = encoded(op, loaded.stack, words)
        self.said += result.diagnostics
        return guide

    def _learned(self, op: Encode, stack: TextStack) -> tuple[LearnedWord, ...]:
        """The learned words that occur in a text: those that the job names, and others by their name alone."""
        spoken = "\n".join(variant.text for variant in op.variants).lower()
        at_hand = {name: path for name, path in self._finder.words() if name.lower() in spoken}
        for asset in op.embeddings:
            if asset.name and asset.name.lower() in spoken:
                at_hand[asset.name] = self._finder.find(asset, "embedding")
        found = [
            self._words.get((name, path), partial(read_word, path, name)) for name, path in sorted(at_hand.items())
        ]
        fitting, said = fitting_words(found, stack)
        self.said += said
        return fitting

    def upscaler(self, label: str) -> Upscaler:
        """A model that enlarges pictures."""
        path = self._finder.find(AssetRef(name=label), "upscaler")
        return self._upscalers.get(path, lambda: load_upscaler(path, device=str(self.device)))

    def ready(self, weights: Weights, *, second_pass: bool = False, fits_late: bool = True) -> Loaded:
        """The checkpoint with the networks and patches of `weights`, and no others, laid over it.

        fits_late: latents that do not halve evenly are fitted after the convolution that follows (A1111).
        """
        loaded = self.loaded(weights)
        self.said += loaded.networks.apply([laid.applied for laid in weights.networks])
        unet = loaded.checkpoint.unet
        kinds = {patch.kind for patch in weights.patches}
        wrap_around(unet, wraps="tiling" in kinds)
        merging = next((patch for patch in weights.patches if isinstance(patch, TokenMerging)), None)
        ratio = 0.0
        if merging is not None:
            ratio = merging.hires if second_pass and merging.hires is not None else merging.ratio
        merge_tokens(unet, ratio)
        set_upsampling(unet, "convolve_then_fit" if fits_late else "fit_then_convolve")
        return loaded

    def baked(self, weights: Weights, *, wraps: bool) -> Painter:
        """The VAE in a checkpoint."""
        return self._painter(lambda: self.loaded(weights).checkpoint.vae, wraps=wraps)

    def vae(self, asset: AssetRef, base: str, *, wraps: bool) -> Painter:
        """A VAE in a file of its own."""
        path = self._finder.find(asset, "vae")

        def load() -> AutoencoderKL:
            return load_vae(path, base=base, dtype=self.dtype, device=str(self.device))

        return self._painter(lambda: self._vaes.get(path, load), wraps=wraps)

    def _loaded(self, path: Path) -> Loaded:
        return self._checkpoints.get(path, lambda: self._load(path))

    def _load(self, path: Path) -> Loaded:
        checkpoint = load_checkpoint(path, dtype=self.dtype, device=str(self.device))
        self.said += checkpoint.diagnostics
        return Loaded(checkpoint, Networks(checkpoint), text_stack(checkpoint.base, checkpoint.text_encoders))

    def _painter(self, model: Callable[[], AutoencoderKL], *, wraps: bool) -> Painter:
        @contextmanager
        def opened() -> Iterator[AutoencoderKL]:
            vae = model()
            wrap_around(vae, wraps=wraps)
            vae.use_tiling = self.tiles_vae
            with torch.inference_mode():
                yield vae

        def encode(pixels: Tensor) -> Tensor:
            with opened() as vae:
                found = cast(AutoencoderKLOutput, vae.encode(pixels.to(self.device, vae.dtype)))
                mean: Tensor = found.latent_dist.mode()
                return mean.float() * _scale(vae)

        def decode(latent: Tensor) -> Tensor:
            with opened() as vae:
                scaled = latent / _scale(vae)
                pixels = _decoded(vae, scaled.to(vae.dtype)).float()
                if vae.dtype == torch.float32 or bool(torch.isfinite(pixels).all()):
                    return pixels
                self.said.append(diagnose("PC570", dtype=str(vae.dtype).removeprefix("torch.")))
                nn.Module.float(vae)
                return _decoded(vae, scaled.float())

        return Painter(encode, decode)


def _scale(vae: AutoencoderKL) -> float:
    """What latents are multiplied by."""
    return float(vae.config["scaling_factor"])


def _decoded(vae: AutoencoderKL, latent: Tensor) -> Tensor:
    """Pixels of an unscaled latent."""
    return cast(Tensor, vae.decode(cast(torch.FloatTensor, latent), return_dict=False)[0])
