"""From a network to a denoiser: parametrisation, guidance, prompts by call, masks."""
