"""Pictures as files: a PNG with its settings inside."""

from collections.abc import Mapping
from io import BytesIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo


def png_bytes(image: Image.Image, texts: Mapping[str, str]) -> bytes:
    """The picture as PNG; each text in a chunk of its keyword, Latin-1 where that can say it, else UTF-8."""
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    stream = BytesIO()
    image.save(stream, "PNG", pnginfo=info)
    return stream.getvalue()
