"""Pictures that steer the diffusion model while it samples."""
