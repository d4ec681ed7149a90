"""Tensors of a safetensors file that serve to read others, told apart: scales of fp8, and the parts of 4-bit weights.

fp8: a factor beside a weight, as ComfyUI has it. 4 bits: as bitsandbytes writes them, two values in a byte, with
scales, the codes that are meant, and a JSON table that has the shape of the weight.
"""

import json
import math
from dataclasses import replace
from typing import BinaryIO, Final

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.contents import Header, Json, Quantised, TensorInfo
from paramc.runtime.catalogue.errors import ModelError

STATE: Final = ".quant_state.bitsandbytes__"  # behind the name of a weight, before the kind of its codes
PARTS: Final = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map")
FACTORS: Final = (".scale_weight", ".weight_scale")  # in place of `.weight`
UNUSED: Final = (".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")  # for programs that compute in fp8
UNREAD: Final = {  # ends of names that tell other formats
    ".weight_scale_2": "NVFP4",
    ".SCB": "int8 of bitsandbytes",
    ".wscales": "SVDQuant (Nunchaku)",
    ".weight._data": "quanto",
}
POWERS: Final = ("U8", "F8_E8M0")  # number types of scales that are powers of two: MXFP8
LONGEST: Final = 10_000  # bytes of a table
LARGEST: Final = 1e30  # what is taken out of scales


def told_apart(header: Header, stream: BinaryIO) -> Header:
    """The header with weights alone under its tensors, those of 4 bits in their own shapes.

    Raises ModelError for tables that are none (PC521), and for formats that are not known (PC583).
    """
    names = header.tensors
    for end, title in UNREAD.items():
        if any(name.endswith(end) for name in names):
            raise ModelError(diagnose("PC583", file=header.path, format=title))
    if any(name.endswith(FACTORS) and info.dtype in POWERS for name, info in names.items()):
        raise ModelError(diagnose("PC583", file=header.path, format="MXFP8"))
    states = {name.partition(STATE)[0]: info for name, info in names.items() if STATE in name}
    beside = {name: info for name, info in names.items() if STATE in name or _serves(name, header)}
    tensors = {name: info for name, info in names.items() if name not in beside}
    quantised: dict[str, Quantised] = {}
    for name, info in states.items():
        if name in tensors:
            quantised[name], shape = _state(header, stream, info, tensors[name])
            tensors[name] = tensors[name]._replace(dtype="4BIT", shape=shape)
    return replace(header, tensors=tensors, beside=beside, quantised=quantised)


def _serves(name: str, header: Header) -> bool:
    """Whether a tensor is a part of another one, or says how to compute with it."""
    owner = next((name.removesuffix(part) for part in PARTS if name.endswith(part)), None)
    if owner is not None:
        return owner in header.tensors
    return name.endswith((*FACTORS, *UNUSED))


def _state(header: Header, stream: BinaryIO, info: TensorInfo, weight: TensorInfo) -> tuple[Quantised, tuple[int, ...]]:
    """The table of a weight: how it was put together, and its shape."""
    stream.seek(info.start)
    try:
        table: Json = json.loads(stream.read(min(info.end - info.start, LONGEST)))
    except (ValueError, RecursionError):
        table = None
    match table:
        case {"shape": list(stated), "blocksize": int(block), **further} if block > 0:
            shape = tuple(int(side) for side in stated if isinstance(side, int) and side > 0)
            nested, offset = further.get("nested_blocksize"), further.get("nested_offset")
            if len(shape) == len(stated) and -(-math.prod(shape) // 2) == weight.end - weight.start:
                inner = nested if isinstance(nested, int) and nested > 0 else 0
                mean = float(offset) if isinstance(offset, int | float) and abs(offset) < LARGEST else 0.0
                return Quantised(block, inner, mean), shape
        case _:
            pass
    raise ModelError(diagnose("PC521", file=header.path, reason="the table of a weight in 4 bits is damaged"))
