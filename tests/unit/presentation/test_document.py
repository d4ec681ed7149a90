"""JSON that any screen can show."""

import json

import pytest

from paramc.presentation.document import json_text


@pytest.mark.parametrize("text", ["\x1b[31m", "\x9b", "\u202e", "\ud800", "\u200b", "\U000e0001", "猫 é", 'a"b\\c\n'])
def test_the_text_says_what_went_in(text: str) -> None:
    assert json.loads(json_text({"key": text})) == {"key": text}


@pytest.mark.parametrize("text", ["\x1b[31m", "\x9b", "\u202e", "\ud800", "\u200b", "\U000e0001"])
def test_what_screens_obey_or_hide_is_escaped(text: str) -> None:
    assert json_text(text).isascii()


def test_letters_of_every_script_stay_as_they_are() -> None:
    assert json_text("猫 é Ω") == '"猫 é Ω"\n'
