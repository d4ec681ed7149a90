"""The parts of a model out of several files: a diffusion model, and encoders and a VAE beside it or in it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from tokenizers import Tokenizer

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.catalogue.signs import Identity
from paramc.runtime.models.bases import Base, Encoder, ModuleSign, base_of, decoders, encoders, module_signs
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.deep import deep_vae_blueprint, is_deep
from paramc.runtime.models.empty import TextModel, Vae
from paramc.runtime.models.fitting import fitting
from paramc.runtime.models.original import UMT5, VAE, shapes_of, text_blueprint, unet_blueprint, vae_blueprint
from paramc.runtime.models.shapes import Shapes, vae_levels
from paramc.runtime.models.tensors import Tensors, open_tensors
from paramc.runtime.models.transformers import Transformer, transformer_blueprint
from paramc.runtime.models.vae import is_vae, load_vae
from paramc.runtime.text.tokenisers import tokeniser_beside

VAES: Final = (VAE, "vae.")  # what stands before the names of an autoencoder inside a checkpoint
MODULE_LAYOUTS: Final = {"open_clip": "transformers"}  # of encoders that have another inside checkpoints


class Precision(NamedTuple):
    """Number types of the three parts, and where they go."""

    model: torch.dtype
    vae: torch.dtype
    text: torch.dtype
    device: str


@dataclass(slots=True, eq=False)
class Source:
    """An open file, and what is to be read of it."""

    file: Tensors
    plans: list[Blueprint] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The file's."""
        return self.file.header.path

    def finish(self, device: str) -> None:
        """Read the file once, and hand its weights to the models."""
        with fitting(self.path):
            fill(self.plans, self.file)
            for plan in self.plans:
                plan.finish(self.path, device)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """model: the diffusion model. plans: what was read of the file that holds it. tokeniser: of a language model."""

    model: UNet2DConditionModel | Transformer
    vae: Vae
    texts: tuple[TextModel, ...]
    plans: tuple[Blueprint, ...]
    tokeniser: Tokenizer | None = None


def load_parts(
    file: Tensors, identity: Identity, precision: Precision, vae: Path | None, modules: Sequence[Path]
) -> Parts:
    """The parts of the model whose diffusion model is in `file`; those in `modules` come before those in it.

    `vae`: a file whose autoencoder takes the place of all others. Raises ModelError where a part is in none of them.
    """
    base = base_of(identity.base, identity.family)
    with ExitStack() as stack:
        beside = [Source(stack.enter_context(open_tensors(path))) for path in modules]
        main = Source(file)
        model = _diffusion(main, base, precision.model)
        texts = tuple(_texts([*beside, main], base, precision.text))
        words = _tokeniser([*beside, main], base)
        vae = vae or next((source.path for source in beside if is_vae(source.file.header)), None)
        own = _autoencoder(main, base, precision.vae) if vae is None else None
        for source in (main, *beside):
            source.finish(precision.device)
    found = own
    if vae is not None:
        found = load_vae(vae, base=base.name, family=identity.family, dtype=precision.vae, device=precision.device)
    if found is None:
        raise ModelError(diagnose("PC528", file=main.path))
    return Parts(model, found, texts, tuple(main.plans), words)


def _diffusion(main: Source, base: Base, dtype: torch.dtype) -> UNet2DConditionModel | Transformer:
    header = main.file.header
    model: UNet2DConditionModel | Transformer
    with fitting(main.path):
        if base.has_unet:
            model, plan = unet_blueprint(header, base, dtype)
        else:
            model, plan = transformer_blueprint(header, base.name, dtype)
    main.plans.append(plan)
    return model


def _texts(sources: Sequence[Source], base: Base, dtype: torch.dtype) -> Iterator[TextModel]:
    """The text encoders of the base, in the order in which their outputs are joined, each from the first file with it.

    Raises ModelError (PC580) for one that is in no file.
    """
    holders = [(encoder, _holder(sources, encoder)) for encoder in encoders(base.name)]
    lacking = [encoder.part for encoder, held in holders if not held and encoder.part and not encoder.optional]
    if any(held and encoder.alone for encoder, held in holders):
        lacking = []
    if lacking or not any(held for _, held in holders):
        part = ", ".join(lacking) or "text encoder"
        raise ModelError(diagnose("PC580", file=sources[-1].path, part=part, title=base.title))
    for encoder, held in holders:
        if held:
            source, shapes, layout = held
            with fitting(source.path):
                model, plan = text_blueprint(shapes, encoder._replace(layout=layout), dtype)
            source.plans.append(plan)
            yield model


def _holder(sources: Sequence[Source], encoder: Encoder) -> tuple[Source, Shapes, str] | None:
    """The file that has the encoder, what is behind its prefix there, and how it is named."""
    for source in sources:
        header = source.file.header
        own = shapes_of(header, encoder.prefix)
        if own.names:
            return source, own, encoder.layout
        sign = module_sign(header)
        if encoder.part and sign is not None and sign.part == encoder.part:
            return source, shapes_of(header, sign.prefix), MODULE_LAYOUTS.get(encoder.layout, encoder.layout)
    return None


def _tokeniser(sources: Sequence[Source], base: Base) -> Tokenizer | None:
    """The tokeniser of an encoder that has its own words, which lies beside the file with the encoder."""
    for encoder in encoders(base.name):
        found = _holder(sources, encoder) if encoder.layout in (UMT5, *decoders()) else None
        if found is not None:
            row = decoders().get(encoder.layout)
            return tokeniser_beside(found[0].path, row.marks if row else ())
    return None


def module_sign(header: Header) -> ModuleSign | None:
    """Which text encoder a file of its own holds; None for anything else."""
    for row in module_signs():
        for prefix in dict.fromkeys((row.prefix, "")):
            shape = header.shape(prefix + row.sign.removeprefix(row.prefix))
            if shape is not None and row.width in (0, shape[-1]):
                return row._replace(prefix=prefix)
    return None


def _autoencoder(main: Source, base: Base, dtype: torch.dtype) -> Vae | None:
    """The autoencoder in the file of the diffusion model, if it has one."""
    header = main.file.header
    deep = next((prefix for prefix in VAES if is_deep(header, prefix)), None)
    prefix = deep or next((prefix for prefix in VAES if vae_levels(shapes_of(header, prefix))), None)
    if prefix is None:
        return None
    blueprint = vae_blueprint if deep is None else deep_vae_blueprint
    with fitting(main.path):
        model, plan = blueprint(header, prefix, base, dtype)
    main.plans.append(plan)
    return model
