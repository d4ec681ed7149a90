"""Pieces of a step that several families share; levels are 0-d tensors, so that their algebra is float32."""

from torch import Tensor

from paramc.runtime.samplers.protocol import Knobs, Noise


def derivative(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """dx/dσ of the probability-flow ODE (Karras et al. 2022, eq. 3)."""
    return (x - denoised) / sigma


def ancestral(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """A step down to a lower level than wanted, and the noise that brings it back up: (σ_down, σ_up)."""
    if eta == 0.0:
        return sigma_next, sigma_next.new_zeros(())
    up = eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2) ** 0.5
    up = min(sigma_next, up)
    return (sigma_next**2 - up**2) ** 0.5, up


def churned(
    x: Tensor, sigma: Tensor, sigma_next: Tensor, steps: int, noise: Noise, knobs: Knobs
) -> tuple[Tensor, Tensor]:
    """The latent with a little noise put back, and its level (Karras et al. 2022, algorithm 2, lines 4 to 6)."""
    churn = knobs.churn
    gamma = min(churn.amount / steps, 2**0.5 - 1) if churn.amount and churn.low <= sigma <= churn.high else 0.0
    raised = sigma * (gamma + 1) if gamma else sigma
    if gamma > 0:
        x = x + noise(sigma, sigma_next) * knobs.s_noise * (raised**2 - sigma**2) ** 0.5
    elif "draws_idle_noise" in knobs.quirks:
        noise(sigma, sigma_next)
    return x, raised


def flow_ancestral(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """The same for a flow, where the data shrink too: (σ_down, factor of x before the noise, factor of the noise)."""
    down = sigma_next * (1 + (sigma_next / sigma - 1) * eta)
    scale = (1 - sigma_next) / (1 - down)
    return down, scale, (sigma_next**2 - down**2 * scale**2) ** 0.5
