"""A checkpoint: the diffusion model, its autoencoder and its text encoders out of one file or one folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from tokenizers import Tokenizer
from torch import Tensor
from transformers import UMT5EncoderModel

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.catalogue.signs import Identity, called, identify
from paramc.runtime.models.architectures import architectures
from paramc.runtime.models.bases import bases, decoders, not_run, stranger
from paramc.runtime.models.blueprint import Blueprint
from paramc.runtime.models.empty import TextModel, Vae
from paramc.runtime.models.folder import (
    CLASS,
    folder_merges,
    folder_texts,
    folder_transformer,
    folder_unet,
    read_config,
)
from paramc.runtime.models.latents import set_norm
from paramc.runtime.models.original import CHATGLM, UNET, VAE
from paramc.runtime.models.own import own_merges
from paramc.runtime.models.parts import Precision, load_parts
from paramc.runtime.models.prediction import EDM_MEAN, EDM_STD, Prediction, probed_prediction, stated_prediction
from paramc.runtime.models.tensors import Tensors, open_tensors
from paramc.runtime.models.transformers import CLASSES, Transformer
from paramc.runtime.models.vae import load_vae
from paramc.runtime.schedules.levels import even_alphas, sd_alphas
from paramc.runtime.text.bpe import SHARED
from paramc.runtime.text.chatglm import ChatGlm
from paramc.runtime.text.long import LanguageModel
from paramc.runtime.text.tokenisers import tokeniser_in

OWN_WORDS: Final = (UMT5EncoderModel, *get_args(LanguageModel))  # text encoders with a tokeniser beside them
ALPHAS: Final = "alphas_cumprod"
EDM: Final = "EDM"  # how the classes of schedulers for mixtures begin
ENDS_IN_NOISE: Final = "ztsnr"
INPAINTING: Final = 9  # channels that go into a model made for inpainting: latent, mask, and the picture without it


@dataclass(slots=True, eq=False)
class Checkpoint:
    """Models ready to run, without gradients.

    unet: the diffusion model, in newer families a transformer. text_encoders: in the order in which their outputs are
    joined; that of SD2 has no layer behind the penultimate one. alphas_cumprod: float32 (timesteps,), the file's own
    where it has them. zero_terminal_snr: the file asks for it. merges: of a vocabulary of its own. tokeniser: of a
    language model.
    """

    path: Path
    family: str
    base: str
    unet: UNet2DConditionModel | Transformer
    vae: Vae
    text_encoders: tuple[TextModel, ...]
    prediction: Prediction
    zero_terminal_snr: bool
    alphas_cumprod: Tensor
    merges: str = SHARED
    tokeniser: Tokenizer | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def load_checkpoint(
    path: Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    vae_dtype: torch.dtype | None = None,
    text_dtype: torch.dtype | None = None,
    vae: Path | None = None,
    modules: Sequence[Path] = (),
) -> Checkpoint:
    """The models of a single file in the original layout, or of a folder in that of diffusers.

    `vae`: a file whose autoencoder takes the place of the checkpoint's. `modules`: files with the encoders and the VAE
    that a bare diffusion model is without. Raises ModelError for a file that is damaged, of another kind, of a family
    that the runner does not know, or lacks a part.
    """
    precision = Precision(dtype, vae_dtype or dtype, text_dtype or dtype, device)
    if path.is_dir():
        return _from_folder(path, precision, vae)
    with open_tensors(path) as file:
        return _from_file(file, precision, vae, modules)


def _from_file(file: Tensors, precision: Precision, vae: Path | None, modules: Sequence[Path]) -> Checkpoint:
    header = file.header
    identity = required_checkpoint(header, whole=not modules)
    parts = load_parts(file, identity, precision, vae, modules)
    if EDM_MEAN in header.tensors and EDM_STD in header.tensors:
        set_norm(parts.vae, *(file.read(name).flatten().tolist() for name in (EDM_MEAN, EDM_STD)))
    prediction = _prediction(header, identity, parts.model)
    return Checkpoint(
        path=header.path,
        family="sd2-v" if (identity.family, prediction) == ("sd2", "v") else identity.family,
        base=identity.base,
        unet=parts.model,
        vae=parts.vae,
        text_encoders=parts.texts,
        prediction=prediction,
        zero_terminal_snr=ENDS_IN_NOISE in header.tensors,
        alphas_cumprod=_alphas(file, identity.base),
        merges=own_merges(header),
        tokeniser=parts.tokeniser,
        diagnostics=_left_over(header, parts.plans),
    )


def required_checkpoint(header: Header, *, whole: bool = True) -> Identity:
    """What the checkpoint is; `whole`: nothing else is at hand.

    Raises ModelError for a file of another kind, or of a family that is not loaded.
    """
    identity = identify(header)
    if identity.kind not in ("checkpoint", "diffusion_model") or not identity.base:
        found = called(header, identity.kind)
        raise ModelError(diagnose("PC525", file=header.path, found=found, wanted="a checkpoint"))
    if identity.base not in bases():
        raise not_run(header.path, identity.family)
    if identity.kind != "checkpoint" and whole:
        raise ModelError(diagnose("PC525", file=header.path, found="a bare diffusion model", wanted="a checkpoint"))
    return identity


def _prediction(header: Header, identity: Identity, model: UNet2DConditionModel | Transformer) -> Prediction:
    """Of UNets that do not say it, only SD2 has been published both ways."""
    if not isinstance(model, UNet2DConditionModel):
        return _of_transformer(identity.base)
    stated = stated_prediction(header)
    if stated is not None:
        return stated
    return probed_prediction(model) if identity.family == "sd2" else "epsilon"


def _of_transformer(base: str) -> Prediction:
    """Transformers are flows, but for those that learned from noise in steps."""
    return "epsilon" if bases()[base].betas else "flow"


def _alphas(file: Tensors, base: str) -> Tensor:
    own = file.header.shape(ALPHAS) == (bases()[base].timesteps,)
    return file.read(ALPHAS).float() if own else _trained_on(base)


def _trained_on(base: str) -> Tensor:
    """The cumulative alphas that the models of a base have learned from."""
    row = bases()[base]
    if not row.betas:
        return sd_alphas().float()
    first, last = row.betas
    return even_alphas(first, last, row.timesteps, roots=row.even_roots).float()


def _left_over(header: Header, plans: Sequence[Blueprint]) -> tuple[Diagnostic, ...]:
    """Names of weights that no model asked for, if there are any."""
    used = {name for plan in plans for name in plan.places}
    live = (UNET, VAE) if len(plans) > 1 else (UNET,)
    left = sorted(name for name in header.tensors if name.startswith(live) and name not in used)
    return (diagnose("PC529", file=header.path, name=left[0], count=len(left)),) if left else ()


def _from_folder(path: Path, precision: Precision, vae: Path | None) -> Checkpoint:
    pipeline = str(read_config(path, "model_index.json").get(CLASS))
    if stranger(pipeline):
        raise not_run(path, pipeline)
    if (path / "transformer").is_dir():
        return _transformer_folder(path, pipeline, precision, vae)
    if not (path / "unet").is_dir():
        raise ModelError(diagnose("PC525", file=path, found="no folder with a UNet", wanted="a checkpoint"))
    base = _base_of_folder(path, pipeline)
    scheduler = read_config(path / "scheduler", "scheduler_config.json")
    texts = folder_texts(path, precision.text, precision.device)  # first, as they tell a stranger soonest
    unet = folder_unet(path / "unet", precision.model, precision.device)
    prediction = _scheduled(scheduler)
    suffix = "-inpaint" if unet.conv_in.weight.shape[1] == INPAINTING else ""
    if (base, prediction) == ("sd2", "v"):
        suffix = suffix or "-v"
    return Checkpoint(
        path=path,
        family=bases()[base].pipelines.get(str(scheduler.get(CLASS)), base + suffix),
        base=base,
        unet=unet,
        vae=load_vae(vae or path / "vae", base=base, dtype=precision.vae, device=precision.device),
        text_encoders=texts,
        prediction=prediction,
        zero_terminal_snr=scheduler.get("rescale_betas_zero_snr") is True,
        alphas_cumprod=_trained_on(base),
        merges=SHARED if isinstance(texts[0], OWN_WORDS) else folder_merges(path, texts[0].config.vocab_size),
        tokeniser=_folder_words(path, texts),
    )


def _scheduled(scheduler: Mapping[str, object]) -> Prediction:
    """What the model of a folder predicts, by the scheduler that lies beside it."""
    if str(scheduler.get(CLASS)).startswith(EDM):
        return "edm"
    return "v" if scheduler.get("prediction_type") == "v_prediction" else "epsilon"


def _transformer_folder(path: Path, pipeline: str, precision: Precision, vae: Path | None) -> Checkpoint:
    """Raises ModelError (PC538) where the class is none of ours."""
    model = folder_transformer(path / "transformer", precision.model, precision.device)
    row = next(row for row in architectures() if CLASSES[row.model] is type(model))
    guided = model.config.get("guidance_embeds")
    base = row.guided if guided and row.guided else row.base
    known = bases()[base]
    texts = folder_texts(path, precision.text, precision.device)
    return Checkpoint(
        path=path,
        family=known.pipelines.get(pipeline) or (known.guided if guided else known.unguided) or base,
        base=base,
        unet=model,
        vae=load_vae(vae or path / "vae", base=base, dtype=precision.vae, device=precision.device),
        text_encoders=texts,
        prediction=_of_transformer(base),
        zero_terminal_snr=False,
        alphas_cumprod=_trained_on(base),
        tokeniser=_folder_words(path, texts),
    )


def _folder_words(path: Path, texts: Sequence[TextModel]) -> Tokenizer | None:
    """The tokeniser of a text encoder that has its own words."""
    own = any(isinstance(text, OWN_WORDS) for text in texts)
    marks = decoders()[CHATGLM].marks if any(isinstance(text, ChatGlm) for text in texts) else ()
    return tokeniser_in(path, marks) if own else None


def _base_of_folder(path: Path, pipeline: str) -> str:
    """The base by the width of the text that the UNet is given, or by the pipeline. Raises ModelError for others."""
    unet = read_config(path / "unet")
    width = unet.get("encoder_hid_dim") or unet.get("cross_attention_dim")
    rows = bases().values()
    found = [row.name for row in rows if width in row.widths] or [row.name for row in rows if pipeline in row.pipelines]
    if not found:
        raise not_run(path, f"with texts {width} wide")
    return found[0]
