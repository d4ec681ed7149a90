"""Noise levels: what a model was trained on, and the sequences of sigmas that a sampler walks down."""
