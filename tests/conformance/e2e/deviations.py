"""By how much a run differs from its recording, quantity by quantity."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

import numpy as np
from PIL import Image

from tests.conformance.e2e.recorded import RecordedJob
from tests.conformance.e2e.recorder import Recorder

BARS = {
    "noise": 0.0,
    "sigma": 1e-5,
    "timestep": 1e-2,
    "conditioning": 1e-4,
    "latent": 3e-4,
    "levels": 1,
    "share": 0.01,
}
NONE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Deviations:
    """noise: largest difference of any draw. sigma: relative. timestep: absolute. conditioning, latent: of the largest
    recorded value. levels: largest difference of a byte; share: of the bytes that differ. counts: ours and theirs of
    denoiser calls, network calls, draws.
    """

    noise: float
    sigma: float
    timestep: float
    conditioning: float
    latent: float
    levels: int
    share: float
    counts: tuple[tuple[int, int], ...]

    def misses(self, wider: Mapping[str, float] = NONE) -> list[str]:
        """The bars that are missed, by name; `wider` takes the place of some."""
        found = asdict(self)
        missed = [name for name, bar in {**BARS, **wider}.items() if not found[name] <= bar]
        return [*missed, *["counts" for ours, theirs in self.counts if ours != theirs][:1]]

    def __str__(self) -> str:
        counts = " ".join(f"{ours}/{theirs}" for ours, theirs in self.counts)
        return (
            f"noise {self.noise:.1e}  sigma {self.sigma:.1e}  t {self.timestep:.1e}  cond {self.conditioning:.1e}  "
            f"latent {self.latent:.1e}  bytes {self.levels} on {self.share:.3%}  calls {counts}"
        )


def deviations(job: RecordedJob, seen: Recorder, images: list[Image.Image]) -> Deviations:
    arrays, notes = job.arrays, job.notes
    draws = [arrays[name] for name in sorted(arrays) if name.startswith("noise_")]
    pictures = [np.asarray(image).astype(int) for image in images]
    changes = [np.abs(ours - theirs) for ours, theirs in zip(pictures, job.pictures(), strict=True)]
    return Deviations(
        noise=_largest([_difference(ours.numpy(), theirs) for ours, theirs in zip(seen.noise, draws, strict=False)]),
        sigma=_relative(np.asarray(seen.levels), arrays["sigma"]),
        timestep=_timesteps(seen, arrays["unet_t"]),
        conditioning=_conditioning(seen, arrays),
        latent=_difference(seen.latents[-1].numpy(), arrays["final"]) / float(np.abs(arrays["final"]).max()),
        levels=int(max(change.max() for change in changes)),
        share=float(np.mean([np.mean(change > 0) for change in changes])),
        counts=(
            (len(seen.levels), notes["denoiser_calls"]),
            (len(seen.timesteps), notes["unet_calls"]),
            (len(seen.noise), notes["noise_draws"]),
        ),
    )


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else float("inf")


def _relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    count = min(len(ours), len(theirs))
    return _largest([abs(a - b) / max(abs(b), 1e-9) for a, b in zip(ours[:count], theirs[:count], strict=True)])


def _timesteps(seen: Recorder, theirs: np.ndarray) -> float:
    found = []
    for ours, row in zip(seen.timesteps, theirs, strict=False):
        known = row[~np.isnan(row)]
        found += [abs(a - b) for a, b in zip(ours, known, strict=False)]
        found += [float("inf")] * (len(ours) != len(known))
    return _largest(found)


def _conditioning(seen: Recorder, arrays: dict[str, np.ndarray]) -> float:
    found = []
    for place, call in enumerate(arrays["cond_at"]):
        theirs = arrays[f"cond_{place:02d}"]
        ours = seen.probe(int(call)) if call < len(seen.tokens) else np.empty(0)
        found.append(_difference(ours, theirs) / float(np.abs(theirs).max()))
    return _largest(found)


def _largest(values: list[float]) -> float:
    return float(max(values, default=0.0))
