"""Samplers: the rules by which a latent walks down a sequence of noise levels, one file per family."""
