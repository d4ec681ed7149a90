"""Folders with a million files: every picture read once, in parallel, into a table that can be searched."""
