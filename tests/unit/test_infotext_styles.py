"""Styles: merged into prompts, and found in them again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.dialects.styles import Style, extract_styles

MASTER = Style("master", "masterpiece", "lowres")
PHOTO = Style("photo", "photo of {prompt}, dof", "")


@pytest.mark.parametrize(
    ("prompt", "negative", "styles", "expected"),
    [
        ("1girl, masterpiece", "bad, lowres", [MASTER], ("1girl", "bad", ("master",))),
        ("1girl, masterpiece", "bad", [MASTER], ("1girl, masterpiece", "bad", ())),
        ("photo of a cat, dof", "", [PHOTO], ("a cat", "", ("photo",))),
        ("photo of a cat, masterpiece, dof", "x, lowres", [MASTER, PHOTO], ("a cat", "x", ("master", "photo"))),
        ("a, x, x", "", [Style("x", "x", "")], ("a, x", "", ("x",))),
        ("a", "b", [Style("none", "", "")], ("a", "b", ())),
        (
            "a, x, y",
            "",
            [Style("1", "x", ""), Style("2", "y", ""), Style("3", "a, {prompt}", "")],
            ("a", "", ("1", "2")),
        ),
    ],
)
def test_styles_are_taken_out(
    prompt: str, negative: str, styles: list[Style], expected: tuple[str, str, tuple[str, ...]]
) -> None:
    assert extract_styles(prompt, negative, styles) == expected


@given(st.text(alphabet="abc, ", min_size=1).map(str.strip).filter(bool))
def test_what_is_merged_is_found(prompt: str) -> None:
    found = extract_styles(f"qq {prompt} qq", "", [Style("q", "qq {prompt} qq", "")])
    assert found == (prompt, "", ("q",))
