"""The arithmetic around sampling: steps, sizes, start latents, masks."""
