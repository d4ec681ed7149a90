"""`python -m paramc.runtime.demo FOLDER`: the demo model from nothing; what lies finished there is not done again."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import Final, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch.nn import Module
from transformers import CLIPTextModel

from paramc.runtime.demo import control, diffusion, examples, lora, upscaler, word
from paramc.runtime.demo.autoencoder import SHARPENING, STAGES, Stage, new_autoencoder, rested, train_autoencoder
from paramc.runtime.demo.learning import Told
from paramc.runtime.demo.scaling import scale_latents
from paramc.runtime.demo.shipped import CONTROL, STYLE, UPSCALER, WORD, shipped, shipped_model
from paramc.runtime.demo.weights import write_weights
from paramc.runtime.models.checkpoint import load_checkpoint

OFTEN: Final = 100  # steps between two lines of progress


def main() -> None:
    """Train what is missing, in order."""
    parser = argparse.ArgumentParser(prog="python -m paramc.runtime.demo", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the parts are kept")
    parser.add_argument("--short", type=int, default=1, metavar="N", help="take an Nth of all steps, to try the recipe")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    train_all(asked.folder, asked.short)


def train_all(folder: Path, short: int = 1) -> Path:
    """The file with the whole model; beside it lies what goes with it."""
    written = folder / shipped_model().name
    if not written.exists():
        _train_model(written, folder, short)
    extras: dict[str, Callable[[Path, int], None]] = {
        STYLE: partial(_style, written),
        CONTROL: partial(_control, written),
        WORD: partial(_word, written),
        UPSCALER: _upscaler,
    }
    for name, make in extras.items():
        path = folder / shipped(name).name
        if not path.exists():
            make(path, short)
    return written


def _train_model(written: Path, folder: Path, short: int) -> None:
    vae = _autoencoder(folder, short)
    latents = folder / "examples.pt"
    if not latents.exists():
        examples.make_examples(vae, max(1, examples.SCENES // short), examples.SEED).save(latents)
    model = _diffusion(folder, short)
    _once(folder / "sharpened.pt", vae, partial(_learn, vae, SHARPENING.shortened(short)))
    write_weights(written, vae, model)


def _parts(written: Path) -> tuple[AutoencoderKL, diffusion.Diffusion]:
    """The finished model, in whole and in full precision."""
    made = load_checkpoint(written)
    model = diffusion.Diffusion(cast(UNet2DConditionModel, made.unet), cast(CLIPTextModel, made.text_encoders[0]))
    return cast(AutoencoderKL, made.vae), model


def _style(written: Path, path: Path, short: int) -> None:
    lora.write_style(path, lora.train_style(*_parts(written), lora.COURSE.shortened(short), telling("style")))


def _control(written: Path, path: Path, short: int) -> None:
    net = control.train_control(*_parts(written), control.COURSE.shortened(short), telling("control"))
    control.write_control(path, net)


def _word(written: Path, path: Path, short: int) -> None:
    word.write_word(path, word.train_word(*_parts(written), word.COURSE.shortened(short), telling("word")))


def _upscaler(path: Path, short: int) -> None:
    net = upscaler.train_upscaler(upscaler.COURSE.shortened(short), telling("upscaler"))
    upscaler.write_upscaler(path, net)


def _autoencoder(folder: Path, short: int) -> AutoencoderKL:
    """The trained autoencoder, its latents brought to their scale."""
    vae = rested(new_autoencoder())
    for number, stage in enumerate(STAGES, 1):
        _once(folder / f"autoencoder-{number}.pt", vae, partial(_learn, vae, stage.shortened(short)))
    _once(folder / "scaled.pt", vae, partial(scale_latents, vae))
    return vae


def _learn(vae: AutoencoderKL, stage: Stage) -> None:
    train_autoencoder(vae, stage, telling("autoencoder"))


def _once(path: Path, model: Module, work: Callable[[], None]) -> None:
    """Do the work on a model, unless it lies there finished."""
    if not path.exists():
        work()
        torch.save(model.state_dict(), path)
    model.load_state_dict(torch.load(path, weights_only=True))


def _diffusion(folder: Path, short: int) -> diffusion.Diffusion:
    course = diffusion.COURSE.shortened(short)
    model = diffusion.new_diffusion(course.seed)
    path = folder / "diffusion.pt"
    if not path.exists():
        seen = examples.load_examples(folder / "examples.pt")
        means = diffusion.train_diffusion(seen, course, telling("diffusion"))
        torch.save([part.state_dict() for part in means], path)
    for part, weights in zip(model, torch.load(path, weights_only=True), strict=True):
        part.load_state_dict(weights)
    return model


def telling(part: str) -> Told:
    """What tells on standard error how far a part is."""
    start, losses = monotonic(), list[float]()

    def told(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % OFTEN == 0:
            mean, passed = fmean(losses[-OFTEN:]), monotonic() - start
            sys.stderr.write(f"{part} {step + 1}: {mean:.4f}, {passed:.0f} s\n")

    return told


if __name__ == "__main__":
    main()
