"""What a server refuses or fails at, in the words of the one who wrote the settings."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.graph.values import Json, as_list, as_object, as_text
from paramc.server.blame import Blame
from paramc.server.client import FINE
from paramc.server.needs import Need
from paramc.server.tables import ServerTables

CROP: Final = 300  # characters of what a server says
NOT_LISTED: Final = "value_not_in_list"
OUT_OF_RANGE: Final = ("value_smaller_than_min", "value_bigger_than_max", "invalid_input_type")
MISSING: Final = "required_input_missing"
CUSTOM: Final = "custom_validation_failed"  # of a file that the server looks for by itself


def complaints(status: int, said: Mapping[str, Json], blame: Blame, tables: ServerTables) -> tuple[Diagnostic, ...]:
    """What a server says of a graph that was handed in. With status 200 only some of its results are refused."""
    found = tuple(
        _complaint(node, as_object(error), blame, tables)
        for node, of_node in as_object(said.get("node_errors")).items()
        for error in as_list(as_object(of_node).get("errors"))
    )
    if status == FINE:
        return (diagnose("PC856", count=len(found)), *found) if found else ()
    return found or (_whole(status, as_object(said.get("error"))),)


def failure(entry: Mapping[str, Json], blame: Blame) -> Iterator[Diagnostic]:
    """What the history of a job says of its end, where it was not the end hoped for."""
    for message in as_list(as_object(entry.get("status")).get("messages")):
        kind, data = [*as_list(message), None, None][:2]
        told = as_object(data)
        if kind == "execution_error":
            reason = _cropped(as_text(told.get("exception_message"))) or as_text(told.get("exception_type"))
            yield diagnose("PC846", node=blame.title(as_text(told.get("node_id"))), reason=reason)
        elif kind == "execution_interrupted":
            yield diagnose("PC847", node=blame.title(as_text(told.get("node_id"))))


def lacking(found: Sequence[Need], blame: Blame, tables: ServerTables) -> Iterator[Diagnostic]:
    """What a server lacks for a graph, with what to do; each class of nodes once."""
    others = Counter(str(need.value) for need in found if need.kind == "class")
    for need in found:
        setting = blame.setting(need.node, need.name, need.value)
        value = str(need.value)[:CROP]
        match need.kind:
            case "class":
                more = others.pop(str(need.value), 0) - 1
                if more >= 0:
                    pack = tables.pack_of(value)
                    hint = f"install the pack `{pack}`" if pack else _hint(need.offers, PACK)
                    node = blame.title(need.node) + (f" and {more} more" if more else "")
                    yield diagnose("PC843", node=node, name=value, hint=hint)
            case "file" if need.renamed:
                yield diagnose("PC851", setting.span, name=value, renamed=need.renamed, path=setting.path)
            case "file":
                hint = _hint(need.offers, "put the file into the server's folder")
                yield diagnose("PC844", setting.span, name=value, setting=setting.word, hint=hint, path=setting.path)
            case "input":
                yield diagnose("PC845", reason=f"{blame.title(need.node)} lacks the input `{need.name}`")
            case _:
                why = need.why or "it is none of its words"
                hint = _hint(need.offers, "")
                yield diagnose(
                    "PC842", setting.span, value=value, setting=setting.word, why=why, hint=hint, path=setting.path
                )


PACK: Final = "install the pack of nodes that it belongs to"


def _hint(offers: Sequence[str], otherwise: str) -> str:
    if not offers:
        return otherwise
    listed = " or ".join(f"`{offer}`" for offer in offers)
    return f"did you mean {listed}?"


def _complaint(node: str, error: Mapping[str, Json], blame: Blame, tables: ServerTables) -> Diagnostic:
    about = as_object(error.get("extra_info"))
    kind, name = as_text(error.get("type")), as_text(about.get("input_name"))
    value = about.get("received_value")
    setting = blame.setting(node, name, value)
    told, details = _cropped(as_text(error.get("message"))), _cropped(as_text(error.get("details")))
    if kind == NOT_LISTED and name in tables.files:
        hint = "`paramc doctor` says what comes close"
        return diagnose(
            "PC844", setting.span, name=str(value)[:CROP], setting=setting.word, hint=hint, path=setting.path
        )
    if kind == NOT_LISTED or kind in OUT_OF_RANGE:
        why = "it is none of its words" if kind == NOT_LISTED else told[:1].lower() + told[1:]
        shown = str(value)[:CROP]
        return diagnose("PC842", setting.span, value=shown, setting=setting.word, why=why, hint="", path=setting.path)
    if kind == MISSING:
        return diagnose("PC845", reason=f"{blame.title(node)} lacks the input `{details}`")
    if kind == CUSTOM:
        return diagnose("PC845", setting.span, reason=f"{blame.title(node)}: {details}", path=setting.path)
    return diagnose("PC845", reason=f"{blame.title(node)}: {told}: {details}")


def _whole(status: int, error: Mapping[str, Json]) -> Diagnostic:
    reason = _cropped(as_text(error.get("message"))) or f"it answers with status {status}"
    details = _cropped(as_text(error.get("details")))
    return diagnose("PC845", reason=f"{reason} {details}".strip(" ."))


def _cropped(text: str) -> str:
    return " ".join(text[:CROP].split())
