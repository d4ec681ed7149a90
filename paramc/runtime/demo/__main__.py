"""`python -m paramc.runtime.demo FOLDER`: the demo model from nothing; what lies finished there is not done again."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch.nn import Module
from transformers import CLIPTextModel

from paramc.runtime.demo.autoencoder import SHARPENING, STAGES, Stage, new_autoencoder, rested, train_autoencoder
from paramc.runtime.demo.control import PLANNED as CONTROL_PLANNED
from paramc.runtime.demo.control import STEPS as CONTROL_STEPS
from paramc.runtime.demo.control import train_control, write_control
from paramc.runtime.demo.diffusion import PLANNED, STEPS, Diffusion, new_diffusion, train_diffusion
from paramc.runtime.demo.examples import SCENES, load_examples, make_examples
from paramc.runtime.demo.lora import STEPS as STYLE_STEPS
from paramc.runtime.demo.lora import train_style, write_style
from paramc.runtime.demo.scaling import scale_latents
from paramc.runtime.demo.shipped import CONTROL, STYLE, UPSCALER, WORD, shipped, shipped_model
from paramc.runtime.demo.upscaler import STEPS as UPSCALER_STEPS
from paramc.runtime.demo.upscaler import train_upscaler, write_upscaler
from paramc.runtime.demo.weights import write_weights
from paramc.runtime.demo.word import STEPS as WORD_STEPS
from paramc.runtime.demo.word import train_word, write_word
from paramc.runtime.models.checkpoint import load_checkpoint

# Of the random numbers of each part, as the shipped files had them.
AUTOENCODER_SEEDS: Final = (1, 2)
SCALE_SEED: Final = 3
STYLE_SEED: Final = 5
SCENES_SEED: Final = 7
SHARPENING_SEED: Final = 9
CONTROL_SEED: Final = 11
WORD_SEED: Final = 13
UPSCALER_SEED: Final = 17
DIFFUSION_SEED: Final = 1
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
    examples = folder / "examples.pt"
    if not examples.exists():
        make_examples(vae, SCENES // short, SCENES_SEED).save(examples)
    model = _diffusion(folder, short)
    _sharpened(folder, vae, short)
    write_weights(written, vae, model)


def _parts(written: Path) -> tuple[AutoencoderKL, Diffusion]:
    """The finished model, in whole and in full precision."""
    made = load_checkpoint(written)
    model = Diffusion(cast(UNet2DConditionModel, made.unet), cast(CLIPTextModel, made.text_encoders[0]))
    return cast(AutoencoderKL, made.vae), model


def _style(written: Path, path: Path, short: int) -> None:
    write_style(path, train_style(*_parts(written), STYLE_STEPS // short, STYLE_SEED, Told("style")))


def _control(written: Path, path: Path, short: int) -> None:
    steps, planned = CONTROL_STEPS // short, CONTROL_PLANNED // short
    write_control(path, train_control(*_parts(written), steps, planned, CONTROL_SEED, Told("control")))


def _word(written: Path, path: Path, short: int) -> None:
    write_word(path, train_word(*_parts(written), max(1, WORD_STEPS // short), WORD_SEED, Told("word")))


def _upscaler(path: Path, short: int) -> None:
    write_upscaler(path, train_upscaler(UPSCALER_STEPS // short, UPSCALER_SEED, Told("upscaler")))


def _autoencoder(folder: Path, short: int) -> AutoencoderKL:
    """The trained autoencoder, its latents brought to their scale."""
    vae = rested(new_autoencoder())
    for stage, seed in zip(STAGES, AUTOENCODER_SEEDS, strict=True):
        _once(folder / f"autoencoder-{seed}.pt", vae, partial(_learn, vae, stage.shortened(short), seed))
    _once(folder / "scaled.pt", vae, partial(scale_latents, vae, SCALE_SEED))
    return vae


def _sharpened(folder: Path, vae: AutoencoderKL, short: int) -> None:
    _once(folder / "sharpened.pt", vae, partial(_learn, vae, SHARPENING.shortened(short), SHARPENING_SEED))


def _learn(vae: AutoencoderKL, stage: Stage, seed: int) -> None:
    train_autoencoder(vae, stage, seed, Told("autoencoder"))


def _once(path: Path, model: Module, work: Callable[[], None]) -> None:
    """Do the work on a model, unless it lies there finished."""
    if not path.exists():
        work()
        torch.save(model.state_dict(), path)
    model.load_state_dict(torch.load(path, weights_only=True))


def _diffusion(folder: Path, short: int) -> Diffusion:
    model = new_diffusion(DIFFUSION_SEED)
    path = folder / "diffusion.pt"
    if not path.exists():
        examples = load_examples(folder / "examples.pt")
        means = train_diffusion(examples, STEPS // short, PLANNED // short, DIFFUSION_SEED, Told("diffusion"))
        torch.save([part.state_dict() for part in means], path)
    for part, weights in zip(model, torch.load(path, weights_only=True), strict=True):
        part.load_state_dict(weights)
    return model


class Told:
    """Tells on standard error how far a part is."""

    def __init__(self, part: str) -> None:
        self._part, self._start, self._sum = part, monotonic(), 0.0

    def __call__(self, step: int, loss: float, _: object) -> None:
        """A line for so many steps."""
        self._sum += loss
        if (step + 1) % OFTEN == 0:
            passed = monotonic() - self._start
            sys.stderr.write(f"{self._part} {step + 1}: {self._sum / OFTEN:.4f}, {passed:.0f} s\n")
            self._sum = 0.0


if __name__ == "__main__":
    main()
