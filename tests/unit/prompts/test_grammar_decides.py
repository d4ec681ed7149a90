"""The grammars decide: with one of them replaced by a catch-all, or left to a fork, the language is another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paramc.dialects.language import Language, language_of
from paramc.dialects.registry import find_dialect
from paramc.resources import GRAMMARS
from paramc.tables import TableError
from tests.unit.prompts.records import ATTENTION, listed, records

CATCH_ALL = "start: TEXT?\nTEXT: /(?s:.+)/\n"
NOTHING_SPECIAL = """
start: body
body: TEXT*
%declare EDIT
TEXT: /(?s:.+)/
"""


def fork(folder: Path, files: dict[str, str]) -> Language:
    """A dialect of these files in a folder of its own, which extends A1111's."""
    (folder / "fork").mkdir()
    for name, text in {"dialect.toml": 'extends = "a1111"\nengine = "infotext"\n', **files}.items():
        (folder / "fork" / name).write_text(text, encoding="utf-8")
    return language_of(find_dialect("fork", (folder, GRAMMARS)))


def share(name: str, ours: Callable[[dict[str, Any]], object]) -> float:
    """How many of the records with something to understand come out right."""
    every = [record for record in records(name) if record.get("out") not in (None, _untouched(record))]
    return sum(listed(ours(record)) == record["out"] for record in every) / len(every)


def _untouched(record: dict[str, Any]) -> object:
    if "text" in record:
        return [[record["text"], 1.0]]
    return [[record["steps"], record["prompt"]]] if "steps" in record else [[record["prompt"], 1.0]]


def test_without_the_grammar_of_weights_nothing_is_weighed(tmp_path: Path) -> None:
    weights = fork(tmp_path, {"weights.lark": CATCH_ALL}).weights
    assert share(ATTENTION, lambda record: weights.runs(record["text"])) == 0


def test_without_the_grammar_of_editing_nothing_changes_by_step(tmp_path: Path) -> None:
    edits = fork(tmp_path, {"prompt.lark": NOTHING_SPECIAL}).edits
    right = share("a1111_schedule", lambda record: edits.schedule(record["prompt"], record["steps"]))
    assert right < 0.2  # second passes of other lengths, where the text stays whole


def test_without_the_grammar_of_networks_tags_are_text(tmp_path: Path) -> None:
    assert fork(tmp_path, {"networks.lark": CATCH_ALL}).networks.split("a <lora:x:1>").text == "a <lora:x:1>"


def test_without_the_grammar_of_comments_they_stay(tmp_path: Path) -> None:
    assert fork(tmp_path, {"comments.lark": CATCH_ALL}).comments.remove("a # b") == "a # b"


def test_a_fork_may_change_one_sign(tmp_path: Path) -> None:
    terminals = (
        "TEXT, BREAK, ESCAPED, BACKSLASH, OPEN_ROUND, CLOSE_ROUND, OPEN_SQUARE, CLOSE_SQUARE, COLON, WEIGHT, BAD_WEIGHT"
    )
    grammar = f"""
        %import a1111.weights (start, {terminals})
        %override OPEN_SQUARE: "<<"
        %override CLOSE_SQUARE: ">>"
        %override TEXT: /(?:[^()<>:\\\\]|<(?!<)|>(?!>))+/
    """
    weights = fork(tmp_path, {"weights.lark": grammar, "prompt.toml": "[emphasis]\nround = 2\nsquare = 0.5\n"}).weights
    assert weights.runs("(a) <<b>> [c] < d (e:3)") == (
        ("a", 2), (" ", 1), ("b", 0.5), (" [c] < d ", 1), ("e", 3),
    )  # fmt: skip


def test_a_missing_grammar_is_named(tmp_path: Path) -> None:
    language = fork(tmp_path, {"prompt.toml": '[passes]\nweights = "nowhere.lark"\n'})
    with pytest.raises(TableError, match=r"nowhere\.lark"):
        assert language.weights


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("[emphasis]\nrond = 2\n", "did you mean `round`"),
        ("[editing]\ntime = 2\n", "unknown key `time`"),
        ('[[history]]\nuntil = "newest"\n', "no version"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tmp_path: Path, table: str, complaint: str) -> None:
    with pytest.raises(TableError, match=complaint):
        language = fork(tmp_path, {"prompt.toml": table})
        assert (
            language.weights
            and language.edits
            and language_of(find_dialect("fork", (tmp_path, GRAMMARS)), (1, 0, 0, 0, 0))
        )
