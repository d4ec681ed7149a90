"""What a file is that is no model, by how it begins."""

from typing import Final

LOOKED_AT: Final = 40  # bytes
LEAST: Final = 4  # letters of a text
POINTER: Final = b"version https://git-lfs"
PAGES: Final = (b"<", b"\xef\xbb\xbf<")
ARCHIVE: Final = b"PK\x03\x04"
PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")
GGUF: Final = b"GGUF"
LENGTH: Final = 8  # bytes before the header of a safetensors file


def why_foreign(begins: bytes, otherwise: str) -> str:
    """What is wrong with a file of no known kind that begins so; `otherwise`: where that does not tell."""
    if not begins:
        return "it is empty"
    if begins.startswith(POINTER):
        return "it is a pointer of Git LFS, in whose place `git lfs pull` puts the file itself"
    if begins.startswith(PAGES):
        return "it is a web page"
    if begins.startswith(PICTURES):
        return "it is a picture"
    if begins.startswith(ARCHIVE):
        return "it is an archive, such as torch saves models in under the name of `.ckpt` or `.pt`"
    if begins.startswith(GGUF):
        return "it is a GGUF file under another name"
    if begins[LENGTH : LENGTH + 2] == b'{"':
        return "it is a safetensors file under another name"
    text = begins.decode("ascii", "replace").split("\n", 1)[0]
    is_text = len(text) >= LEAST and text.isascii() and text.isprintable()
    return f"it is a text that begins with `{text}`" if is_text else otherwise
