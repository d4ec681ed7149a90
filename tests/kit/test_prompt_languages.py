"""Every dialect with a prompt language: its settings are lawful, and its grammars take any text, in every mode."""

import random

import pytest

from paramc.dialects.language import FILE, Language, language_of
from paramc.dialects.registry import dialects, find_dialect
from paramc.dialects.version import parse_version
from paramc.tables import section

SIGNS = [*"()[]<>{}:|\\#=\n ab.1", " AND ", " BREAK ", ":1.2)", ":0.5]", "<lora:x:1>", "(a:x2)", "## "]
SOUP = ["", "a", *("".join(random.Random(seed).choices(SIGNS, k=30)) for seed in range(150))]


def languages() -> dict[str, Language]:
    """By `dialect`, `dialect before version` and `dialect as mode`."""
    found = {}
    for name in dialects():
        dialect = find_dialect(name)
        table = dialect.table(FILE)
        if not table:
            continue
        found[name] = language_of(dialect)
        for mode in section(table, "parsers", name):
            found[f"{name} as {mode}"] = language_of(dialect, parser=mode)
        history = table.get("history", [])
        for row in history if isinstance(history, list) else []:
            until = str(row["until"]) if isinstance(row, dict) else ""
            version = parse_version(until)
            if version:
                found[f"{name} before {until}"] = language_of(dialect, (*version[:3], -1, 0))
    return found


LANGUAGES = languages()


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    return LANGUAGES[request.param]


def test_the_family_is_here() -> None:
    assert {"a1111", "forge", "forge_classic", "reforge", "sdnext", "sdnext_a1111"} <= set(LANGUAGES)
    assert {"a1111 before 1.6.0", "a1111 before 1.8.0", "sdnext as native", "sdnext as fixed"} <= set(LANGUAGES)


def test_emphasis_takes_any_text(language: Language) -> None:
    for text in SOUP:
        assert "".join(language.weights.marks(text)) == text
        assert language.weights.runs(text) or not text.strip("()")


def test_editing_takes_any_text(language: Language) -> None:
    for text in SOUP:
        ends = [end for end, _ in language.edits.schedule(text, 10)]
        assert ends == sorted(set(ends))
        assert ends[-1] == 10


def test_networks_and_branches_take_any_text(language: Language) -> None:
    for text in SOUP:
        untagged = language.networks.split(text)
        tags = sum(tag.span.end - tag.span.start for tag in untagged.tags)
        assert len(untagged.text) + tags == len(text)
        assert language.branches.split(untagged.text)


def test_comments_take_any_text(language: Language) -> None:
    assert all(isinstance(language.comments.remove(text), str) for text in SOUP)
