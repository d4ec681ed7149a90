"""The built-in runner, installed with `paramc[run]`: the only part of paramc that imports torch."""
