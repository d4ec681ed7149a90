"""Latents that ComfyUI saves: the texts in the header of a safetensors file."""

import json
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings
from paramc.source.text import Decoded

HEADER_AT_MOST = 2**22  # bytes; those of models have a few hundred thousand
METADATA = "__metadata__"


def read_latent(stream: BinaryIO, found: Findings) -> None:
    """Note the texts of the header; tensors are left alone."""
    stream.seek(0)
    length = int.from_bytes(stream.read(8), "little")
    if length > HEADER_AT_MOST or not found.spend(length, "header"):
        return found.report(diagnose("PC109", chunk="header"))
    try:
        header: object = json.loads(stream.read(length))
    except (ValueError, RecursionError):
        return found.report(diagnose("PC109", chunk="header"))
    texts = header.get(METADATA) if isinstance(header, dict) else None
    for key, text in texts.items() if isinstance(texts, dict) else ():
        if isinstance(text, str):
            found.add("latent:header", key, Decoded(text, "utf-8", 0))
    return None
