"""What a run showed of itself, in the terms of the recordings."""

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.execute.watch import Progress


@dataclass(slots=True)
class Recorder:
    """A watch that keeps everything."""

    noise: list[Tensor] = field(default_factory=list)
    entering: list[Tensor] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    timesteps: list[list[float]] = field(default_factory=list)
    tokens: list[Tensor] = field(default_factory=list)  # of each network call
    latents: list[Tensor] = field(default_factory=list)

    def drew(self, noise: Tensor) -> None:
        self.noise.append(noise.clone())

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        self.entering.append(x.clone())
        self.levels.append(float(level))

    def networks(self, timesteps: Tensor, conditioning: Conditioning) -> None:
        self.timesteps.append([float(each) for each in timesteps])
        self.tokens.append(conditioning.tokens)

    def predicted(self, clean: Tensor, progress: Progress) -> None:
        pass

    def decodes(self, latent: Tensor) -> None:
        self.latents.append(latent.clone())

    def probe(self, call: int) -> np.ndarray:
        """What the recordings keep of a call's conditioning: four components and the norm of each token."""
        tokens = self.tokens[call].float().cpu()
        return np.concatenate([tokens[..., :4].numpy(), tokens.norm(dim=-1, keepdim=True).numpy()], axis=-1)
