"""Versions of the programs, compared as the programs compare them."""

import pytest

from paramc.dialects.version import parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v1.7.0-225-gabc1234", (1, 7, 0, 1, 225)),
        ("1.7.0-225", (1, 7, 0, 1, 225)),
        ("v1.7.0", (1, 7, 0, 0, 0)),
        ("1.8.0-RC", (1, 8, 0, -1, 0)),
        ("v1.8.0-RC-5-gabc", (1, 8, 0, -1, 0)),
        ("v1.0.0-pre-1321-gbaf6946e", (1, 0, 0, -1, 0)),
        ("1.6", (1, 6, 0, 0, 0)),
        ("2", (2, 0, 0, 0, 0)),
        (" v1.6.0 ", (1, 6, 0, 0, 0)),
        ("1.6.0b2", (1, 6, 0, -2, 2)),
        ("1.6.0b2.dev1", (1, 6, 0, -2, 1)),
        ("1.6.0.dev3", (1, 6, 0, -4, 0)),
        ("1.6.0.post3.dev1", (1, 6, 0, 1, 2)),
        ("1.6.0.1", (1, 6, 0, 2, 0)),
        ("1.6.0+local.1", (1, 6, 0, 0, 0)),
    ],
)
def test_a_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f2.0.1v1.10.1-previous-669-gdfdcbab6",
        "classic",
        "neo-2.27",
        "ComfyUI",
        "Fooocus v2.5.5",
        "5190f70",
        "1." * 2000,
    ],
)
def test_what_is_no_version_is_none(text: str) -> None:
    assert parse_version(text) is None


def test_versions_are_ordered_by_age() -> None:
    ages = [
        "1.6.0.dev1",
        "1.6.0a1",
        "1.6.0b1",
        "1.6.0-RC",
        "1.6.0",
        "v1.6.0-1-gab",
        "v1.6.0-225-gab",
        "1.6.0.1",
        "1.6.1",
        "1.10.0",
        "1!0.1",
    ]
    versions = [parse_version(text) for text in ages]
    assert versions == sorted(versions, key=lambda version: version or ())
