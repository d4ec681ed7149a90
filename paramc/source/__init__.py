"""Bytes to text: where settings lie in a file, an image or a pasted text."""
