"""The demo model: scenes drawn here, and a small model of the Stable Diffusion 1 architecture trained on them."""
