"""How ComfyUI reads weights, by its rules: what a written prompt means again."""

ESCAPES = {"\\(": "\x02", "\\)": "\x01"}


def segments(text: str) -> list[tuple[str, float]]:
    """(text, weight) pairs; brackets that do not match are text to the end."""
    for written, kept in ESCAPES.items():
        text = text.replace(written, kept)
    return [(_unescaped(piece), weight) for piece, weight in _weighted(text, 1.0)]


def _unescaped(text: str) -> str:
    return text.replace("\x02", "(").replace("\x01", ")")


def _weighted(text: str, weight: float) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for piece in _outermost(text):
        if len(piece) >= 2 and piece.startswith("(") and piece.endswith(")"):
            inner, own = piece[1:-1], weight * 1.1
            colon = inner.rfind(":")
            if colon > 0:
                try:
                    own = float(inner[colon + 1 :])
                    inner = inner[:colon]
                except ValueError:
                    pass
            found += _weighted(inner, own)
        else:
            found.append((piece, weight))
    return found


def _outermost(text: str) -> list[str]:
    pieces: list[str] = []
    piece, depth = "", 0
    for char in text:
        if char == "(":
            if depth == 0:
                pieces += [piece] if piece else []
                piece = ""
            piece, depth = piece + char, depth + 1
        elif char == ")":
            piece, depth = piece + char, depth - 1
            if depth == 0:
                pieces.append(piece)
                piece = ""
        else:
            piece += char
    return [*pieces, piece] if piece else pieces
