"""ComfyUI's own validation of a graph, written anew from its description and its recorded node definitions.

Nodes and words that came after the recorded server are known from the product's own table alone.
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from paramc.backends.graph.tables import definitions
from tests.unit.backends.graph.plans import COMFYUI

KNOWN = definitions(COMFYUI.folder)
GOLDEN = Path(__file__).parents[3] / "golden" / "comfyui"
FILE_LISTS = {"vae_name"}  # lists that hold a few fixed words beside the installed files


@cache
def object_info() -> dict[str, Any]:
    """Every node class as the server describes it."""
    return json.loads(gzip.decompress((GOLDEN / "object_info.json.gz").read_bytes()))


def refusals(graph: dict[str, Any]) -> list[str]:
    """Why the server would refuse the graph; unlike the server it also looks at nodes that lead nowhere."""
    found = [
        f"{key}: no class {node['class_type']}"
        for key, node in graph.items()
        if not (node["class_type"] in object_info() or is_newer(node["class_type"]))
    ]
    if found:
        return found
    recorded = {key: node for key, node in graph.items() if not is_newer(node["class_type"])}
    if not any(object_info()[node["class_type"]]["output_node"] for node in recorded.values()):
        found.append("prompt_no_outputs")
    for key, node in recorded.items():
        description = object_info()[node["class_type"]]["input"]
        wanted = description.get("required", {}) | description.get("optional", {})
        missing = [name for name in description.get("required", {}) if name not in node["inputs"]]
        found += [f"{key}: required_input_missing {name}" for name in missing]
        found += [f"{key}: unknown input {name}" for name in node["inputs"] if name not in wanted]
        given = {name: value for name, value in node["inputs"].items() if name in wanted}
        found += [
            f"{key}.{name}: {wrong}"
            for name, value in given.items()
            if (wrong := refusal(graph, name, value, wanted[name]))
            and not is_newer_word(node["class_type"], name, value)
        ]
    return found


def is_newer(name: str) -> bool:
    return name in KNOWN and KNOWN[name].newer


def is_newer_word(node: str, name: str, value: Any) -> bool:
    return node in KNOWN and name in KNOWN[node].takes and value in KNOWN[node].takes[name].newer


def refusal(graph: dict[str, Any], name: str, value: Any, wanted: list[Any]) -> str:
    """Why one value is refused, in the server's words; empty when it is not."""
    kind, options = wanted[0], wanted[1] if len(wanted) > 1 else {}
    if isinstance(value, list):
        return link_refusal(graph, value, kind)
    if kind == "COMBO":
        kind = options["options"]
    if isinstance(kind, list):
        listed = kind and name not in FILE_LISTS
        return "value_not_in_list" if not isinstance(value, str) or (listed and value not in kind) else ""
    if kind in ("INT", "FLOAT"):
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or (kind == "INT" and not isinstance(value, int))
        ):
            return "invalid_input_type"
        return "out of range" if value < options["min"] or value > options["max"] else ""
    plain = {"STRING": str, "BOOLEAN": bool}
    return "" if kind in plain and isinstance(value, plain[kind]) else "invalid_input_type"


def link_refusal(graph: dict[str, Any], value: list[Any], kind: Any) -> str:
    """Why a link is refused."""
    if len(value) != 2 or value[0] not in graph:
        return "bad_linked_input"
    name = graph[value[0]]["class_type"]
    outputs = KNOWN[name].gives if is_newer(name) else object_info()[name]["output"]
    if not 0 <= value[1] < len(outputs):
        return "bad_linked_input"
    return "" if outputs[value[1]] == kind else "return_type_mismatch"
