"""The normals of a pass: those it starts with, and those of its steps."""

from torch import Tensor

from paramc.ir.names import sampler_of
from paramc.ir.plan import MakeNoise
from paramc.runtime.execute.walk import Walk
from paramc.runtime.execute.work import Pass
from paramc.runtime.rng.batch import StepNoise, leftover_seed
from paramc.runtime.rng.brownian import batch_brownian, image_brownian
from paramc.runtime.rng.images import NoiseSpec, image_seeds, start_noise
from paramc.runtime.rng.streams import stream_opener
from paramc.runtime.samplers.protocol import Noise


def seeds_of(noise: MakeNoise, batch: int) -> tuple[list[int], list[int]]:
    """Seeds and variation seeds of a whole batch; `noise.seed` is that of the image at `noise.position`."""
    seed, variation = noise.seed or 0, noise.variation
    if noise.per_batch:
        return [seed] * batch, [0] * batch
    strength = variation.strength if variation else 0.0
    other = (variation.seed if variation and variation.seed is not None else 0) - noise.position
    return image_seeds(seed if strength else seed - noise.position, batch, other, strength)


def drawn(work: Pass) -> tuple[Tensor, Noise]:
    """The noise that a pass starts with, (batch, channels, height, width), and the source of later draws."""
    first, later = _of_batch(work) if work.noise.per_batch else _of_images(work)
    work.watch.drew(first)

    def draw(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        found = later(sigma, sigma_next)
        work.watch.drew(found)
        return found.to(work.device)

    return first.to(work.device), draw


def first_draw(work: Pass) -> Tensor:
    """The very noise that the pass starts with, drawn once more."""
    first, _ = _of_batch(work) if work.noise.per_batch else _of_images(work)
    work.watch.drew(first)
    return first.to(work.device)


def step_noise(work: Pass, source: Noise, walk: Walk) -> Noise:
    """What the sampler draws: `source`, or the increments of trees over the levels for samplers that want those."""
    if work.op.sampler == "ddpm" and "renoises_known" in work.op.flags:
        return _leftover(work)
    if sampler_of(work.op.sampler).draws != "brownian":
        return source
    levels = walk.levels if work.noise.per_batch else walk.whole
    positive = levels[levels > 0]
    bounds = positive.min().item(), positive.max().item()
    seeds, _ = seeds_of(work.noise, work.latent.batch)
    if work.noise.per_batch:
        trees: Noise = batch_brownian(seeds[0], _shape(work), bounds, work.open_stream)
    else:
        trees = image_brownian(seeds, work.latent.shape, bounds, work.open_stream)
    return lambda sigma, sigma_next: trees(sigma, sigma_next).to(work.device)


def _leftover(work: Pass) -> Noise:
    """Normals from the generator that the streams leave behind (Forge's DDPM)."""
    seeds, _ = seeds_of(work.noise, work.latent.batch)
    noise = StepNoise(stream_opener("cpu")(leftover_seed(seeds[-1])), _shape(work))

    def draw(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        found = noise(sigma, sigma_next)
        work.watch.drew(found)
        return found.to(work.device)

    return draw


def _of_batch(work: Pass) -> tuple[Tensor, Noise]:
    """One stream for all images; another one of the same seed for the steps, or the same one going on."""
    seed, shape = work.noise.seed or 0, _shape(work)
    stream = work.open_stream(seed)
    first = stream.normal(shape)
    later = work.open_stream(seed) if "reseeds_steps" in work.op.flags else stream
    return first, StepNoise(later, shape)


def _of_images(work: Pass) -> tuple[Tensor, Noise]:
    return start_noise(_spec(work), work.open_stream)


def _shape(work: Pass) -> tuple[int, int, int, int]:
    return (work.latent.batch, *work.latent.shape)


def _spec(work: Pass) -> NoiseSpec:
    noise, latent = work.noise, work.latent
    seeds, variations = seeds_of(noise, latent.batch)
    at = noise.resized_from
    return NoiseSpec(
        latent.shape,
        tuple(seeds),
        tuple(variations),
        noise.variation.strength if noise.variation else 0.0,
        (at.height // latent.cell, at.width // latent.cell) if at and all(at) else None,
        noise.delta,
    )
