"""Talking to a running server: what it has, what it refuses, and the pictures that it makes."""
