"""How a script enlarges the picture of its first pass."""

from collections.abc import Mapping
from typing import Final

from paramc.dialects.script.amounts import pair, pieces_of, real, whole
from paramc.dialects.script.pictures import Painting, name_of
from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.values import INDEXED

GRID: Final = 8  # pixels: sides that a UI makes from a factor are multiples of it


def enlargement(second: Painting, words: Meanings, small: object) -> dict[str, object]:
    """How the first picture, of the size `small`, was enlarged: `upscaler`, and `size` or `scale`."""
    found: dict[str, object] = {}
    cells = int(words.listed("pictures", "cells")[0])
    for call in second.before:
        if call.name in words.listed("pictures", "interpolate"):
            sides = pair([call.keywords.get("size")])
            mode = words.word("modes", str(call.keywords.get("mode", "nearest")))
            tail = words.word("modes", "antialiased") if call.keywords.get("antialias") is True else ""
            found["upscaler"] = f"{mode}{tail}" if mode else None
            factor = real(call.keywords.get("scale_factor"))
            if factor and isinstance(small, dict):
                sides = int(small["height"] // cells * factor), int(small["width"] // cells * factor)
            found["size"] = {"width": sides[1] * cells, "height": sides[0] * cells} if sides else None
        elif call.name == INDEXED and isinstance(before := found.get("size"), dict):
            rows, columns = [*pieces_of(call.arguments[0]), None, None, None, None][2:4]
            lengths = {"height": rows and rows * cells, "width": columns and columns * cells}
            kept = {side: length for side, length in lengths.items() if length}
            found |= {"size": before | kept, "cut": True} if kept else {}
        elif call.name in words.listed("pictures", "crop") and call.arguments:
            box = call.arguments[0]
            corners = [whole(side) for side in box] if isinstance(box, list) else []
            left, top, right, bottom = corners if len(corners) == 4 else [None] * 4
            if None not in corners and corners:
                found["size"] = {"width": (right or 0) - (left or 0), "height": (bottom or 0) - (top or 0)}
                found["cut"] = True
        elif call.name.rpartition(".")[2] in words.listed("pictures", "resize") and (sides := pair(call.arguments)):
            chosen = next((name_of(item) for item in (*call.arguments, *call.keywords.values()) if name_of(item)), "")
            found["upscaler"] = words.word("filters", chosen) or words.word("filters", "LANCZOS")
            found["size"] = {"width": sides[0], "height": sides[1]}
    width, height = (whole(second.call.keywords.get(side)) for side in ("width", "height"))
    if "size" not in found and width and height:
        found["size"] = {"width": width, "height": height}
    return found | _scaled(found, small)


def _scaled(found: Mapping[str, object], small: object) -> dict[str, object]:
    """One factor for both sides instead of a size, where nothing was cut off and there is such a factor."""
    large = found.get("size")
    if found.get("cut") or not isinstance(small, dict) or not isinstance(large, dict):
        return {}
    sides = ("width", "height")
    for digits in range(6):
        factor: float = max(-(-large[side] * 10**digits // (small[side] or 1)) for side in sides) / 10**digits
        if all(int(small[side] * factor) // GRID * GRID == large[side] for side in sides):
            return {"scale": factor, "size": None}
    for kept, derived in (sides, sides[::-1]):
        if large[kept] * small[derived] // (small[kept] or 1) // GRID * GRID == large[derived]:
            return {"size": {kept: large[kept], derived: 0}}
    return {}
